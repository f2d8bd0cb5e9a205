"""A hundred thousand items: what a call costs does not grow with what was done before it.

Costs are buffers, which the load of the machine does not change: pages that the session touched.
"""

from typing import Any

import psycopg
import pytest
from psycopg import sql
from tests.support.builders import (
    Claimed,
    a_flow,
    a_map,
    a_step,
    claim_in_order,
    complete,
    deploy,
    get_run,
    register_worker,
    scalar,
    start_run,
)
from tests.support.fix_pg import Connect

from pgflow_manifest import EachInput, PayloadInput, ResultInput

Conn = psycopg.Connection[Any]
ITEMS = 100_000
BATCH = 500
EXCHANGE = """
    with claimed as materialized (
      select array_agg(c.run_id) as run_ids, array_agg(c.step_slug) as step_slugs,
        array_agg(c.task_index) as task_indexes, array_agg(c.lease_id) as lease_ids,
        array_agg(c.args -> 'item') as results
      from pgflow.claim_tasks({}, {}) as c
    )
    select * from claimed"""
COMPLETE = """
    select count(*) from claimed as c cross join lateral pgflow.complete_tasks(
      c.run_ids, c.step_slugs, c.task_indexes, c.lease_ids, c.results) as t
    where t.outcome = 'completed'"""


def buffers(conn: Conn, query: sql.Composable | str) -> int:
    """Run *query* and return how many pages it touched."""
    text = query.as_string(conn) if isinstance(query, sql.Composable) else query
    plan = scalar(conn, f"explain (analyze, buffers, timing off, format json) {text}")[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def work_off_in_batches(conn: Conn, worker_id: Any, count: int) -> tuple[list[int], list[int]]:
    """Claim and complete *count* tasks by BATCH; return the pages of each claim and report."""
    claims, reports = [], []
    exchange = sql.SQL(EXCHANGE).format(str(worker_id), BATCH)
    for _ in range(count // BATCH):
        conn.execute("drop table if exists claimed")
        claims.append(buffers(conn, sql.SQL("create temp table claimed as {}").format(exchange)))
        reports.append(buffers(conn, COMPLETE))
    return claims, reports


def report_alone(conn: Conn, task: Claimed) -> int:
    """Complete one task; return how many pages that touched."""
    conn.execute("drop table if exists claimed")
    conn.execute(
        "create temp table claimed as select array[%s::uuid] as run_ids, array[%s] as step_slugs,"
        " array[%s] as task_indexes, array[%s::uuid] as lease_ids, array['0'::jsonb] as results",
        [task.run_id, task.step_slug, task.task_index, task.lease_id],
    )
    return buffers(conn, COMPLETE)


@pytest.mark.stress
def test_claims_and_reports_of_the_last_items_cost_what_those_of_the_first_do(conn: Conn) -> None:
    flow = a_flow(
        "many",
        a_map(
            "m",
            PayloadInput(path=("items",)),
            inputs={"item": EachInput(), "language": PayloadInput(path=("language",))},
        ),
        a_step("end", "m"),
    )
    deploy(conn, flow)
    worker_id = register_worker(conn, flow)
    items = [{"number": number} for number in range(ITEMS)]
    run_id = start_run(conn, "many", {"items": items, "language": "en"})
    claims, reports = work_off_in_batches(conn, worker_id, ITEMS)
    # the very first plans their queries, the last report gathers the list
    assert max(claims[-20:]) < 2 * min(claims[1:20])
    assert max(reports[-20:-1]) < 2 * min(reports[1:20])
    assert reports[-1] < 40 * max(reports[-20:-1])
    run = get_run(conn, run_id)
    assert run["steps"][0]["tasks"]["completed"] == ITEMS
    assert run["steps"][0]["result"] == items
    assert run["steps"][1]["status"] == "started"
    assert scalar(conn, "select count(*) from pgflow.map_items") == 0


@pytest.mark.stress
def test_reports_one_by_one_at_the_end_do_not_pass_all_that_went_before(
    conn: Conn, connect: Connect
) -> None:
    """Not even while an old transaction keeps every dead row, and in the worst order."""
    flow = a_flow("many", a_map("m", PayloadInput()))
    deploy(conn, flow)
    worker_id = register_worker(conn, flow)
    run_id = start_run(conn, "many", list(range(20_000)))
    with connect() as onlooker:
        onlooker.execute("begin isolation level repeatable read; select count(*) from pgflow.runs")
        work_off_in_batches(conn, worker_id, 19_000)
        tasks = claim_in_order(conn, worker_id, 1_000)
        for task in (tasks[0], *tasks[:500:-1]):
            assert complete(conn, [task], [0]) == ["completed"]
        pages = [report_alone(conn, task) for task in tasks[1:500]]
        onlooker.execute("rollback")
    assert max(pages[1:]) < 2 * min(pages[1:])
    assert complete(conn, tasks[500:501], [0]) == ["completed"]
    assert get_run(conn, run_id)["status"] == "completed"


@pytest.mark.stress
def test_items_cost_what_as_many_single_tasks_cost(conn: Conn) -> None:
    mapped = a_flow("mapped", a_map("m", PayloadInput(path=("items",))))
    single = a_flow("single", a_step("s", inputs={"item": PayloadInput(path=("item",))}))
    deploy(conn, mapped, single)
    of_items, of_singles = register_worker(conn, mapped), register_worker(conn, single)
    start_run(conn, "mapped", {"items": list(range(5_000))})
    conn.execute(
        "select pgflow.start_flows('single', array_fill('{\"item\": 1}'::jsonb, array[5000]))"
    )
    item_claims, item_reports = work_off_in_batches(conn, of_items, 5_000)
    single_claims, single_reports = work_off_in_batches(conn, of_singles, 5_000)
    assert sorted(item_claims)[5] < 1.2 * sorted(single_claims)[5]
    assert sorted(item_reports)[5] < sorted(single_reports)[5]


@pytest.mark.stress
def test_document_of_a_finished_map_does_not_read_its_tasks(conn: Conn) -> None:
    flow = a_flow("many", a_map("m", PayloadInput()), a_map("n", ResultInput(step="m")))
    deploy(conn, flow)
    worker_id = register_worker(conn, flow)
    sizes = []
    for count in (500, 10_000):
        run_id = start_run(conn, "many", [0] * count)
        work_off_in_batches(conn, worker_id, 2 * count)
        assert get_run(conn, run_id)["status"] == "completed"
        sizes.append(buffers(conn, f"select pgflow.get_run('{run_id}')"))
    # the lists themselves are larger: some pages of TOAST
    assert sizes[1] < sizes[0] + 200
