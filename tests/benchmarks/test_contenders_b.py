"""The queues and pgflow TS do each workload at tiny size: what is counted, never a time."""

from collections.abc import Generator

import psycopg
import pytest
from benchmarks.contenders import pgflow_ts, pgqueuer, procrastinate
from benchmarks.contenders.contender import WORKLOADS, Contender, How, Job
from benchmarks.contenders.fleet import Fleet, Seat, check_count
from psycopg import sql

from pgflow_core_sql.embedded import EmbeddedPostgres

CONTENDERS = [procrastinate.CONTENDER, pgqueuer.CONTENDER, pgflow_ts.CONTENDER]
COMPLETED = {
    "procrastinate": "select count(*) from procrastinate_jobs where status = 'succeeded'",
    "pgqueuer": "select count(*) from pgqueuer_log where status = 'successful'",
    "pgflow_ts": "select count(*) from pgflow.step_tasks where status = 'completed'",
}
STARTED = {
    "procrastinate": "select count(*) from procrastinate_jobs where status = 'todo'",
    "pgqueuer": "select count(*) from pgqueuer where status = 'queued'",
    "pgflow_ts": "select count(*) from pgflow.runs where status = 'started'",
}


@pytest.fixture(scope="module", params=CONTENDERS, ids=lambda contender: contender.slug)
def contender(request: pytest.FixtureRequest, pg_server: EmbeddedPostgres) -> Contender:
    """A contender whose schema is in the database that bears its name."""
    contender: Contender = request.param
    with psycopg.connect(pg_server.url(), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(contender.slug)))
    contender.can["install"](Job(url=pg_server.url(contender.slug)))
    return contender


@pytest.fixture
def url(contender: Contender, pg_server: EmbeddedPostgres) -> Generator[str]:
    """A fresh copy of that database."""
    name = sql.Identifier(f"{contender.slug}_copy")
    with psycopg.connect(pg_server.url(), autocommit=True) as admin:
        admin.execute(
            sql.SQL("create database {} template {}").format(name, sql.Identifier(contender.slug))
        )
        yield pg_server.url(f"{contender.slug}_copy")
        admin.execute(sql.SQL("drop database {} with (force)").format(name))


def count(url: str, query: str) -> int:
    with psycopg.connect(url) as conn:
        row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


def test_every_workload_is_done_or_refused_with_a_reason(contender: Contender) -> None:
    assert {*contender.can, *contender.cannot} == {*WORKLOADS}
    assert not {*contender.can} & {*contender.cannot}
    assert all(contender.cannot.values())
    assert contender.configuration


@pytest.mark.parametrize("workers", [1, 2])
def test_single_runs_are_all_completed(contender: Contender, url: str, workers: int) -> None:
    answer = contender.can["singles"](Job(url=url, runs=30, workers=workers))
    assert answer.units == 30
    assert answer.peak_mb > 0
    assert count(url, COMPLETED[contender.slug]) == 30


def test_chains_with_payloads_are_completed(contender: Contender, url: str) -> None:
    answer = contender.can["payload"](Job(url=url, runs=3, size=2000))
    assert answer.units == 15
    assert count(url, COMPLETED[contender.slug]) == 15


def test_a_transition_is_between_two_of_ten_steps(contender: Contender, url: str) -> None:
    answer = contender.can["transition"](Job(url=url, runs=1))
    assert len(answer.milliseconds) == 9
    # one more chain, which is not measured
    assert count(url, COMPLETED[contender.slug]) == 20


def test_each_wake_is_told(contender: Contender, url: str) -> None:
    answer = contender.can["wake"](Job(url=url, runs=2))
    assert len(answer.milliseconds) == 2
    assert all(milliseconds > 0 for milliseconds in answer.milliseconds)
    assert count(url, COMPLETED[contender.slug]) == 3


@pytest.mark.parametrize("how", ["one_by_one", "pipelined", "bulk"])
def test_started_runs_wait(contender: Contender, url: str, how: How) -> None:
    answer = contender.can["start"](Job(url=url, runs=12, how=how))
    assert answer.units == 12
    assert count(url, STARTED[contender.slug]) == 12


def test_an_idle_worker_does_nothing(contender: Contender, url: str) -> None:
    answer = contender.can["idle"](Job(url=url, seconds=0.1))
    assert answer.units == 0
    assert count(url, COMPLETED[contender.slug]) == 0


@pytest.fixture
def pgflow_url(pg_server: EmbeddedPostgres, empty_database_url: str) -> str:
    pgflow_ts.install(Job(url=empty_database_url))
    return empty_database_url


def test_diamonds_are_joined(pgflow_url: str) -> None:
    answer = pgflow_ts.diamonds(Job(url=pgflow_url, runs=10, workers=2))
    assert answer.units == 40
    joined = "select count(*) from pgflow.runs where output ->> 'merge' = 'Good morniGOOD MORNING'"
    assert count(pgflow_url, joined) == 10


def test_a_mapped_list_is_summed_up(pgflow_url: str) -> None:
    answer = pgflow_ts.squares(Job(url=pgflow_url, items=60))
    assert answer.units == 60
    total = "select (output ->> 'total')::integer from pgflow.runs where status = 'completed'"
    assert count(pgflow_url, total) == sum(number * number for number in range(60))


def test_there_is_no_figure_when_runs_are_missing(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as conn:
        check_count(conn, "select 3", 3)
        with pytest.raises(RuntimeError, match="3 instead of 4"):
            check_count(conn, "select 3", 4)


def break_down(_: Seat) -> None:
    raise SystemExit(3)


def test_a_worker_that_ends_early_ends_the_measurement() -> None:
    fleet = Fleet(break_down, workers=1)
    with pytest.raises(RuntimeError, match="exit code 3"), fleet:
        fleet.await_handled(1)
