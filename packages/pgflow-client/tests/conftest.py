"""Flows as plain manifests, and a worker driven by hand: no handler, no DSL, no worker package."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from pgflow_client import Client
from pgflow_manifest import (
    EachInput,
    FlowOptions,
    FlowSpec,
    Manifest,
    PayloadInput,
    ResultInput,
    StepSpec,
    dump_manifest,
    with_digests,
)

NO_DIGEST = "0" * 64


def step(slug: str, *deps: str, result_schema: dict[str, Any] | None = None) -> StepSpec:
    return StepSpec(
        slug=slug,
        deps=tuple(sorted(deps)),
        inputs={dep: ResultInput(step=dep) for dep in deps},
        result_schema=result_schema or {},
        digest=NO_DIGEST,
    )


def map_step(slug: str) -> StepSpec:
    return StepSpec(
        slug=slug,
        kind="map",
        over=PayloadInput(),
        inputs={"item": EachInput()},
        result_schema={"type": "array", "items": {}},
        digest=NO_DIGEST,
    )


def sub_flow_map(slug: str, flow: str, flow_step: str) -> StepSpec:
    started = {"kind": "flow", "flow": flow, "flow_step": flow_step}
    return map_step(slug).model_copy(update={**started, "inputs": {"payload": EachInput()}})


def signal_step(slug: str, *deps: str) -> StepSpec:
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    return StepSpec(slug=slug, kind="signal", deps=deps, result_schema=schema, digest=NO_DIGEST)


def flow(slug: str, *steps: StepSpec, **more: Any) -> FlowSpec:
    fields: dict[str, Any] = {
        "client_startable": True,
        "payload_schema": {},
        "options": FlowOptions(max_attempts=3, base_delay_seconds=0, jitter=0),
        **more,
    }
    return with_digests(FlowSpec(slug=slug, steps=steps, digest=NO_DIGEST, **fields))


MEMO_SCHEMA = {
    "type": "object",
    "properties": {
        "object_name": {"type": "string", "maxLength": 100},
        "owner": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["object_name"],
    "additionalProperties": False,
}


@pytest.fixture(scope="session")
def manifest() -> Manifest:
    """`memo`: the diamond transcribe -> (capitalize, summarize) -> merge. And small ones."""
    memo = flow(
        "memo",
        step("transcribe"),
        step("capitalize", "transcribe"),
        step("summarize", "transcribe"),
        step("merge", "capitalize", "summarize"),
        payload_schema=MEMO_SCHEMA,
    )
    return Manifest(
        flows=(
            flow("anything", step("only")),
            flow(
                "approved",
                step("draft"),
                signal_step("approval", "draft"),
                step("publish", "approval"),
            ),
            flow("each_one", sub_flow_map("called", "anything", "only")),
            flow("internal", step("only"), client_startable=False),
            flow("labels", step("write", result_schema=MEMO_SCHEMA)),
            flow("mapped", map_step("m"), step("total", "m")),
            memo,
            flow(
                "one_try",
                step("first"),
                step("second", "first"),
                options=FlowOptions(max_attempts=1),
            ),
        )
    )


@dataclass(frozen=True, slots=True)
class Task:
    run_id: UUID
    step_slug: str
    task_index: int
    attempt: int
    lease_id: UUID

    @property
    def key(self) -> tuple[list[UUID], list[str], list[int], list[UUID]]:
        return [self.run_id], [self.step_slug], [self.task_index], [self.lease_id]


class HandWorker:
    """Claims, completes and fails tasks when the test says so."""

    def __init__(self, conn: psycopg.Connection, manifest: Manifest) -> None:
        self.conn = conn
        self.worker_id = uuid4()
        handlers = [(f.slug, s.slug, s.digest) for f in manifest.flows for s in f.steps]
        flows, steps, digests = (list(column) for column in zip(*handlers, strict=True))
        conn.execute(
            "select pgflow.register_worker(%s, 'hand', %s, %s, %s)",
            (self.worker_id, flows, steps, digests),
        )

    def claim(self) -> dict[str, Task]:
        """Take all that is waiting; by step slug, so use it with one run at a time."""
        rows = self.conn.execute(
            "select run_id, step_slug, task_index, attempt, lease_id "
            "from pgflow.claim_tasks(%s, 1000)",
            (self.worker_id,),
        ).fetchall()
        return {row[1]: Task(*row) for row in rows}

    def claim_all(self, limit: int = 1000) -> list[Task]:
        """Take what is waiting, items in their order."""
        rows = self.conn.execute(
            "select run_id, step_slug, task_index, attempt, lease_id "
            "from pgflow.claim_tasks(%s, %s) order by task_index",
            (self.worker_id, limit),
        ).fetchall()
        return [Task(*row) for row in rows]

    def complete(self, task: Task, result: object = None) -> None:
        self.conn.execute(
            "select pgflow.complete_tasks(%s, %s, %s, %s, %s)", (*task.key, [Jsonb(result)])
        )

    def fail(self, task: Task, *, retryable: bool = True, message: str = "no luck") -> None:
        error = {"code": "PF603", "type": "ValueError", "message": message, "traceback": "…"}
        self.conn.execute(
            "select pgflow.fail_tasks(%s, %s, %s, %s, %s, %s, %s)",
            (*task.key, [Jsonb(error)], [retryable], [0.0]),
        )

    def finish(self) -> None:
        """Complete everything there is, each step with its own slug as the result."""
        while tasks := self.claim():
            for task in tasks.values():
                self.complete(task, task.step_slug)


@pytest.fixture
def deployed(conn: psycopg.Connection, manifest: Manifest) -> psycopg.Connection:
    """A session on a database where the flows are deployed."""
    conn.execute("select pgflow.deploy(%s::jsonb)", (dump_manifest(manifest).decode(),))
    return conn


@pytest.fixture
def worker(deployed: psycopg.Connection, manifest: Manifest) -> HandWorker:
    return HandWorker(deployed, manifest)


@pytest.fixture
def client(deployed: psycopg.Connection, database_url: str, manifest: Manifest) -> Iterator[Client]:
    with Client(database_url, manifest=manifest) as client:
        yield client


@pytest.fixture
def count_runs(deployed: psycopg.Connection) -> Callable[[], int]:
    def count_runs() -> int:
        row = deployed.execute("select count(*) from pgflow.runs").fetchone()
        assert row is not None
        return int(row[0])

    return count_runs


@pytest.fixture(autouse=True)
def no_database_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGFLOW_DATABASE_URL", "DATABASE_URL", "PGFLOW_MANIFEST"):
        monkeypatch.delenv(name, raising=False)
    for name in [name for name in os.environ if name.startswith("PG") and name[2:].isupper()]:
        if not name.startswith("PGFLOW"):
            monkeypatch.delenv(name)
