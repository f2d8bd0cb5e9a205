"""How fast runs are started, and how fast the server commits at all."""

from time import perf_counter

import psycopg
from benchmarks.measure import Bench, Case, Taken, Trial, Workload
from benchmarks.workloads.asking import ask, seconds_of

RATE = "runs"
COMMITS = "commits"
ONE_BY_ONE = "one by one"
BULK = "bulk"
SERVER = "server"
"""Stands in the place of a contender: what the machine can do, whatever engine there is."""


def _measure(bench: Bench, trial: Trial) -> Taken:
    done = ask(bench, trial, "start")
    seconds = seconds_of(done)
    return Taken(figures={RATE: trial.size / seconds}, raw=done.raw(), seconds=seconds)


def _commit(bench: Bench, trial: Trial) -> Taken:
    with bench.database(trial.contender) as url, psycopg.connect(url, autocommit=True) as conn:
        conn.execute("create table rows (number int primary key, text text not null)")
        began = perf_counter()
        for number in range(trial.size):
            conn.execute("insert into rows values (%s, 'a row')", (number,), prepare=True)
        seconds = perf_counter() - began
    return Taken(figures={COMMITS: trial.size / seconds}, seconds=seconds)


START = Workload(
    slug="start",
    about="diamonds are started and not worked off, by one client",
    needs="start",
    figures={RATE: "runs/s"},
    cases=(
        Case(name=ONE_BY_ONE, size=5_000, quick=300, options={"how": "one_by_one"}),
        Case(name="pipelined", size=10_000, quick=400, options={"how": "pipelined"}),
        Case(name=BULK, size=50_000, quick=2_000, options={"how": "bulk"}),
    ),
    measure=_measure,
    seconds=2,
)
COMMIT = Workload(
    slug="commit",
    about="a row inserted per commit, one connection: what starts that commit can reach at most",
    needs="commit",
    figures={COMMITS: "commits/s"},
    cases=(Case(size=5_000, quick=2_000),),
    measure=_commit,
    only=(SERVER,),
    seconds=0,
)
