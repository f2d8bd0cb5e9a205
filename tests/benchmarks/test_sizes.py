"""How large a measurement becomes: what a contender does in the time that one should take."""

from pathlib import Path

import pytest
from benchmarks.measure import Bench, Case, Taken, Trial, Workload
from benchmarks.results import Results
from benchmarks.suite import Entrant, Suite

from pgflow_core_sql.embedded import EmbeddedPostgres
from pgflow_manifest import Manifest

CASE = Case(size=20_000, quick=500)
"""Calibration begins with 250 of them."""


class Measured:
    """A workload of a contender that takes some time at the beginning, and then for each run."""

    def __init__(self, once: float, each: float, *, fails: bool = False) -> None:
        self.once, self.each, self.fails = once, each, fails
        self.sizes: list[tuple[int, int]] = []

    def measure(self, bench: Bench, trial: Trial) -> Taken:
        self.sizes.append((trial.round, trial.size))
        if self.fails:
            raise RuntimeError("no")
        seconds = self.once + self.each * trial.size
        return Taken(figures={"rate": trial.size / seconds}, seconds=seconds)


def run(measured: Measured, tmp_path: Path, *, quick: bool = False, rounds: int = 2) -> Results:
    """Let one peer be measured; nothing here needs a server that runs."""
    results = Results(
        at="2026-01-31T12:00:00+00:00",
        quick=quick,
        rounds=rounds,
        scale=1,
        machine={},
        server={},
        contenders={"peer": {}},
        workloads={},
    )
    bench = Bench(
        server=EmbeddedPostgres(tmp_path), manifest=Manifest(flows=()), quick=quick, templates={}
    )
    entrant = Entrant(name="peer", module="peers.peer", can=("singles",))
    suite = Suite(
        bench=bench,
        entrants=[entrant],
        rounds=rounds,
        results=results,
        say=lambda text: None,
    )
    suite.run(
        Workload(
            slug="singles",
            about="",
            needs="singles",
            figures={"rate": "runs/s"},
            cases=(CASE,),
            measure=measured.measure,
            seconds=6,
        )
    )
    return results


def test_a_fast_one_gets_all_at_once(tmp_path: Path) -> None:
    measured = Measured(once=0, each=1 / 10_000)
    run(measured, tmp_path)
    assert measured.sizes == [(0, 250), (1, 20_000), (2, 20_000)]


def test_a_slow_one_gets_what_it_does_in_that_time(tmp_path: Path) -> None:
    measured = Measured(once=0, each=1 / 100)
    results = run(measured, tmp_path)
    assert measured.sizes == [(0, 250), (1, 600), (2, 600)]
    assert results.values("singles", "", "rate", "peer") == pytest.approx([100, 100])


def test_what_comes_once_does_not_pass_for_slowness(tmp_path: Path) -> None:
    measured = Measured(once=0.5, each=1 / 1_000)
    run(measured, tmp_path)
    assert [number for number, _ in measured.sizes] == [0, 0, 1, 2]
    assert 3_500 < measured.sizes[-1][1] < 6_000


def test_who_fails_at_a_few_is_not_given_more(tmp_path: Path) -> None:
    measured = Measured(once=0, each=0, fails=True)
    results = run(measured, tmp_path)
    assert measured.sizes == [(0, 250)]
    assert [one.reason for one in results.missing] == ["RuntimeError: no"]


def test_who_has_failed_twice_is_not_tried_again(tmp_path: Path) -> None:
    measured = Measured(once=0, each=0, fails=True)
    results = run(measured, tmp_path, quick=True, rounds=4)
    assert measured.sizes == [(1, 500), (2, 500)]
    assert [one.round for one in results.missing] == [1, 2]
