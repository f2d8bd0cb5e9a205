"""Defects found in another engine of this kind (pgflow 0.14.1), each shown not to be here.

The numbers are those of the study that found them.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb
from tests.support.builders import (
    DIAMOND_RESULTS,
    a_claimed_task,
    a_diamond,
    a_flow,
    a_map,
    a_step,
    attempts,
    claim,
    column,
    complete,
    deploy,
    exchange,
    extend,
    fail,
    get_run,
    get_step,
    register_worker,
    release,
    scalar,
    start_run,
)
from tests.support.fix_clock import SetClock
from tests.support.fix_pg import Connect
from tests.support.refusals import refused
from tests.support.ruled import a_ruled_flow, a_started_run, is_true

from pgflow_manifest import FlowOptions, PayloadInput

Conn = psycopg.Connection[Any]
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def work_off_anything(conn: Conn, worker_id: UUID) -> list[str]:
    """Claim and complete until nothing is waiting; return the steps in their order."""
    done: list[str] = []
    while tasks := claim(conn, worker_id):
        complete(conn, tasks, [None] * len(tasks))
        done += sorted(task.step_slug for task in tasks)
    return done


def test_1_cycle_cannot_be_added_to_a_flow_that_exists(tx: Conn) -> None:
    a, b = a_step("a"), a_step("b", "a")
    deploy(tx, a_flow("f", a, b))
    circular = a_flow("f", a.model_copy(update={"deps": ("b",)}), b)
    with refused(tx, "PF204"):
        deploy(tx, circular)
    assert tx.execute("select from_step_slug, to_step_slug from pgflow.deps").fetchall() == [
        ("a", "b")
    ]
    run_id = start_run(tx, "f")
    assert work_off_anything(tx, register_worker(tx, a_flow("f", a, b))) == ["a", "b"]
    assert get_run(tx, run_id)["status"] == "completed"


def test_2_slug_of_full_length_works_to_the_end(tx: Conn) -> None:
    flow = a_flow("f" * 128, a_step("s" * 128))
    _, task = a_claimed_task(tx, flow)
    complete(tx, [task], ["x"])
    assert get_run(tx, task.run_id)["output"] == {"s" * 128: "x"}


def test_3_flows_whose_slugs_differ_in_case_share_no_queue(tx: Conn) -> None:
    upper, lower = a_flow("MyFlow", a_step("a")), a_flow("myflow", a_step("a"))
    deploy(tx, upper, lower)
    start_run(tx, "MyFlow")
    assert claim(tx, register_worker(tx, lower)) == []
    assert len(claim(tx, register_worker(tx, upper))) == 1


def test_4_zombie_cannot_fail_the_task_of_the_worker_that_took_over(
    tx: Conn, set_clock: SetClock
) -> None:
    set_clock(tx, NOON)
    _, zombies = a_claimed_task(tx)
    set_clock(tx, NOON + timedelta(minutes=1))
    tx.execute("select pgflow.sweep()")
    living = register_worker(tx, a_diamond())
    [task] = claim(tx, living)
    assert fail(tx, [zombies]) == ["stale"]
    assert release(tx, [zombies]) == ["stale"]
    assert complete(tx, [zombies], [{"transcription": "of a zombie"}]) == ["stale"]
    assert scalar(tx, "select count(*) from pgflow.tasks") == 0
    assert column(tx, "select lease_id from pgflow.leases") == [task.lease_id]
    assert complete(tx, [task]) == ["completed"]
    step = get_step(tx, task.run_id, "transcribe")
    assert (step["result"], step["attempts"]) == (DIAMOND_RESULTS["transcribe"], 2)
    outcomes = [outcome for _, _, outcome in attempts(tx, task.run_id)]
    assert outcomes == ["expired", "completed"]


def test_5_task_that_nobody_ever_finishes_does_not_keep_its_run_started_for_ever(
    tx: Conn, set_clock: SetClock
) -> None:
    set_clock(tx, NOON)
    flow = a_diamond(options=FlowOptions(max_attempts=4))
    deploy(tx, flow)
    run_id = start_run(tx)
    now = NOON
    for _ in range(4):
        worker_id = register_worker(tx, flow)
        assert len(claim(tx, worker_id)) == 1
        now += timedelta(minutes=1)
        set_clock(tx, now)
        tx.execute("select pgflow.sweep()")
    document = get_run(tx, run_id)
    assert (document["status"], document["error"]["code"]) == ("failed", "PF604")
    assert claim(tx, register_worker(tx, flow)) == []


def test_6_chain_of_skips_and_empty_maps_may_be_of_any_length(tx: Conn) -> None:
    steps = [a_step("s0"), *(a_step(f"s{n}", f"s{n - 1}") for n in range(1, 100))]
    steps += [a_map(f"m{n}", PayloadInput(), "s98" if n == 0 else f"m{n - 1}") for n in range(100)]
    never = {"when": is_true({"value": False}), "when_unmet": "skip"}
    rules = {f"s{n}": never for n in range(100)}
    _, run_id = a_started_run(tx, a_ruled_flow(a_flow("f", *steps), rules), [])
    document = get_run(tx, run_id)
    assert document["status"] == "completed"
    assert Counter(step["status"] for step in document["steps"]) == {
        "skipped": 100,
        "completed": 100,
    }


def test_6_chain_behind_a_step_that_is_skipped_with_cascade_may_be_of_any_length(tx: Conn) -> None:
    steps = [a_step("s0"), *(a_step(f"s{n}", f"s{n - 1}") for n in range(1, 200))]
    flow = a_ruled_flow(a_flow("f", *steps), {"s0": {"on_failure": "skip_cascade"}})
    worker_id, run_id = a_started_run(tx, flow)
    fail(tx, claim(tx, worker_id), retryable=False)
    document = get_run(tx, run_id)
    assert document["status"] == "completed"
    assert {step["status"] for step in document["steps"]} == {"skipped"}


def test_7_flow_without_steps_and_unknown_flow_are_refused_with_a_clear_error(tx: Conn) -> None:
    document = {"slug": "f", "digest": "0" * 64, "payload_schema": {}, "steps": []}
    with refused(tx, "PF206") as refusal:
        tx.execute("select pgflow.deploy(%s)", [Jsonb({"format_version": 1, "flows": [document]})])
    assert "at least one step" in refusal.message
    with refused(tx, "PF101") as refusal:
        start_run(tx, "f")
    assert refusal.message == "there is no flow 'f'"


def test_8_lease_has_the_length_that_was_asked_for(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    deploy(tx, a_diamond())
    worker_id = register_worker(tx, a_diamond())
    start_run(tx)
    tasks = claim(tx, worker_id, lease_seconds=62)
    in_62_seconds = NOON + timedelta(seconds=62)
    assert scalar(tx, "select leased_until from pgflow.leases") == in_62_seconds
    _, handed_over = exchange(tx, worker_id, tasks, lease_seconds=62)
    query = "select leased_until from pgflow.leases"
    assert column(tx, query) == [in_62_seconds] * len(handed_over) == [in_62_seconds] * 2
    set_clock(tx, NOON + timedelta(seconds=61))
    tx.execute("select pgflow.beat(%s)", [worker_id])
    tx.execute("select pgflow.sweep()")
    assert extend(tx, handed_over, 62) == [NOON + timedelta(seconds=123)] * 2


def test_9_result_of_a_leaf_is_stored_once(tx: Conn) -> None:
    """Also that of a map step, whose items lie elsewhere until the list is made."""
    flow = a_flow("f", a_step("leaf"), a_map("items", PayloadInput()))
    deploy(tx, flow)
    worker_id = register_worker(tx, flow)
    run_id = start_run(tx, "f", [1])
    for task in claim(tx, worker_id, 2):
        complete(tx, [task], [f"only-once-{task.step_slug}"])
    output = {"leaf": "only-once-leaf", "items": ["only-once-items"]}
    assert get_run(tx, run_id)["output"] == output
    found: list[str] = []
    for (table,) in tx.execute(
        "select relname from pg_class where relnamespace = 'pgflow'::regnamespace and relkind = 'r'"
    ):
        for slug in output:
            query = f"select count(*) from pgflow.{table} as t where strpos(t::text, %s) > 0"
            found += [f"{table} {slug}"] * scalar(tx, query, [f"only-once-{slug}"])
    assert sorted(found) == ["step_states items", "step_states leaf"]


def test_9_whoever_watches_is_told_that_there_is_news_and_reads_the_result_himself(
    conn: Conn, connect: Connect
) -> None:
    """No message has a copy of the result, whatever its size."""
    watcher = connect()
    _, task = a_claimed_task(conn)
    channel = scalar(watcher, "select pgflow.watch_run(%s)", [task.run_id])
    watcher.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))
    complete(conn, [task], [{"transcription": "only-once"}])
    told = list(watcher.notifies(timeout=10, stop_after=1))
    assert len(told) == 1
    assert "only-once" not in told[0].payload


def test_10_updates_touch_no_indexed_column(tx: Conn) -> None:
    """So that they stay HOT: what is updated is in no index, and the queue is never updated."""
    indexed = set(
        tx.execute(
            """
            select c.relname, a.attname
            from pg_index as i
            join pg_class as c on c.oid = i.indrelid
            join pg_attribute as a on a.attrelid = c.oid and a.attnum = any (i.indkey::int2[])
            where c.relnamespace = 'pgflow'::regnamespace
            """
        ).fetchall()
    )
    updated = {
        ("runs", "status"),
        ("runs", "error"),
        ("runs", "ended_at"),
        ("step_states", "status"),
        ("step_states", "step_result"),
        ("step_states", "error"),
        ("step_states", "ended_at"),
        ("leases", "leased_until"),
        ("workers", "idle"),
        ("workers", "last_beat_at"),
    }
    assert indexed.isdisjoint(updated)


def test_10_every_update_of_a_run_is_hot(conn: Conn, set_clock: SetClock) -> None:
    """In a database of its own: full pages would force a row onto another one."""
    with conn.transaction():
        updates = updates_of_a_run(conn, set_clock)
    assert {"runs", "step_states", "leases"} <= updates.keys()
    assert "tasks" not in updates
    assert set(updates.values()) == {0}


def updates_of_a_run(tx: Conn, set_clock: SetClock) -> dict[str, int]:
    """Bring a run to its end; return how many updates of each table were not HOT."""
    set_clock(tx, NOON)
    flow = a_flow("f", a_step("a"), a_map("b", PayloadInput()), a_step("c", "a", "b"))
    deploy(tx, flow)
    worker_id = register_worker(tx, flow)
    run_id = start_run(tx, "f", [1, 2, 3])
    failed, *others = claim(tx, worker_id, 4)
    extend(tx, [failed, *others])
    fail(tx, [failed])
    complete(tx, others, ["x"] * len(others))
    set_clock(tx, NOON + timedelta(minutes=5))
    while tasks := claim(tx, worker_id):
        complete(tx, tasks, ["x"] * len(tasks))
    assert get_run(tx, run_id)["status"] == "completed"
    return dict(
        tx.execute(
            """
            select relname, n_tup_upd - n_tup_hot_upd
            from pg_stat_xact_user_tables
            where schemaname = 'pgflow' and n_tup_upd > 0
            """
        ).fetchall()
    )


def test_11_failed_run_leaves_no_task_started_or_queued(tx: Conn) -> None:
    flow = a_flow("f", *(a_step(slug) for slug in "abcd"))
    deploy(tx, flow)
    worker_id = register_worker(tx, flow)
    run_id = start_run(tx, "f")
    fail(tx, claim(tx, worker_id, 2)[:1], retryable=False)
    assert scalar(tx, "select count(*) from pgflow.tasks") == 0
    assert scalar(tx, "select count(*) from pgflow.leases") == 0
    statuses = [step["status"] for step in get_run(tx, run_id)["steps"]]
    assert sorted(statuses) == ["cancelled", "cancelled", "cancelled", "failed"]


def test_11_skipped_steps_leave_no_task_started_or_queued(tx: Conn) -> None:
    flow = a_ruled_flow(
        a_flow("f", a_map("m", PayloadInput()), a_step("after", "m")),
        {"m": {"on_failure": "skip_cascade"}},
    )
    worker_id, run_id = a_started_run(tx, flow, list(range(10)))
    fail(tx, claim(tx, worker_id, 5)[:1], retryable=False)
    assert scalar(tx, "select count(*) from pgflow.tasks") == 0
    assert scalar(tx, "select count(*) from pgflow.leases") == 0
    assert get_run(tx, run_id)["status"] == "completed"


def test_11_failed_item_leaves_no_other_task_started_or_queued(tx: Conn) -> None:
    flow = a_flow("f", a_map("m", PayloadInput()), a_step("beside"), a_step("after", "m"))
    deploy(tx, flow)
    worker_id = register_worker(tx, flow)
    run_id = start_run(tx, "f", list(range(10)))
    tasks = claim(tx, worker_id, 5)
    complete(tx, tasks[:1], ["x"])
    [failed, *others] = [task for task in tasks[1:] if task.step_slug == "m"]
    fail(tx, [failed], retryable=False)
    assert get_run(tx, run_id)["status"] == "failed"
    for table in ("tasks", "leases", "map_items", "map_results", "timers"):
        assert scalar(tx, f"select count(*) from pgflow.{table}") == 0, table
    assert set(complete(tx, others, ["x"] * len(others))) == {"stale"}
