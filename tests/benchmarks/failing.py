"""A contender that does everything wrong that one can do."""

import os
import subprocess
import sys
from threading import Event

import psycopg
from benchmarks.contenders.contender import Answer, Contender, Job, main


def install(job: Job) -> Answer:
    with psycopg.connect(job.url) as conn:
        conn.execute("create table runs (number int)")
    return Answer()


def fail(job: Job) -> Answer:
    raise RuntimeError("the queue is upside down")


def hang(job: Job) -> Answer:
    waiting = "import threading; threading.Event().wait()"
    worker = subprocess.Popen([sys.executable, "-c", waiting])
    print(f"worker {worker.pid}", file=sys.stderr, flush=True)
    Event().wait()
    return Answer()


def die(job: Job) -> Answer:
    os._exit(0)


def take_no_time(job: Job) -> Answer:
    return Answer(units=job.runs)


CONTENDER = Contender(
    slug="failing",
    title="Failing",
    packages=("psycopg", "of-another-language"),
    configuration="Badly.",
    can={
        "install": install,
        "diamonds": fail,
        "singles": take_no_time,
        "idle": hang,
        "wake": die,
    },
    cannot={"transition": "it has no chains"},
)

if __name__ == "__main__":
    main(CONTENDER)
