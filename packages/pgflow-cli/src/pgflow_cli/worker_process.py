"""A worker in a process of its own, which never outlives us."""

import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psycopg

from pgflow_cli.connection import call
from pgflow_cli.errors import CommandError
from pgflow_cli.interrupts import undisturbed

_START_SECONDS: Final = 60.0
_GRACE_SECONDS: Final = 3.0
"""Short, since somebody waits at the terminal; what is cut off runs again, uncounted."""

_STOP_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.05
_WATCH: Final = 'read -r _; kill -TERM "$0" 2>/dev/null'


class WorkerProcess:
    """Runs `python -m pgflow_worker` on a folder of flows.

    It has a session of its own, so that Ctrl-C in the terminal reaches only us and we end it in
    order. Should we be killed, a small shell that waits on a pipe to us notices and ends it.

    Args:
        flows: the folder (or file) with the flows.
        database_url: handed over in the environment, where no list of processes shows it.
        manifest: what the flows were compiled to; by default the one that the worker finds.
        log: where its output goes; by default to our stderr.
    """

    def __init__(
        self,
        flows: Path,
        database_url: str,
        *,
        manifest: Path | None = None,
        log: Path | None = None,
    ) -> None:
        self._flows = flows
        self._database_url = database_url
        self._manifest = manifest
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process; whoever calls this must call `stop`, or use a `with` block."""
        # An interruption in here would leave a process that nobody knows of.
        with undisturbed():
            self._process = _start_worker(
                self._flows, self._database_url, self._manifest, self._log
            )
            self._watcher = subprocess.Popen(  # noqa: S603
                ["/bin/sh", "-c", _WATCH, str(self._process.pid)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs, and before it was started."""
        return None if self._process is None else self._process.poll()

    @property
    def ending(self) -> str:
        """How it ended, in words: `exit code 1`, `SIGKILL`."""
        code = self.exit_code
        return signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"

    def wait(self) -> None:
        """Wait until it has ended."""
        if self._process is not None:
            self._process.wait()

    def wait_until_registered(
        self, conn: psycopg.Connection[tuple[Any, ...]], before: frozenset[str]
    ) -> None:
        """Return once a worker that is not among *before* has registered.

        Raises:
            CommandError: it ended, or did not register within a minute; shows what it said.
        """
        deadline = time.monotonic() + _START_SECONDS
        while running_workers(conn) <= before:
            if self.exit_code is not None:
                raise self.failure(f"the worker ended: {self.ending}")
            if time.monotonic() > deadline:
                raise self.failure(f"the worker has not registered within {_START_SECONDS:.0f} s")
            time.sleep(_POLL_SECONDS)

    def failure(self, message: str) -> CommandError:
        """Build an error that shows the end of the worker's output, if we have it."""
        if self._log is None:
            return CommandError(message, hint="see its output above")
        tail = self._log.read_text(errors="replace").splitlines()[-20:]
        return CommandError("\n  ".join([f"{message}:", *tail]))

    def begin_stop(self) -> None:
        """Ask it to finish what it holds, claim nothing more and end; returns at once."""
        if self._process is not None:
            # Does nothing when it has ended.
            self._process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """End it, if it was started: in order if that works within seconds, else by force."""
        self.begin_stop()
        if self._process is not None:
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._watcher is not None:
            self._watcher.kill()
            self._watcher.communicate()

    def __enter__(self) -> Self:
        """Return itself, not started yet, so that the end of the block stops it in any case."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _start_worker(
    flows: Path, database_url: str, manifest: Path | None, log: Path | None
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pgflow_worker", str(flows.absolute())]
    if manifest is not None:
        command.append(f"--manifest={manifest.absolute()}")
    with log.open("wb") if log else nullcontext(sys.stderr.fileno()) as output:
        return subprocess.Popen(  # noqa: S603
            [*command, f"--grace={_GRACE_SECONDS:g}"],
            env={**os.environ, "PGFLOW_DATABASE_URL": database_url},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def running_workers(conn: psycopg.Connection[tuple[Any, ...]]) -> frozenset[str]:
    """Return the ids of the workers that the database takes for running."""
    return frozenset(
        worker["worker_id"]
        for worker in status_of(conn)["workers"]
        if worker["status"] == "running"
    )


def status_of(conn: psycopg.Connection[tuple[Any, ...]]) -> dict[str, Any]:
    """Return the document of `pgflow.status`: flows, workers, and what nobody serves."""
    status: dict[str, Any] = call(conn, "select pgflow.status() as status")[0]["status"]
    return status
