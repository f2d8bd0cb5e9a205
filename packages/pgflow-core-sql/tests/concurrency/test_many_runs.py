"""Four sessions work off a thousand diamonds at once: every step completes exactly once."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from tests.support.builders import (
    DIAMOND_RESULTS,
    a_diamond,
    claim,
    column,
    complete,
    deploy,
    register_worker,
    scalar,
)
from tests.support.fix_pg import Connect
from tests.support.invariants import check_invariants

Conn = psycopg.Connection[Any]
RUNS = 1_000


@pytest.mark.stress
def test_thousand_diamonds_on_four_sessions_complete_every_step_once(
    conn: Conn, connect: Connect, pool: ThreadPoolExecutor
) -> None:
    deploy(conn, a_diamond())
    conn.execute(
        "select pgflow.start_flows('voice_memo', array_fill('{}'::jsonb, array[%s]))",
        [RUNS],
    )
    together = threading.Barrier(4)

    def work(session: Conn) -> Counter[str]:
        session.execute("set lock_timeout = '20s'")
        worker_id = register_worker(session, a_diamond())
        outcomes: Counter[str] = Counter()
        together.wait(timeout=30)
        while scalar(session, "select exists (select 1 from pgflow.runs where status = 'started')"):
            tasks = claim(session, worker_id, 40)
            outcomes.update(complete(session, tasks))
        return outcomes

    outcomes: Counter[str] = Counter()
    for part in pool.map(work, [connect() for _ in range(4)]):
        outcomes += part
    assert outcomes == {"completed": 4 * RUNS}
    assert column(conn, "select distinct status from pgflow.runs") == ["completed"]
    per_step = dict(
        conn.execute(
            "select step_slug, count(*) from pgflow.attempts where outcome = 'completed'"
            " group by step_slug"
        ).fetchall()
    )
    assert per_step == dict.fromkeys(DIAMOND_RESULTS, RUNS)
    assert scalar(conn, "select count(*) from pgflow.attempts") == 4 * RUNS
    assert scalar(conn, "select count(*) from pgflow.tasks") == 0
    assert scalar(conn, "select count(*) from pgflow.leases") == 0
    check_invariants(conn)
