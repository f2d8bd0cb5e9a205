"""Bad input at every border of the product: the documented error, and no trace of it.

One list of cases, through the real parts: compile, deploy, client, SQL, worker.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

import orjson
import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.support.builders import (
    a_diamond,
    a_flow,
    a_step,
    claim,
    complete,
    deploy,
    get_run,
    object_schema,
    register_worker,
    scalar,
    start_run,
    work_off,
)
from tests.support.invariants import check_invariants

from pgflow_client import Client
from pgflow_dsl import Flow, compile_flows
from pgflow_manifest import (
    FlowNotFoundError,
    Manifest,
    ManifestInvalidError,
    ManifestVersionError,
    NotStorableError,
    PayloadInvalidError,
    PgflowError,
    dump_manifest,
    load_manifest,
)
from pgflow_worker import Worker

TABLES: Final = ("runs", "step_states", "tasks", "leases", "attempts", "flows", "flow_versions")


def counts(conn: psycopg.Connection) -> dict[str, int]:
    return {table: scalar(conn, f"select count(*) from pgflow.{table}") for table in TABLES}


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("flow", "payload", "error", "says"),
    [
        ("voice_mem", {"owner_id": "ada"}, FlowNotFoundError, "voice_memo"),
        ("voice_memo", {"owner_id": 7}, PayloadInvalidError, "/owner_id"),
        ("voice_memo", {}, PayloadInvalidError, "owner_id"),
        ("voice_memo", {"owner_id": "\0"}, NotStorableError, "/owner_id"),
        ("voice_memo", {"owner_id": "\ud800"}, NotStorableError, "/owner_id"),
        ("voice_memo", {"owner_id": "a", "x": math.nan}, NotStorableError, "/x"),
        ("voice_memo", {"owner_id": "a", "x": deep(100_000)}, NotStorableError, "/x/0"),
        ("voice_memo", {"owner_id": "a", "x": object()}, NotStorableError, "/x"),
    ],
)
def test_a_client_refuses_a_start_before_anything_is_sent(  # noqa: PLR0917
    conn: psycopg.Connection,
    database_url: str,
    flow: str,
    payload: Any,
    error: type[PgflowError],
    says: str,
) -> None:
    diamond = a_diamond(payload_schema=object_schema("owner_id"))
    deploy(conn, diamond)
    before = counts(conn)
    with Client(database_url, manifest=Manifest(flows=(diamond,))) as client:
        with pytest.raises(error) as caught:
            client.start(flow, payload)
        with pytest.raises(error):
            client.start_many(flow, [payload])

    assert f"{caught.value.message} {caught.value.hint}".find(says) >= 0
    assert caught.value.code in {"PF101", "PF202", "PF208"}
    assert counts(conn) == before


@pytest.mark.parametrize(
    ("text", "sqlstate"),
    [
        ('"\\u0000"', "22P05"),
        ('"\\ud800"', "22P02"),
        ("NaN", "22P02"),
        ("[" * 100_000 + "]" * 100_000, "54001"),
        ("1e200000", "22003"),
    ],
)
def test_sql_refuses_a_payload_that_jsonb_cannot_hold(
    conn: psycopg.Connection, text: str, sqlstate: str
) -> None:
    deploy(conn, a_diamond())
    before = counts(conn)
    with pytest.raises(psycopg.Error) as caught:
        conn.execute("select pgflow.start_flow('voice_memo', %s::jsonb)", [text])

    assert caught.value.sqlstate == sqlstate
    assert counts(conn) == before


def with_cycle() -> Manifest:
    flow = a_flow("circle", a_step("a"), a_step("b", "a"))
    first, second = flow.steps
    return Manifest(
        flows=(
            flow.model_copy(update={"steps": (first.model_copy(update={"deps": ("b",)}), second)}),
        )
    )


def of_the_future() -> bytes:
    return orjson.dumps({**orjson.loads(dump_manifest(Manifest(flows=()))), "format_version": 2})


@pytest.mark.parametrize(
    ("content", "error", "code"),
    [
        (of_the_future(), ManifestVersionError, "PF207"),
        (dump_manifest(with_cycle()), ManifestInvalidError, "PF204"),
    ],
    ids=["future version", "cycle"],
)
def test_a_manifest_is_refused_by_the_reader_and_by_the_database(
    conn: psycopg.Connection, content: bytes, error: type[PgflowError], code: str
) -> None:
    before = counts(conn)
    with pytest.raises(error):
        load_manifest(content)
    with pytest.raises(psycopg.Error) as caught:
        conn.execute("select pgflow.deploy(%s::jsonb)", [content.decode()])

    assert caught.value.sqlstate == code
    assert counts(conn) == before


def nul() -> str:
    return "\0"


def not_a_number() -> float:
    return math.nan


def wrong_type() -> int:
    return "seven"  # type: ignore[return-value]


@pytest.mark.parametrize("handler", [nul, not_a_number, wrong_type])
def test_a_result_that_cannot_be_stored_fails_its_step_at_once_and_no_other(
    conn: psycopg.Connection, database_url: str, handler: Callable[[], Any]
) -> None:
    bad = Flow("bad", payload=int, max_attempts=5)
    bad.step(slug="broken")(handler)
    good = Flow("good", payload=int)
    good.step(slug="fine")(fine)
    manifest = compile_flows([bad, good])
    conn.execute("select * from pgflow.deploy(%s::jsonb)", [dump_manifest(manifest).decode()])
    failing, completing = start_run(conn, "bad", 1), start_run(conn, "good", 1)

    asyncio.run(Worker([bad, good], database_url, drain=True).run())

    run = get_run(conn, failing)
    assert (run["status"], run["error"]["code"]) == ("failed", "PF601")
    assert run["steps"][0]["attempts"] == 1
    assert get_run(conn, completing)["output"] == {"fine": "fine"}
    check_invariants(conn)


def fine() -> str:
    return "fine"


def test_a_stale_lease_changes_nothing(conn: psycopg.Connection) -> None:
    diamond = a_diamond()
    deploy(conn, diamond)
    worker = register_worker(conn, diamond)
    run_id = start_run(conn)
    tasks = claim(conn, worker)
    conn.execute("select pgflow.stop_worker(%s)", [worker])
    before = counts(conn)

    assert complete(conn, tasks) == ["stale"]
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(
            "select pgflow.complete_step(%s, %s, %s, %s)",
            [run_id, tasks[0].step_slug, tasks[0].lease_id, Jsonb({"transcription": "late"})],
        )

    assert caught.value.sqlstate == "PF301"
    assert counts(conn) == before
    assert work_off(conn, register_worker(conn, diamond)) == 4
    check_invariants(conn)


def test_an_unknown_run_is_named_by_every_call(database_url: str) -> None:
    nobody = uuid4()
    with Client(database_url, manifest=Manifest(flows=())) as client:
        for call in (client.get, client.cancel, client.wait):
            with pytest.raises(PgflowError) as caught:
                call(nobody)
            assert caught.value.code == "PF102"
            assert str(nobody) in caught.value.message
