"""Trouble that lasts: locked runs, lost leases, calls that are too slow, arguments that are big."""

import asyncio
import threading
import time
from uuid import uuid4

import psycopg
import pytest
from tests.support.fix_pg import Connect
from tests.support.fix_worker import Engine, Serve

from pgflow_core_sql import migrate
from pgflow_dsl import Flow
from pgflow_worker import errors, outcome
from pgflow_worker.claim_size import MAX_CLAIM, MAX_CLAIM_BYTES, ClaimSize
from pgflow_worker.rows import ClaimedTask


async def test_a_lease_lost_while_its_handler_blocks_the_loop_leaves_nothing_behind(
    engine: Engine, serve: Serve, connect: Connect
) -> None:
    flow = Flow("blocks", payload=int)
    cancelled = threading.Event()

    @flow.step
    async def work(n: int = flow.payload) -> int:
        cancelled.wait(10)
        time.sleep(0.5)  # so long that the keeper notices, several times  # noqa: ASYNC251
        return n

    async with serve(flow, lease=0.3, grace=30) as worker:
        run_id = engine.start("blocks", 1)

        def cancel() -> None:
            other = Engine(connect())
            other.until_blocking("select exists (select from pgflow.leases)")
            other.value("select pgflow.cancel_run(%s)", run_id)
            cancelled.set()

        canceller = threading.Thread(target=cancel)
        canceller.start()
        await worker.signals.claimed.wait()
        await worker.signals.idle.wait()
        canceller.join()
        await worker.signals.idle.wait()
        began = time.monotonic()
    assert time.monotonic() - began < 3
    assert engine.run(run_id)["status"] == "cancelled"


async def test_many_reports_of_one_locked_run_wait_together(
    engine: Engine, serve: Serve, connect: Connect
) -> None:
    flow = Flow("wide", payload=int)
    release = asyncio.Event()

    def add_step(n: int) -> None:
        @flow.step(slug=f"part_{n}")
        async def part(payload: int = flow.payload) -> int:
            await release.wait()
            return payload

    for n in range(40):
        add_step(n)

    async with serve(flow, lease=30, concurrency=80) as worker:
        run_ids = engine.start_many("wide", [1, 2])
        await engine.until("select count(*) = 80 from pgflow.leases")
        free, held = sorted(run_ids)  # the later half of the batch is reported first
        with connect() as holder, holder.transaction():
            holder.execute("select from pgflow.runs where run_id = %s for update", [held])
            release.set()
            began = time.monotonic()
            await engine.ended(free)
            # Some five waits of half a second, for ever smaller parts; and not one for each task.
            assert time.monotonic() - began < 8
            assert engine.run(held)["status"] == "started"
        began = time.monotonic()
        await engine.ended(held)
        assert time.monotonic() - began < 5
        assert worker.running_handlers == 0


async def test_leases_of_other_runs_are_kept_while_one_wide_run_is_locked(
    engine: Engine, serve: Serve, connect: Connect
) -> None:
    flow = Flow("wide", payload=float)

    def add_step(n: int) -> None:
        @flow.step(slug=f"part_{n}")
        async def part(seconds: float = flow.payload) -> int:
            await asyncio.sleep(seconds)
            return n

    for n in range(40):
        add_step(n)

    async with serve(flow, lease=1.2, beat=0.5, concurrency=100):
        held, free = engine.start_many("wide", [3.5, 3.5])
        await engine.until("select count(*) = 80 from pgflow.leases")
        with connect() as holder, holder.transaction():
            holder.execute("select from pgflow.runs where run_id = %s for update", [held])
            await engine.ended(free)
        await engine.ended(held)
    assert engine.value("select count(*) from pgflow.attempts where run_id = %s", free) == 40
    assert engine.value("select array_agg(status) from pgflow.workers") == ["stopped"]


async def test_a_worker_whose_database_was_made_anew_uses_the_new_contracts(
    engine: Engine, serve: Serve
) -> None:
    other = Flow("other", payload=int)
    flow = Flow("again", payload=int)
    release = asyncio.Event()

    @other.step
    async def one(n: int = other.payload) -> int:
        return n

    @flow.step
    async def double(n: int = flow.payload) -> int:
        await release.wait()
        return n * 2

    @flow.step
    async def triple(n: int = double.result) -> int:
        return n * 3

    async with serve(flow, concurrency=1, beat=0.1) as worker:
        engine.start("again", 1)
        await worker.signals.claimed.wait()
        with engine.conn.transaction():
            engine.conn.execute("drop schema pgflow cascade")
            migrate(engine.conn)
            engine.deploy(other)  # so that the contracts of `again` get other numbers
            engine.deploy(flow)
        # Its only place is taken, so that it is the keeper who finds out.
        await engine.until("select exists (select from pgflow.workers where status = 'running')")
        run_id = engine.start("again", 7)
        release.set()
        assert (await engine.ended(run_id))["output"] == {"triple": 42}


async def test_a_report_that_a_refused_claim_rolled_back_is_made_again(
    engine: Engine, serve: Serve
) -> None:
    flow = Flow("refused", payload=int, max_attempts=1)
    release = asyncio.Event()

    @flow.step
    async def work(n: int = flow.payload) -> int:
        await release.wait()
        return n

    async with serve(flow, beat=30):
        run_ids = engine.start_many("refused", [0, 1, 2])
        await engine.until("select count(*) = 3 from pgflow.leases")
        await engine.until("select idle from pgflow.workers")
        # The leases of a dead worker are overdue: a sweep in between would end the only attempt.
        engine.conn.execute("select pg_advisory_lock(hashtextextended('pgflow.sweep', 0))")
        engine.conn.execute("update pgflow.workers set status = 'dead'")
        release.set()
        for n, run_id in enumerate(run_ids):
            assert (await engine.ended(run_id))["output"] == {"work": n}
            assert [outcome for _, outcome, _ in engine.attempts(run_id, "work")] == ["completed"]
        await engine.until("select status = 'running' from pgflow.workers")


async def test_a_wake_up_that_finds_nothing_does_not_make_the_worker_look_more_often(
    engine: Engine, serve: Serve
) -> None:
    flow = Flow("idle", payload=int)

    @flow.step
    async def work(n: int = flow.payload) -> int:
        return n

    async with serve(flow) as worker:
        while await worker.signals.idle.wait() < 0.5:
            pass
        engine.conn.execute("select pg_notify('pgflow_work', '')")
        assert await worker.signals.idle.wait(2) > 0.5


async def test_a_result_that_postgres_cannot_be_sent_fails_its_step(
    engine: Engine, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = Flow("huge", payload=int)

    @flow.step
    async def work(n: int = flow.payload) -> str:
        return "x" * n

    monkeypatch.setattr(outcome, "MAX_RESULT_BYTES", 1000)
    async with serve(flow):
        small, big = engine.start_many("huge", [900, 1100])
        assert (await engine.ended(small))["status"] == "completed"
        run = await engine.ended(big)
    assert run["error"]["code"] == "PF601"
    assert run["error"]["message"] == "the database refused the result: it has 1102 bytes"


def test_a_call_that_takes_too_long_may_succeed_with_less(conn: psycopg.Connection) -> None:
    conn.execute("set statement_timeout = '1ms'")
    with pytest.raises(psycopg.errors.QueryCanceled) as caught:
        conn.execute("select pg_sleep(10)")
    assert errors.is_lock_timeout(caught.value)


@pytest.mark.parametrize(
    ("size", "limit"), [(0, MAX_CLAIM), (100, MAX_CLAIM), (2**20, 32), (2**30, 1)]
)
def test_the_bigger_the_arguments_the_fewer_tasks_are_claimed_at_once(
    size: int, limit: int
) -> None:
    class Sized(bytes):
        def __len__(self) -> int:
            return size

    task = ClaimedTask(uuid4().bytes, 0, 1, uuid4().bytes, 1, None, 3, Sized())
    claim_size = ClaimSize()
    claim_size.learn([task] * 10)
    assert claim_size.limit == limit
    assert limit * size <= max(MAX_CLAIM_BYTES, size)
    claim_size.learn([])
    assert claim_size.limit == limit
