"""`pgflow demo --break-result`: play a worker whose result is wrong, and see Postgres refuse it.

Plain SQL and no handler, as a worker in another language would do it: what protects the run is the
database, not the code that reports to it.
"""

import json
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb

from pgflow_cli.connection import call
from pgflow_cli.errors import CommandError
from pgflow_cli.terminal import say, write_json
from pgflow_client import Client
from pgflow_manifest import FlowSpec, RunId

_STEP = "transcribe"
_WRONG_RESULT = {"transcription": 42, "phrases": ["to", None], "seconds": 1.5}


def break_result(
    conn: psycopg.Connection[tuple[Any, ...]], client: Client, flow: FlowSpec, payload: object
) -> None:
    """Start a run of *flow*, report a wrong result for its first step, and show what became of it.

    Progress goes to stderr, the error that Postgres stored to stdout, as JSON.
    """
    run_id = client.start(flow.slug, payload).run_id
    worker_id = uuid4()
    lease_id = _claim(conn, flow, worker_id)
    say(f"a worker reports this result of step {_STEP!r}, in plain SQL:")
    say(f"    select pgflow.complete_step(run_id, '{_STEP}', lease_id, result)")
    say(f"    result = {json.dumps(_WRONG_RESULT)}")
    [answer] = call(
        conn,
        "select pgflow.complete_step(%(run_id)s, %(step)s, %(lease_id)s, %(result)s) as outcome",
        {
            "run_id": run_id,
            "step": _STEP,
            "lease_id": lease_id,
            "result": Jsonb(_WRONG_RESULT),
        },
    )
    say(f"Postgres answers {answer['outcome']!r} and keeps the reason with the step:")
    call(conn, "select pgflow.stop_worker(%(worker_id)s)", {"worker_id": worker_id})
    write_json(_stored_error(conn, run_id))
    say(f"the run is {client.get(run_id).status}; nothing wrong entered it, and nobody retries")


def _claim(conn: psycopg.Connection[tuple[Any, ...]], flow: FlowSpec, worker_id: UUID) -> object:
    step = flow.step(_STEP)
    call(
        conn,
        "select * from pgflow.register_worker(%(worker_id)s, 'demo', array[%(flow)s], "
        "array[%(step)s], array[%(digest)s])",
        {"worker_id": worker_id, "flow": flow.slug, "step": step.slug, "digest": step.digest},
    )
    tasks = call(
        conn,
        "select lease_id from pgflow.claim_tasks(%(worker_id)s, 1)",
        {"worker_id": worker_id},
    )
    if not tasks:
        raise CommandError(
            f"another worker of flow {flow.slug!r} was faster; stop it, or leave --database-url out"
        )
    return tasks[0]["lease_id"]


def _stored_error(conn: psycopg.Connection[tuple[Any, ...]], run_id: RunId) -> object:
    [row] = call(
        conn,
        "select error from pgflow.step_states where run_id = %(run_id)s and step_slug = %(step)s",
        {"run_id": run_id, "step": _STEP},
    )
    return row["error"]
