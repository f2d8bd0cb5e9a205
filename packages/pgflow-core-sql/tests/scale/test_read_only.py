"""What a viewer asks is answered where nothing can be written, as on a read replica."""

from typing import Any
from uuid import UUID

import psycopg
import pytest
from tests.support.builders import (
    a_diamond,
    claim,
    column,
    complete,
    deploy,
    fail,
    get_run,
    register_worker,
    scalar,
    start_run,
    work_off,
)
from tests.support.fix_pg import UrlFor

Conn = psycopg.Connection[Any]

CALLS = {
    "breaking_version": "pgflow.breaking_version()",
    "deployed_manifest": "pgflow.deployed_manifest()",
    "explain_run": "(select jsonb_agg(to_jsonb(e)) from pgflow.explain_run({run_id}) as e)",
    "get_run": "pgflow.get_run({run_id})",
    "list_runs": "(select jsonb_agg(to_jsonb(r)) from pgflow.list_runs() as r)",
    "may_see": "pgflow.may_see('ada')",
    "schema_version": "pgflow.schema_version()",
    "status": "pgflow.status()",
    "validate": """pgflow.validate('{{"type": "string"}}', '1')""",
}
"""Every public function that only reads."""


@pytest.fixture
def runs(conn: Conn) -> list[UUID]:
    """One run in each state: completed, failed, cancelled, waiting for a retry, running."""
    deploy(conn, a_diamond())
    worker_id = register_worker(conn, a_diamond())
    completed = start_run(conn)
    work_off(conn, worker_id)
    failed = start_run(conn)
    fail(conn, claim(conn, worker_id), retryable=False)
    cancelled = start_run(conn)
    scalar(conn, "select pgflow.cancel_run(%s)", [cancelled])
    retried = start_run(conn)
    fail(conn, claim(conn, worker_id), retry_after=3600)
    running = start_run(conn)
    complete(conn, claim(conn, worker_id))
    claim(conn, worker_id, 1)
    return [completed, failed, cancelled, retried, running]


def test_functions_that_only_read_are_known_to_postgres_as_such(conn: Conn) -> None:
    stable = column(
        conn,
        "select p.proname from pg_proc as p where p.pronamespace = 'pgflow'::regnamespace"
        "   and p.provolatile <> 'v' and not starts_with(p.proname, '_')",
    )
    assert sorted(stable) == sorted(CALLS)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_answer_in_a_read_only_transaction_is_the_same(
    call: str, conn: Conn, runs: list[UUID], url_for: UrlFor
) -> None:
    with psycopg.connect(url_for("pgflow_viewer")) as viewer:
        viewer.execute("set transaction read only")
        for run_id in runs:
            query = f"select {call}".format(run_id=f"'{run_id}'")
            assert scalar(viewer, query) == scalar(conn, query)


def test_every_state_is_looked_at(conn: Conn, runs: list[UUID]) -> None:
    found = [get_run(conn, run_id) for run_id in runs]
    assert [run["status"] for run in found] == [
        *("completed", "failed", "cancelled"),
        *("started", "started"),
    ]
    assert found[3]["steps"][0]["retry_at"] is not None
    assert any(step["running"] for step in found[4]["steps"])


def test_asking_for_notifications_writes_and_so_needs_the_primary(
    conn: Conn, runs: list[UUID]
) -> None:
    conn.execute("set default_transaction_read_only = on")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        conn.execute("select pgflow.watch_run(%s)", [runs[4]])
