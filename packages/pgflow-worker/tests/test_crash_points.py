"""A worker that dies between claim, handler, report and commit: nothing is lost, nothing twice.

Where it dies is told by locks that the test holds, and by the handler itself, never by a delay.
In each test one worker dies and another one, started after its death, ends the run.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import psycopg
import pytest
from tests.support.fix_pg import Connect
from tests.support.fix_worker import Engine, SpawnedWorker, SpawnWorker
from tests.support.invariants import check_invariants

FLOWS = Path(__file__).parent / "flows"
OPTIONS = ("--deploy", "--lease", "4", "--beat", "0.3", "--flows", "points")
CLAIMED = (
    "insert into pgflow.leases select %s, 'work', 0, 1, 1,"
    " gen_random_uuid(), gen_random_uuid(), now(), now()"
)
REPORTED = "select 1 from pgflow.runs where run_id = %s for no key update"

pytestmark = pytest.mark.stress


class Held(NamedTuple):
    """A run that is locked, and the session that waits for it."""

    run_id: UUID
    pid: int


@pytest.fixture
def victim(engine: Engine, spawn_worker: SpawnWorker) -> SpawnedWorker:
    # no report gives up waiting for a lock that the test holds, however slow the machine is
    for name in ("exchange_tasks", "complete_tasks"):
        engine.conn.execute(f"alter function pgflow.{name} set lock_timeout = 0".encode())
    worker = spawn_worker(FLOWS, *OPTIONS)
    worker.wait_for("serving")
    return worker


def kill(worker: SpawnedWorker) -> None:
    worker.process.send_signal(signal.SIGKILL)
    worker.process.wait(10)


def check_ended(engine: Engine, run_id: UUID, payload: str, *outcomes: str) -> None:
    """The run has the right output; these attempts of `work` add up to it, and one of `report`."""
    engine.until_blocking(
        "select status <> 'started' from pgflow.runs where run_id = %s", run_id, timeout=20
    )
    assert engine.run(run_id)["output"] == {"report": len(payload) * 2}
    attempts = engine.attempts(run_id, "work")
    assert [outcome for _, outcome, _ in attempts] == [*outcomes]
    assert [number for number, _, _ in attempts] == [*range(1, len(outcomes) + 1)]
    # The report that nobody heard of may have handed the next step to the worker that had died.
    handed = [(n, outcome) for n, outcome, _ in engine.attempts(run_id, "report")]
    assert handed in ([(1, "completed")], [(1, "expired"), (2, "completed")])
    check_invariants(engine.conn)


@contextmanager
def held_up(engine: Engine, session: psycopg.Connection, victim: SpawnedWorker) -> Iterator[Held]:
    """Start a run, lock it, and yield it with the process id of the session that reports to it.

    The worker stands still until the lock is taken, so it cannot be done before.
    """
    victim.process.send_signal(signal.SIGSTOP)
    run_id = engine.start("points", "report")
    with session.transaction(force_rollback=True):
        session.execute(REPORTED, [run_id])
        victim.process.send_signal(signal.SIGCONT)
        waiting = (
            "select pid from pg_stat_activity where %s = any (pg_blocking_pids(pid))"
            " and query ~ '(exchange|complete)_tasks'"
        )
        holder = session.info.backend_pid
        engine.until_blocking(f"select exists ({waiting})".encode(), holder)
        yield Held(run_id, engine.value(waiting.encode(), holder))


@pytest.mark.parametrize("point", ["before the work", "after the work"])
def test_dies_in_the_handler(
    engine: Engine, spawn_worker: SpawnWorker, victim: SpawnedWorker, point: str
) -> None:
    run_id = engine.start("points", point)
    assert victim.process.wait(10) == -signal.SIGKILL
    assert engine.run(run_id)["status"] == "started"
    spawn_worker(FLOWS, *OPTIONS)
    check_ended(engine, run_id, point, "expired", "completed")


def test_dies_while_its_claim_is_under_way(
    engine: Engine, connect: Connect, spawn_worker: SpawnWorker, victim: SpawnedWorker
) -> None:
    """The claim commits after its worker has died: a lease that nobody knows of."""
    run_id = UUID(int=7)
    gate = connect()
    with gate.transaction(force_rollback=True):
        gate.execute(CLAIMED.encode(), [run_id])
        engine.value("select pgflow.start_flow('points', '\"claim\"', %s)", run_id)
        engine.until_blocking(
            "select exists (select 1 from pg_stat_activity where %s = any (pg_blocking_pids(pid)))",
            gate.info.backend_pid,
        )
        kill(victim)
    engine.until_blocking("select count(*) = 1 from pgflow.leases")
    spawn_worker(FLOWS, *OPTIONS)
    check_ended(engine, run_id, "claim", "expired", "completed")


def test_dies_while_its_report_is_under_way_and_that_commits(
    engine: Engine, connect: Connect, spawn_worker: SpawnWorker, victim: SpawnedWorker
) -> None:
    """Committed, and nobody heard the answer: the work is done once, and not again."""
    run_id = start_at_report(engine, connect, victim, terminate=False)
    spawn_worker(FLOWS, *OPTIONS)
    check_ended(engine, run_id, "report", "completed")


def test_dies_while_its_report_is_under_way_and_that_is_rolled_back(
    engine: Engine, connect: Connect, spawn_worker: SpawnWorker, victim: SpawnedWorker
) -> None:
    run_id = start_at_report(engine, connect, victim, terminate=True)
    spawn_worker(FLOWS, *OPTIONS)
    check_ended(engine, run_id, "report", "expired", "completed")


def test_its_session_dies_while_its_report_is_under_way(
    engine: Engine, connect: Connect, victim: SpawnedWorker
) -> None:
    """The worker lives on: it reports again by another session, and no other attempt is made."""
    # The claim takes no lock of the run, so what waits for it is the report.
    with held_up(engine, connect(), victim) as held:
        assert engine.value("select pg_terminate_backend(%s, 5000)", held.pid)
    check_ended(engine, held.run_id, "report", "completed")


def start_at_report(
    engine: Engine, connect: Connect, victim: SpawnedWorker, *, terminate: bool
) -> UUID:
    """Start a run; kill the worker while its report waits for the lock of the run."""
    with held_up(engine, connect(), victim) as held:
        kill(victim)
        if terminate:
            assert engine.value("select pg_terminate_backend(%s, 5000)", held.pid)
    return held.run_id
