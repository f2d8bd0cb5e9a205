"""DBOS and Absurd do every workload, at sizes that say nothing about how fast they are."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

import psycopg
import pytest
from benchmarks.contenders import absurd, dbos
from benchmarks.contenders.contender import WORKLOADS, Answer, Contender, How, Job
from benchmarks.contenders.worker_processes import WorkerProcesses, check
from psycopg import sql

Do = Callable[..., Answer]

HOWS: Final[tuple[How, ...]] = ("one_by_one", "pipelined")
CONTENDERS: Final = {"absurd": absurd.CONTENDER, "dbos": dbos.CONTENDER}


@pytest.fixture(scope="module", params=sorted(CONTENDERS))
def contender(request: pytest.FixtureRequest) -> Contender:
    return CONTENDERS[request.param]


@pytest.fixture(scope="module")
def url(contender: Contender, pg_server: Any) -> Iterator[str]:
    """A database with the schema of the contender, made as the suite makes it."""
    name = f"contender_{contender.slug}"
    with psycopg.connect(pg_server.url(), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    url: str = pg_server.url(name)
    by_command_line(contender.slug, "install", url)
    yield url
    with psycopg.connect(pg_server.url(), autocommit=True) as admin:
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def do(contender: Contender, url: str) -> Do:
    """Do a workload in this process."""

    def do(workload: Any, **sizes: Any) -> Answer:
        return contender.can[workload](Job(url=url, **sizes))

    return do


def by_command_line(slug: str, workload: str, url: str, *more: str) -> dict[str, Any]:
    command = [sys.executable, "-m", f"benchmarks.contenders.{slug}", workload, "--url", url]
    done = subprocess.run([*command, *more], check=True, capture_output=True, text=True, timeout=60)
    lines = done.stdout.splitlines()
    assert len(lines) == 1, lines
    answer: dict[str, Any] = json.loads(lines[0])
    return answer


def test_every_workload_is_done_or_refused_with_a_reason(contender: Contender) -> None:
    assert set(contender.can) | set(contender.cannot) == set(WORKLOADS)
    assert not set(contender.can) & set(contender.cannot)


def test_diamonds_are_worked_off_by_two_processes(do: Do) -> None:
    answer = do("diamonds", runs=10, workers=2)
    assert answer.units == 40
    assert answer.seconds > 0
    assert answer.wal_bytes > 0
    assert answer.peak_mb > 1


def test_single_steps_are_worked_off_beside_what_is_there(do: Do) -> None:
    assert do("singles", runs=7).units == 7


def test_a_map_squares_and_sums_up(do: Do) -> None:
    assert do("map", items=20).units == 20


def test_texts_are_handed_on(do: Do) -> None:
    answer = do("payload", runs=3, size=2000)
    assert answer.units == 15
    assert answer.database_bytes >= 0


def test_the_time_between_the_steps_of_a_chain_is_told(do: Do) -> None:
    answer = do("transition", runs=2)
    assert len(answer.milliseconds) == 18
    assert min(answer.milliseconds) > 0


def test_the_time_until_an_idle_worker_begins_is_told(do: Do) -> None:
    answer = do("wake", runs=2)
    assert len(answer.milliseconds) == 2
    assert min(answer.milliseconds) > 0


def test_an_idle_worker_runs_for_as_long_as_it_is_asked(do: Do) -> None:
    assert do("idle", seconds=0.2).seconds == pytest.approx(0.2)


def test_runs_are_started_in_three_ways_and_left(contender: Contender, url: str) -> None:
    # the last test of a contender: what it leaves would be worked off by the next one
    for how in HOWS:
        assert contender.can["start"](Job(url=url, runs=5, how=how)).units == 5
    by_line = by_command_line(contender.slug, "start", url, "--runs", "5", "--how", "bulk")
    assert by_line["units"] == 5
    assert by_line["seconds"] > 0


def test_what_was_not_done_gives_no_figure() -> None:
    with pytest.raises(RuntimeError, match="3 instead of 4 runs completed"):
        check("runs completed", 3, 4)


def test_a_worker_that_ends_early_ends_the_measurement() -> None:
    with pytest.raises(RuntimeError, match="before it was ready"), WorkerProcesses("this"):
        pass
