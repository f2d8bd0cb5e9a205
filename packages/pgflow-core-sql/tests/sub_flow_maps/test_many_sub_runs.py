"""Thousands of items: what a sweep costs does not grow with what was done before it.

Costs are buffers, which the load of the machine does not change: pages that the session touched.
"""

from typing import Any

import psycopg
import pytest
from tests.support.builders import claim, complete, get_step, scalar
from tests.support.sub_flow_maps import a_begun_map, open_at_once

Conn = psycopg.Connection[Any]
ITEMS = 6_000
BATCH = 100


def buffers(conn: Conn, query: str) -> int:
    """Run *query* and return how many pages it touched."""
    plan = scalar(conn, f"explain (analyze, buffers, timing off, format json) {query}")[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


@pytest.mark.stress
def test_sweeps_at_the_end_cost_what_those_of_the_beginning_do(conn: Conn) -> None:
    open_at_once(conn, BATCH)
    worker_id, run_id = a_begun_map(conn, [str(number) for number in range(ITEMS)])
    document = f"select pgflow.get_run('{run_id}')"
    sweeps, documents = [], []
    for _ in range(ITEMS // BATCH):
        tasks = claim(conn, worker_id, BATCH)
        complete(conn, tasks, [task.args["text"] for task in tasks])
        documents.append(buffers(conn, document))
        sweeps.append(buffers(conn, "select pgflow.sweep()"))
    assert get_step(conn, run_id, "called")["result"] == [str(number) for number in range(ITEMS)]
    # the very first plans its queries, the last one gathers the list and begins none
    assert max(sweeps[-10:-1]) < 2 * min(sweeps[1:10])
    # nothing is vacuumed here: each batch leaves a dead version of the row in maps, and no more
    assert max(documents[-10:]) < min(documents[1:10]) + 2 * ITEMS // BATCH
