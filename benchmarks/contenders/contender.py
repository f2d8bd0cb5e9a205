"""What an engine must be able to do to be measured beside the others.

A contender is a module of this package that ends with `main(CONTENDER)`. It is run as a process of
its own for each measurement, so that no engine meets the imports, threads and event loops of
another, and it answers with one line of JSON:

    python -m benchmarks.contenders.dbos diamonds --url postgresql://… --runs 2000
    python -m benchmarks.contenders.dbos describe

What a workload is, is said once, in `WORKLOADS`; what is compared is the median of its figures.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

Slug = Literal[
    "diamonds", "transition", "singles", "map", "start", "payload", "wake", "idle", "install"
]
How = Literal["one_by_one", "pipelined", "bulk"]

WORKLOADS: Final[Mapping[Slug, str]] = {
    "diamonds": "`runs` runs of four steps, transcribe -> (summarize, capitalize) -> merge, wait "
    "in the database; then `workers` worker processes start. From the first claim to the last "
    "completed run: seconds, and what `Stopwatch` adds.",
    "transition": "`runs` chains of ten steps, one at a time, on an idle system, one worker: the "
    "milliseconds from the beginning of one handler to the beginning of the next.",
    "singles": "as diamonds, with runs of a single step; called again and again on one database "
    "when a transaction is held open beside it.",
    "map": "one run: a list of `items` small integers, a task for each that returns its square, "
    "then one step that sums them up. From the start of the run to its end: seconds.",
    "start": "`runs` runs of the diamond are started and not worked off: `one_by_one`, each with "
    "its own commit and round trip; `pipelined`, each with its own commit, without waiting for "
    "the answer of the one before; `bulk`, in the best way that the engine has for many.",
    "payload": "`runs` chains of five steps wait; each step returns a text of `size` bytes that it "
    "got from the one before, the first from the payload. One worker: seconds.",
    "wake": "`runs` runs of one step are started, one at a time, while one worker is idle: the "
    "milliseconds from the call that starts the run to the beginning of the handler.",
    "idle": "one worker with nothing to do, for `seconds`; it answers nothing but that it ran.",
    "install": "make the schema in the empty database at `url`, with every flow that is measured.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to measure, and how large."""

    url: str
    runs: int = 0
    workers: int = 1
    items: int = 0
    size: int = 0
    seconds: float = 0.0
    how: How = "bulk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was measured; what does not apply stays empty."""

    seconds: float = 0.0
    units: int = 0
    """Steps, runs or items that the seconds are about."""
    milliseconds: Sequence[float] = ()
    """One each, for the workloads that ask for percentiles."""
    wal_bytes: int = 0
    client_cpu_seconds: float = 0.0
    """Of this process and of its children."""
    server_cpu_seconds: float = 0.0
    database_bytes: int = 0
    """What the database has grown by."""
    peak_mb: float = 0.0
    """The largest resident memory of a worker process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """An engine, and how it does each workload."""

    slug: str
    title: str
    packages: Sequence[str]
    """The distributions whose versions the report names."""
    configuration: str
    """How it was set up, and which page of its documentation recommends that."""
    can: Mapping[Slug, Callable[[Job], Answer]]
    cannot: Mapping[Slug, str] = field(default_factory=dict[Slug, str])
    """Why a workload is not there: what the engine lacks for it."""


def main(contender: Contender, argv: Sequence[str] | None = None) -> None:
    """Do the workload that the command line names, and print the answer as one line of JSON."""
    parser = argparse.ArgumentParser(prog=contender.slug, description=contender.configuration)
    parser.add_argument("workload", choices=(*sorted(contender.can), "describe"))
    parser.add_argument("--url", default="")
    parser.add_argument("--how", default="bulk", choices=("one_by_one", "pipelined", "bulk"))
    for name in ("runs", "workers", "items", "size"):
        parser.add_argument(f"--{name}", type=int, default=1 if name == "workers" else 0)
    parser.add_argument("--seconds", type=float, default=0.0)
    options = vars(parser.parse_args(argv))
    workload: Slug | Literal["describe"] = options.pop("workload")
    if workload == "describe":
        _write(
            {name: getattr(contender, name) for name in ("slug", "title", "configuration")}
            | {"packages": list(contender.packages), "can": list(contender.can)}
            | {"cannot": dict(contender.cannot)}
        )
    elif not options["url"]:
        parser.error(f"{workload} needs --url")
    else:
        answer = contender.can[workload](Job(**options))
        _write({name: getattr(answer, name) for name in Answer.__slots__})


def _write(document: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
