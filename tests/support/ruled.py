"""Flows with conditions, policies and failure handlers, as plain documents."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID, uuid4

from psycopg import Connection
from psycopg.types.json import Jsonb
from tests.support.builders import scalar, start_run

from pgflow_manifest import FlowSpec, Manifest, dump_manifest

Document = dict[str, Any]

HANDLER_INPUTS: Final = {
    "error": {"source": "error"},
    "code": {"source": "error", "path": ["code"]},
    "payload": {"source": "payload"},
}


def of_payload(*path: str | int) -> Document:
    """Return the operand that is the payload, or a part of it."""
    return {"source": "payload", "path": list(path)}


def of_result(step: str, *path: str | int) -> Document:
    """Return the operand that is the result of *step*, or a part of it."""
    return {"source": "result", "step": step, "path": list(path)}


def holds(op: str, left: Document, right: Any) -> Document:
    """Return the condition that compares an operand with a constant."""
    return {"op": op, "left": left, "right": {"value": right}}


def is_true(operand: Document) -> Document:
    """Return the condition that *operand* is true."""
    return {"op": "is_true", "of": operand}


def a_ruled_flow(
    flow: FlowSpec,
    rules: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    handler: Mapping[str, Any] | None = None,
) -> Document:
    """Return *flow* as a document, with further members of its steps and a failure handler.

    *handler* are the inputs of the step `on_failure`, which is added when they are given.
    """
    manifest = json.loads(dump_manifest(Manifest(flows=(flow,))))
    document: Document = manifest["flows"][0]
    for step in document["steps"]:
        step.update((rules or {}).get(step["slug"], {}))
    if handler is not None:
        document["steps"].append(
            {
                "slug": "on_failure",
                "kind": "failure",
                "inputs": dict(handler),
                "result_schema": {},
                "digest": _digest(handler),
            }
        )
    document["digest"] = _digest(document)
    return document


def deploy_ruled(conn: Connection[Any], *documents: Document) -> list[tuple[str, int, str]]:
    """Deploy flows; return slug, version and outcome of each."""
    manifest = {"format_version": 1, "flows": list(documents)}
    return conn.execute("select * from pgflow.deploy(%s)", [Jsonb(manifest)]).fetchall()


def register_for(conn: Connection[Any], *documents: Document) -> UUID:
    """Register a worker that has every handler; return its id."""
    worker_id = uuid4()
    handlers = [
        (document["slug"], step["slug"], step["digest"])
        for document in documents
        for step in document["steps"]
    ]
    scalar(
        conn,
        "select count(*) from pgflow.register_worker("
        "%s, 'tester', %s::text[], %s::text[], %s::text[], 10)",
        [worker_id, *[[handler[n] for handler in handlers] for n in range(3)]],
    )
    return worker_id


def a_started_run(
    conn: Connection[Any], document: Document, payload: Any = None
) -> tuple[UUID, UUID]:
    """Deploy the flow and start a run of it; return the worker and the run."""
    deploy_ruled(conn, document)
    worker_id = register_for(conn, document)
    return worker_id, start_run(conn, document["slug"], payload)


def states(conn: Connection[Any], run_id: UUID) -> dict[str, str]:
    """Return the status of each step of a run that has begun, skipped ones with their reason."""
    rows = conn.execute(
        "select step_slug, concat_ws(':', status, skip_reason) from pgflow.step_states"
        " where run_id = %s order by step_slug",
        [run_id],
    ).fetchall()
    return dict(rows)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
