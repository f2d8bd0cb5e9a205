"""The worker's SQL calls: texts for the exchange, functions for everything else.

Each has the name of the SQL function it calls. The functions are sync: they run in the keeper
thread, or in a thread at start and end, where nobody waits for the loop.
"""

from collections.abc import Sequence
from typing import Final, LiteralString, cast
from uuid import UUID

import psycopg

from pgflow_manifest import Manifest, dump_manifest
from pgflow_worker.arrays import IntArray, TextArray, UuidArray
from pgflow_worker.connections import Connection
from pgflow_worker.lease import Lease
from pgflow_worker.loader import Handler
from pgflow_worker.rows import SweepAnswer

WORK_CHANNEL: Final = "pgflow_work"
TIMER: Final = "timer"
"""What a notification on that channel says when a timer is due soon; else there is work."""

COMPLETE_TASKS: Final[LiteralString] = """
select t.ordinal, t.error ->> 'message'
from pgflow.complete_tasks(
  p_run_ids => %s, p_step_slugs => %s, p_task_indexes => %s, p_lease_ids => %s, p_results => %s
) as t
where t.outcome <> 'completed'
"""
"""Answers only what did not complete, usually no row at all: with a message the step has failed,
because its result does not fit, and without one the lease was over."""

EXCHANGE_TASKS: Final[LiteralString] = """
select t.ordinal, t.error ->> 'message', t.run_id, t.task_index, t.attempt, t.lease_id,
  t.contract_id, t.timeout_seconds, t.max_attempts, t.args
from pgflow.exchange_tasks(
  p_worker_id => %s, p_run_ids => %s, p_step_slugs => %s, p_task_indexes => %s,
  p_lease_ids => %s, p_results => %s, p_limit => %s::integer,
  p_lease_seconds => %s::double precision
) as t
"""
"""First the answers of COMPLETE_TASKS, then those of CLAIM_TASKS, which have no ordinal."""

FAIL_TASKS: Final[LiteralString] = """
select t.ordinal, t.outcome, extract(epoch from t.retry_at - now())::double precision
from pgflow.fail_tasks(
  p_run_ids => %s, p_step_slugs => %s, p_task_indexes => %s, p_lease_ids => %s,
  p_errors => %s, p_retryable => %s::boolean[], p_retry_after_seconds => %s::double precision[]
) as t
"""
"""The time of the retry comes as seconds from now: two clocks may differ."""

RELEASE_TASKS: Final[LiteralString] = """
select t.ordinal
from pgflow.release_tasks(
  p_run_ids => %s, p_step_slugs => %s, p_task_indexes => %s, p_lease_ids => %s
) as t
where t.outcome <> 'released'
"""

CLAIM_TASKS: Final[LiteralString] = """
select t.run_id, t.task_index, t.attempt, t.lease_id, t.contract_id, t.timeout_seconds,
  t.max_attempts, t.args
from pgflow.claim_tasks(
  p_worker_id => %s, p_limit => %s::integer, p_lease_seconds => %s::double precision
) as t
"""
"""Columns in the order of `ClaimedTask`."""

TaskKeys = tuple[UuidArray, TextArray, IntArray, UuidArray]


def task_keys(leases: Sequence[Lease]) -> TaskKeys:
    """Return the first four arguments of every report: which task, and the right to it."""
    return (
        UuidArray([lease.task.run_id for lease in leases]),
        TextArray([lease.handler.slug_bytes for lease in leases]),
        IntArray([lease.task.task_index for lease in leases]),
        UuidArray([lease.task.lease_id for lease in leases]),
    )


def schema_version(conn: Connection) -> tuple[int, int] | None:
    """Return the version of the schema and of its latest breaking change; None without one."""
    try:
        row = conn.execute("select pgflow.schema_version(), pgflow.breaking_version()").fetchone()
    except (psycopg.errors.InvalidSchemaName, psycopg.errors.UndefinedFunction):
        return None
    version, breaking = cast("tuple[int | None, int]", row)
    return None if version is None else (version, breaking)


def deploy(conn: Connection, manifest: Manifest) -> list[tuple[str, int, str]]:
    """Deploy every flow; answers slug, version and what was done."""
    rows = conn.execute(
        "select flow_slug, version, outcome from pgflow.deploy(%s::jsonb)",
        [dump_manifest(manifest).decode()],
    ).fetchall()
    return cast("list[tuple[str, int, str]]", rows)


def register_worker(
    conn: Connection, worker_id: UUID, name: str, handlers: Sequence[Handler], beat: float
) -> dict[int, Handler]:
    """Announce this worker; answers its handlers by contract."""
    rows = conn.execute(
        "select contract_id, flow_slug, step_slug from pgflow.register_worker("
        "%s, %s, %s::text[], %s::text[], %s::text[], %s::double precision)",
        [
            worker_id,
            name,
            [handler.flow_slug for handler in handlers],
            [handler.step_slug for handler in handlers],
            [handler.digest for handler in handlers],
            beat,
        ],
    ).fetchall()
    by_step = {(handler.flow_slug, handler.step_slug): handler for handler in handlers}
    answered = cast("list[tuple[int, str, str]]", rows)
    return {contract_id: by_step[flow, step] for contract_id, flow, step in answered}


def beat(conn: Connection, worker_id: UUID) -> None:
    """Say that this worker lives; PF104 when the engine does not believe it any more."""
    conn.execute("select pgflow.beat(%s)", [worker_id])


def extend_leases(conn: Connection, leases: Sequence[Lease], seconds: float) -> list[Lease]:
    """Keep *leases* ours from now on; answers those that are lost."""
    rows = conn.execute(
        "select t.ordinal from pgflow.extend_leases(%s, %s, %s, %s, %s::double precision) as t "
        "where t.leased_until is null",
        [*task_keys(leases), seconds],
        prepare=True,
    ).fetchall()
    return [leases[cast("int", ordinal) - 1] for (ordinal,) in rows]


def sweep(conn: Connection) -> SweepAnswer:
    """Let the engine end what others left behind."""
    row = conn.execute(
        "select expired, dead_workers, next_timer_seconds from pgflow.sweep()"
    ).fetchone()
    return SweepAnswer(*cast("tuple[int, int, float | None]", row))


def stop_worker(conn: Connection, worker_id: UUID) -> None:
    """Say goodbye; what this worker still held is released."""
    conn.execute("select pgflow.stop_worker(%s)", [worker_id])
