"""What it costs to start: importing the packages, and the commands that only print their help.

One round starts every subject many times, in turns with an interpreter that does nothing, whose
time is subtracted. Told are the medians of wall time and of processor time. Bytecode is there, as
it is after an ordinary installation; without it (`PYTHONDONTWRITEBYTECODE` in an image that was not
compiled) all of this takes half as long again, or twice as long.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.measure import Bench, Benchmark, Goal, Round

_PYTHON = (sys.executable, "-c")
_SCRIPTS = Path(sys.executable).parent
_BARE = (*_PYTHON, "pass")
_IMPORT_CLIENT = "import pgflow_client"
_CLIENT = "from pgflow_client import Client"
_HELP = "pgflow --help"
_WORKER_HELP = "pgflow-worker --help"
_PEERS = ("dbos", "absurd_sdk", "procrastinate", "pgqueuer")

SUBJECTS: Mapping[str, Sequence[str]] = {
    _IMPORT_CLIENT: (*_PYTHON, _IMPORT_CLIENT),
    _CLIENT: (*_PYTHON, _CLIENT),
    _HELP: (str(_SCRIPTS / "pgflow"), "--help"),
    _WORKER_HELP: (str(_SCRIPTS / "pgflow-worker"), "--help"),
    "import pgflow_dsl": (*_PYTHON, "import pgflow_dsl"),
    **{f"import {name} (peer)": (*_PYTHON, f"import {name}") for name in _PEERS},
}
GOALS: Mapping[str, Goal] = {
    _IMPORT_CLIENT: Goal(value=80, at_least=False),
    _CLIENT: Goal(value=80, at_least=False),
    _HELP: Goal(value=200, at_least=False),
}


def run_round(bench: Bench) -> Round:
    """Start every subject in turns, and subtract what the bare interpreter takes."""
    starts = 15 if bench.quick else 31
    commands = {"": _BARE, **SUBJECTS}
    wall: dict[str, list[float]] = {name: [] for name in commands}
    processor: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory(prefix="pgflow-bench-") as bytecode:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for command in commands.values():
            _start(command, environment)  # writes the bytecode
        for _ in range(starts):
            for name, command in commands.items():
                seconds = _start(command, environment)
                wall[name].append(seconds[0])
                processor[name].append(seconds[1])
    return {
        _named(name, kind): 1000 * (median(seconds[name]) - median(seconds[""]))
        for name in SUBJECTS
        for kind, seconds in (("wall", wall), ("processor", processor))
    }


def _start(command: Sequence[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """Run *command* to its end; return its wall and its processor time in seconds."""
    began = perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    took = perf_counter() - began
    # Waited for already, so that Popen could not find out itself.
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    return took, usage.ru_utime + usage.ru_stime


def _named(name: str, kind: str) -> str:
    return f"{name}, {kind}"


BENCHMARK = Benchmark(
    slug="startup",
    about="imports and --help, over an interpreter that does nothing",
    figures={
        _named(name, kind): ("ms", GOALS.get(name))
        for name in SUBJECTS
        for kind in ("wall", "processor")
    },
    run_round=run_round,
)
