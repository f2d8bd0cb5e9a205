"""What must survive real crashes: of a worker, of the database, of its connections."""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from uuid import UUID

import psycopg
import pytest
from tests.support.fix_pg import SERVER_SETTINGS
from tests.support.fix_worker import Engine, Serve, SpawnedWorker, SpawnWorker
from tests.support.invariants import check_invariants

from pgflow_core_sql import migrate
from pgflow_core_sql.embedded import EmbeddedPostgres
from pgflow_dsl import Flow, discover_flows
from pgflow_worker import Signals, Worker

FLOWS = Path(__file__).parent / "flows"
SHORT = ("--lease", "1", "--beat", "0.3", "--concurrency", "20", "--flows", "crash")

pytestmark = pytest.mark.stress


def check_all_complete(engine: Engine, run_ids: list[UUID]) -> None:
    """Every run has the right output, every step one accepted result, nothing is left over."""
    for n, run_id in enumerate(run_ids):
        assert engine.run(run_id)["output"] == {"merge": (n + 1) * 5}
    twice = engine.rows(
        "select run_id, step_slug from pgflow.attempts where outcome = 'completed' "
        "group by 1, 2 having count(*) > 1"
    )
    assert twice == []
    completed = "select count(*) from pgflow.attempts where outcome = 'completed'"
    assert engine.value(completed) == 4 * len(run_ids)
    assert engine.value("select count(*) from pgflow.leases") == 0
    assert engine.value("select count(*) from pgflow.tasks") == 0
    check_invariants(engine.conn)


def test_a_killed_worker_loses_no_run(engine: Engine, spawn_worker: SpawnWorker) -> None:
    victim = spawn_worker(FLOWS, "--deploy", *SHORT)
    victim.wait_for("serving")
    survivor = spawn_worker(FLOWS, "--deploy", *SHORT)
    survivor.wait_for("serving")
    run_ids = engine.start_many("crash", list(range(200)))
    victim_id = victim.wait_for("serving")["worker_id"]
    # In the middle: some of its tasks are done, and it holds others.
    engine.until_blocking(
        "select (select count(*) > 50 from pgflow.attempts where worker_id = %s) "
        "and exists (select 1 from pgflow.leases where worker_id = %s)",
        victim_id,
        victim_id,
    )
    victim.process.send_signal(signal.SIGKILL)
    engine.until_blocking(
        "select count(*) = 200 from pgflow.runs where status = 'completed'", timeout=20
    )
    check_all_complete(engine, run_ids)
    expired = engine.rows(
        "select distinct worker_id, error ->> 'code' from pgflow.attempts where outcome = 'expired'"
    )
    assert expired == [(UUID(victim_id), "PF604")]


@pytest.fixture
def own_server() -> Iterator[EmbeddedPostgres]:
    """A server that a test may crash without disturbing the others."""
    settings = {**SERVER_SETTINGS, "fsync": "on"}
    with tempfile.TemporaryDirectory(prefix="pgflow-crash-") as directory:
        Path(directory).chmod(0o755)
        data_dir = Path(directory, "data")
        with EmbeddedPostgres(data_dir, settings=settings, keep=True) as server:
            with psycopg.connect(server.url(), autocommit=True) as conn:
                migrate(conn)
            yield server


@pytest.mark.parametrize("mode", ["immediate", "fast"])
async def test_a_database_restart_loses_no_run(
    own_server: EmbeddedPostgres, mode: Literal["immediate", "fast"]
) -> None:
    (crash,) = [found.flow for found in discover_flows(FLOWS) if found.flow.slug == "crash"]
    signals = Signals().listen()
    worker = Worker(
        [crash], own_server.url(), deploy=True, lease=1, beat=0.3, concurrency=20, signals=signals
    )
    task = asyncio.create_task(worker.run())
    await signals.started.wait()
    with psycopg.connect(own_server.url(), autocommit=True) as conn:
        run_ids = Engine(conn).start_many("crash", list(range(200)))
        await Engine(conn).until("select count(*) > 100 from pgflow.attempts")
    await asyncio.to_thread(own_server.restart, mode)
    assert await signals.disconnected.wait() in ("exchange", "keeper")
    with psycopg.connect(own_server.url(), autocommit=True) as conn:
        engine = Engine(conn)
        await engine.until("select count(*) = 200 from pgflow.runs where status = 'completed'")
        check_all_complete(engine, run_ids)
        worker.stop()
        await task
        assert engine.value("select array_agg(status) from pgflow.workers") == ["stopped"]


async def test_outcomes_of_an_outage_are_reported_after_it(
    own_server: EmbeddedPostgres, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    flow = Flow("outage", payload=int, max_attempts=1)
    release = asyncio.Event()
    ran: list[int] = []

    @flow.step
    async def work(n: int = flow.payload) -> int:
        ran.append(n)
        await release.wait()
        return n

    signals = Signals().listen()
    worker = Worker([flow], own_server.url(), deploy=True, lease=30, signals=signals)
    task = asyncio.create_task(worker.run())
    await signals.started.wait()
    with psycopg.connect(own_server.url(), autocommit=True) as conn:
        run_ids = Engine(conn).start_many("outage", list(range(10)))
        await Engine(conn).until("select count(*) = 10 from pgflow.leases")
    await asyncio.to_thread(own_server.stop)
    release.set()
    await signals.disconnected.wait()
    await asyncio.to_thread(own_server.start)
    with psycopg.connect(own_server.url(), autocommit=True) as conn:
        engine = Engine(conn)
        for n, run_id in enumerate(run_ids):
            assert (await engine.ended(run_id))["output"] == {"work": n}
    worker.stop()
    await task
    assert sorted(ran) == list(range(10))
    assert "waiting for the database" in caplog.text
    assert "the database is back" in caplog.text


async def test_a_worker_can_be_stopped_while_the_database_is_away(
    own_server: EmbeddedPostgres, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    flow = Flow("away", payload=int)

    @flow.step
    async def work(n: int = flow.payload) -> int:
        return n

    signals = Signals().listen()
    worker = Worker([flow], own_server.url(), deploy=True, grace=60, signals=signals)
    task = asyncio.create_task(worker.run())
    await signals.idle.wait()
    await asyncio.to_thread(own_server.stop)
    await signals.disconnected.wait()
    worker.stop()
    await asyncio.wait_for(task, 6)
    assert "could not say goodbye" in caplog.text


@pytest.mark.parametrize("hangs", [True, False], ids=["hangs", "is gone"])
def test_a_worker_with_tasks_stops_soon_after_its_grace_while_the_database(
    own_server: EmbeddedPostgres, *, hangs: bool
) -> None:
    environment = {"PGFLOW_DATABASE_URL": own_server.url()}
    worker = SpawnedWorker([str(FLOWS), "--deploy", "--grace", "1"], environment)
    frozen: list[int] = []
    try:
        worker.wait_for("serving")
        with psycopg.connect(own_server.url(), autocommit=True) as conn:
            engine = Engine(conn)
            engine.start_many("slow", [0.5, 60])
            engine.until_blocking("select count(*) = 2 from pgflow.leases")
            sessions = engine.rows("select pid from pg_stat_activity where pid <> pg_backend_pid()")
        if hangs:
            postmaster = (own_server.data_dir / "postmaster.pid").read_text().split("\n", 1)[0]
            frozen = [int(postmaster), *(pid for (pid,) in sessions)]
            for pid in frozen:
                os.kill(pid, signal.SIGSTOP)
        else:
            own_server.stop("immediate")
        worker.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert worker.process.wait(20) == 0
        assert time.monotonic() - began < 1 + 4.5 + 1  # grace, the end, and the interpreter's own
        worker.wait_for("2 tasks could not be reported")
        worker.wait_for("could not say goodbye")
    finally:
        worker.end()
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)


async def test_connections_that_are_cut_are_opened_again(engine: Engine, serve: Serve) -> None:
    flow = Flow("cut", payload=int)

    @flow.step
    async def work(n: int = flow.payload) -> int:
        await asyncio.sleep(0.001)
        return n

    async with serve(flow, lease=1, concurrency=5) as worker:
        engine.start_many("cut", list(range(300)))
        for _ in range(3):
            await worker.signals.claimed.wait()
            engine.conn.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where application_name like 'pgflow-worker%%' and datname = current_database()"
            )
            assert {
                await worker.signals.reconnected.wait(),
                await worker.signals.reconnected.wait(),
            } == {
                "exchange",
                "keeper",
            }
        await engine.until("select count(*) = 300 from pgflow.runs where status = 'completed'")
    completed = "select count(*) from pgflow.attempts where outcome = 'completed'"
    assert engine.value(completed) == 300
