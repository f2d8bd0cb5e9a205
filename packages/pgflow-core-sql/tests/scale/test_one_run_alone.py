"""A run needs no other run: its rows are found by its id, and a report may be split by run.

This is what sharding by run_id rests on, see docs/scale.md.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import psycopg
import pytest
from tests.support.builders import (
    DIAMOND_RESULTS,
    Claimed,
    a_diamond,
    claim,
    column,
    complete,
    deploy,
    extend,
    fail,
    register_worker,
    release,
    start_run,
)
from tests.support.fix_clock import SetClock

Conn = psycopg.Connection[Any]
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)

# A new table is a table of runs, with a key that begins with run_id, unless it is listed here.
DEFINITIONS = {
    "contracts",
    "deps",
    "flow_versions",
    "flows",
    "schema_documents",
    "schemas",
    "step_inputs",
    "steps",
}
"""Written by `deploy` and migrations, few and small: every shard has them whole."""
OF_NO_RUN = {
    "gateways": "which login roles are believed, in the whole database",
    "migrations": "which migrations the database has",
    "workers": "a worker takes tasks of any run; whoever reads a lease finds it by its id",
}


def of_runs(tables: Sequence[str]) -> set[str]:
    return {name for name in tables if name not in DEFINITIONS and name not in OF_NO_RUN}


def test_key_of_every_table_of_runs_begins_with_the_run(tx: Conn, tables: list[str]) -> None:
    found = column(
        tx,
        "select distinct i.indrelid::regclass::text from pg_index as i"
        " join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]"
        " where i.indisunique and a.attname = 'run_id' and i.indpred is null",
    )
    assert set(found) >= {f"pgflow.{name}" for name in of_runs(tables)}
    assert of_runs(tables) >= {"runs", "step_states", "tasks", "leases", "attempt_log", "watches"}


def test_no_unique_key_of_a_table_of_runs_is_without_the_run(tx: Conn, tables: list[str]) -> None:
    """Neither a shard nor a partition could hold such a key."""
    found = column(
        tx,
        "select i.indexrelid::regclass::text from pg_index as i"
        " where i.indisunique and i.indrelid::regclass::text = any (%s)"
        "   and not exists (select 1 from pg_attribute as a where a.attrelid = i.indrelid"
        "     and a.attname = 'run_id' and a.attnum = any (i.indkey))",
        [[f"pgflow.{name}" for name in of_runs(tables)]],
    )
    assert found == []


def test_no_foreign_key_leads_from_or_to_a_table_of_runs(tx: Conn, tables: list[str]) -> None:
    found = column(
        tx,
        "select c.conname from pg_constraint as c where c.contype = 'f'"
        "   and (c.conrelid::regclass::text = any (%s) or c.confrelid::regclass::text = any (%s))",
        [[f"pgflow.{name}" for name in of_runs(tables)]] * 2,
    )
    assert found == []


def everything(conn: Conn, tables: Sequence[str]) -> dict[str, list[Any]]:
    return {
        name: column(conn, f"select to_jsonb(t) from pgflow.{name} as t order by t::text")
        for name in of_runs(tables)
    }


def complete_with_one_that_does_not_fit(conn: Conn, tasks: Sequence[Claimed]) -> None:
    unfit = [task for task in tasks if task.args["memo"] == {"owner_id": "1"}]
    results = [17 if task in unfit else DIAMOND_RESULTS[task.step_slug] for task in tasks]
    expected = ["failed" if task in unfit else "completed" for task in tasks]
    assert complete(conn, tasks, results) == expected


@pytest.mark.parametrize(
    "report",
    [
        complete,
        complete_with_one_that_does_not_fit,
        fail,
        partial(fail, retryable=False),
        release,
        partial(extend, seconds=60),
    ],
)
def test_report_may_be_split_by_run(
    report: Callable[[Conn, Sequence[Claimed]], Any],
    tx: Conn,
    tables: list[str],
    set_clock: SetClock,
) -> None:
    """One call for the whole batch, or one for each run, in any order: the same rows after it."""
    set_clock(tx, NOON)
    deploy(tx, a_diamond())
    worker_id = register_worker(tx, a_diamond())
    for number in range(3):
        start_run(tx, payload={"owner_id": str(number)})
    tasks = claim(tx, worker_id)
    assert len({task.run_id for task in tasks}) == 3

    before = everything(tx, tables)
    with tx.transaction(force_rollback=True):
        report(tx, tasks)
        together = everything(tx, tables)
    assert together != before
    for task in reversed(tasks):
        report(tx, [task])

    assert everything(tx, tables) == together
