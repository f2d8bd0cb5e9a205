"""A worker in a process of its own, as it runs in production."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

_STOP_SECONDS = 30


def worker_command(url: str, flows: Path, *more: str) -> list[str]:
    """Return the command line of a worker that serves a folder, or a file, of flows."""
    return [
        *(sys.executable, "-m", "pgflow_worker", str(flows)),
        *("--database-url", url, "--log-level", "warning", *more),
    ]


@contextmanager
def running_worker(url: str, flows: Path, *more: str) -> Generator[subprocess.Popen[bytes]]:
    """Let a worker run for the time of the block."""
    with subprocess.Popen(worker_command(url, flows, *more)) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
