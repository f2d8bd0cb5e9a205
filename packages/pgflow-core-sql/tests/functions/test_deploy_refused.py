"""deploy: every fault of a manifest has its code and its JSON pointer, and leaves no trace."""

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.support.builders import a_diamond, a_flow, a_step, deploy, scalar
from tests.support.refusals import refused

from pgflow_manifest import Manifest, dump_manifest

Conn = psycopg.Connection[Any]
Document = dict[str, Any]
DEPLOY = "select * from pgflow.deploy(%s)"


def diamonds() -> Document:
    """Return a manifest of two flows as JSON data; the faults are put into the second one."""
    manifest = Manifest(flows=(a_flow("good", a_step("a")), a_diamond()))
    document: Document = json.loads(dump_manifest(manifest))
    return document


def put(pointer: str, value: Any) -> Callable[[], Document]:
    """Return a manifest in which *value* stands at *pointer*."""

    def build() -> Document:
        document = diamonds()
        *parents, last = [int(key) if key.isdigit() else key for key in pointer.split("/")[1:]]
        place: Any = document
        for key in parents:
            place = place[key]
        place[last] = value
        return document

    return build


def drop(pointer: str) -> Callable[[], Document]:
    """Return a manifest that has nothing at *pointer*."""

    def build() -> Document:
        document = put(pointer, None)()
        *parents, last = [int(key) if key.isdigit() else key for key in pointer.split("/")[1:]]
        place: Any = document
        for key in parents:
            place = place[key]
        del place[last]
        return document

    return build


FLOW = "/flows/1"
STEP = "/flows/1/steps/1"
INPUT = {"source": "result", "step": "transcribe"}
FAULTS: list[tuple[str, str, Callable[[], Document]]] = [
    # code, where, the manifest
    ("PF201", f"{FLOW}/slug", put(f"{FLOW}/slug", "has-dash")),
    ("PF201", f"{FLOW}/slug", put(f"{FLOW}/slug", "run")),
    ("PF201", f"{FLOW}/slug", put(f"{FLOW}/slug", "")),
    ("PF201", f"{FLOW}/slug", put(f"{FLOW}/slug", "x" * 129)),
    ("PF201", f"{FLOW}/slug", put(f"{FLOW}/slug", 7)),
    ("PF201", f"{FLOW}/slug", put(f"{FLOW}/slug", None)),
    ("PF201", f"{FLOW}/slug", drop(f"{FLOW}/slug")),
    ("PF201", f"{STEP}/slug", put(f"{STEP}/slug", "1st")),
    ("PF201", f"{STEP}/slug", put(f"{STEP}/slug", "line\n")),
    ("PF201", f"{STEP}/slug", drop(f"{STEP}/slug")),
    ("PF203", f"{FLOW}/options/max_attempts", put(f"{FLOW}/options/max_attempts", 0)),
    ("PF203", f"{FLOW}/options/max_attempts", put(f"{FLOW}/options/max_attempts", 1001)),
    ("PF203", f"{FLOW}/options/max_attempts", put(f"{FLOW}/options/max_attempts", 1.5)),
    ("PF203", f"{FLOW}/options/max_attempts", put(f"{FLOW}/options/max_attempts", "3")),
    ("PF203", f"{FLOW}/options/jitter", put(f"{FLOW}/options/jitter", 1.1)),
    ("PF203", f"{FLOW}/options/jitter", put(f"{FLOW}/options/jitter", True)),
    ("PF203", f"{STEP}/options/base_delay_seconds", put(f"{STEP}/options/base_delay_seconds", -1)),
    ("PF203", f"{STEP}/options/max_delay_seconds", put(f"{STEP}/options/max_delay_seconds", 1e99)),
    ("PF203", f"{STEP}/options/timeout_seconds", put(f"{STEP}/options/timeout_seconds", 0)),
    ("PF206", f"{STEP}/options/retries", put(f"{STEP}/options/retries", 3)),
    ("PF206", f"{STEP}/options/a~1b~0c", put(f"{STEP}/options", {"a/b~c": 3})),
    ("PF206", f"{FLOW}/options", put(f"{FLOW}/options", [])),
    ("PF204", f"{FLOW}/steps", put(f"{FLOW}/steps/0/deps", ["merge"])),
    ("PF204", f"{FLOW}/steps", put(f"{FLOW}/steps/0/deps", ["transcribe"])),
    ("PF205", f"{STEP}/deps", put(f"{STEP}/deps", ["nowhere", "transcribe"])),
    ("PF205", f"{STEP}/inputs/t/step", put(f"{STEP}/inputs/t/step", "merge")),
    ("PF205", f"{STEP}/inputs/t/step", put(f"{STEP}/inputs/t/step", ["transcribe"])),
    ("PF205", f"{STEP}/inputs/t/step", put(f"{STEP}/inputs/t/step", [])),
    ("PF205", f"{STEP}/inputs/t/step", drop(f"{STEP}/inputs/t/step")),
    ("PF206", f"{STEP}/inputs/t", put(f"{STEP}/inputs/t/source", "elsewhere")),
    ("PF206", f"{STEP}/inputs/t", put(f"{STEP}/inputs/t", "transcribe")),
    ("PF206", f"{STEP}/inputs/t", put(f"{STEP}/inputs/t", {**INPUT, "path": "a.b"})),
    ("PF206", f"{STEP}/inputs/t", put(f"{STEP}/inputs/t", {**INPUT, "path": [None]})),
    ("PF206", f"{STEP}/inputs/t", put(f"{STEP}/inputs/t", {**INPUT, "path": [["a"]]})),
    ("PF206", f"{STEP}/inputs", put(f"{STEP}/inputs", [])),
    ("PF206", f"{STEP}/deps", put(f"{STEP}/deps", "transcribe")),
    ("PF206", f"{STEP}/deps", put(f"{STEP}/deps", [1])),
    ("PF206", f"{STEP}/kind", put(f"{STEP}/kind", "teapot")),
    ("PF206", f"{STEP}/description", put(f"{STEP}/description", {})),
    ("PF206", f"{STEP}/result_schema", put(f"{STEP}/result_schema", True)),
    ("PF206", f"{STEP}/result_schema", drop(f"{STEP}/result_schema")),
    ("PF206", f"{STEP}/digest", put(f"{STEP}/digest", "A" * 64)),
    ("PF206", f"{STEP}/digest", drop(f"{STEP}/digest")),
    ("PF206", f"{FLOW}/steps/2/slug", put(f"{FLOW}/steps/2/slug", "summarize")),
    ("PF206", STEP, put(STEP, "summarize")),
    ("PF206", f"{FLOW}/digest", put(f"{FLOW}/digest", "0" * 63)),
    ("PF206", f"{FLOW}/digest", drop(f"{FLOW}/digest")),
    ("PF206", f"{FLOW}/payload_schema", put(f"{FLOW}/payload_schema", "string")),
    ("PF206", f"{FLOW}/description", put(f"{FLOW}/description", 1)),
    ("PF206", f"{FLOW}/client_startable", put(f"{FLOW}/client_startable", "yes")),
    ("PF206", f"{FLOW}/client_startable", put(f"{FLOW}/client_startable", None)),
    ("PF206", f"{FLOW}/steps", put(f"{FLOW}/steps", [])),
    ("PF206", f"{FLOW}/steps", put(f"{FLOW}/steps", {})),
    ("PF206", f"{FLOW}/steps", drop(f"{FLOW}/steps")),
    ("PF206", FLOW, put(FLOW, "voice_memo")),
    ("PF206", f"{FLOW}/slug", put(f"{FLOW}/slug", "good")),
    ("PF206", "/flows", put("/flows", {})),
    ("PF206", "/flows", drop("/flows")),
    ("PF206", "/format_version", put("/format_version", "1")),
    ("PF206", "/format_version", drop("/format_version")),
]


@pytest.mark.parametrize(
    ("code", "at", "build"), FAULTS, ids=[f"{n}-{f[0]}{f[1]}" for n, f in enumerate(FAULTS)]
)
def test_fault_has_its_code_and_place_and_leaves_no_trace(
    tx: Conn, code: str, at: str, build: Callable[[], Document]
) -> None:
    with refused(tx, code) as refusal:
        tx.execute(DEPLOY, [Jsonb(build())])
    assert refusal.details["at"] == at
    assert at in refusal.message
    assert scalar(tx, "select count(*) from pgflow.flows") == 0


@pytest.mark.parametrize("document", [None, [], 1, "manifest"], ids=str)
def test_what_is_no_object_is_no_manifest(tx: Conn, document: Any) -> None:
    with refused(tx, "PF206") as refusal:
        tx.execute(DEPLOY, [Jsonb(document)])
    assert refusal.details == {"at": ""}


def test_sql_null_is_no_manifest(tx: Conn) -> None:
    with refused(tx, "PF206"):
        tx.execute(DEPLOY, [None])


@pytest.mark.parametrize("version", [0, 2, 1.5, 99])
def test_other_format_version_is_refused_before_anything_else_is_read(
    tx: Conn, version: float
) -> None:
    with refused(tx, "PF207") as refusal:
        tx.execute(DEPLOY, [Jsonb({"format_version": version, "flows": "in a new form"})])
    assert refusal.details == {"found": version, "known": 1}


def test_cycle_names_the_steps_that_are_in_it(tx: Conn) -> None:
    build = put(f"{FLOW}/steps/0/deps", ["merge"])
    with refused(tx, "PF204") as refusal:
        tx.execute(DEPLOY, [Jsonb(build())])
    assert refusal.details["steps"] == ["capitalize", "merge", "summarize", "transcribe"]


def test_unknown_dep_names_step_and_dep(tx: Conn) -> None:
    build = put(f"{STEP}/deps", ["nowhere", "transcribe"])
    with refused(tx, "PF205") as refusal:
        tx.execute(DEPLOY, [Jsonb(build())])
    assert (refusal.details["step"], refusal.details["dep"]) == ("summarize", "nowhere")


def test_same_digest_with_another_graph_is_refused(tx: Conn) -> None:
    deploy(tx, a_diamond())
    lying = a_flow("voice_memo", a_step("a")).model_copy(update={"digest": a_diamond().digest})
    with refused(tx, "PF304") as refusal:
        deploy(tx, lying)
    assert refusal.details["flow_slug"] == "voice_memo"
    assert list(refusal.details["given"]) == ["a"]
    assert set(refusal.details["stored"]) == {"transcribe", "summarize", "capitalize", "merge"}


def test_same_digest_with_another_dep_is_refused(tx: Conn) -> None:
    flow = a_flow("f", a_step("a"), a_step("b"))
    deploy(tx, flow)
    waiting = flow.steps[1].model_copy(update={"deps": ("a",)})
    with refused(tx, "PF304"):
        deploy(tx, flow.model_copy(update={"steps": (flow.steps[0], waiting)}))


def test_deeply_nested_manifest_is_refused_by_postgres_and_leaves_no_trace(tx: Conn) -> None:
    deep = '{"a":' * 100_000 + "1" + "}" * 100_000
    with pytest.raises(psycopg.errors.StatementTooComplex), tx.transaction():
        tx.execute(DEPLOY, [deep])
    assert scalar(tx, "select count(*) from pgflow.flows") == 0
