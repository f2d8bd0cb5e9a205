"""A worker in a process of its own, as it runs in production."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

from benchmarks.measure import FLOWS_DIR

_STOP_SECONDS = 30


def worker_command(url: str, flow: str, *more: str) -> list[str]:
    """Return the command line of a worker that serves one flow of the benchmarks."""
    return [
        *(sys.executable, "-m", "pgflow_worker", str(FLOWS_DIR / f"{flow}.py")),
        *("--database-url", url, "--log-level", "warning", *more),
    ]


@contextmanager
def running_worker(url: str, flow: str) -> Generator[subprocess.Popen[bytes]]:
    """Let a worker run for the time of the block."""
    with subprocess.Popen(worker_command(url, flow)) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
