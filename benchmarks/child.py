"""Run a contender's process: within a time limit, with nothing of it left over afterwards."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import psutil
import psycopg
from benchmarks.contenders.stopwatch import processor_seconds

LIMIT_SECONDS = 180.0
_LAST_LINES = 12
_ROOT = Path(__file__).parent.parent


class ContenderFailedError(Exception):
    """A contender's process failed, took too long, or gave no answer; carries its words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a contender answered, and what the server spent from its beginning to its end."""

    answer: Mapping[str, Any]
    wal_bytes: int
    database_bytes: int
    server_cpu_seconds: float

    def raw(self) -> dict[str, object]:
        """Return all of it for the raw data."""
        return {
            "answer": self.answer,
            "whole process": {
                "wal_bytes": self.wal_bytes,
                "database_bytes": self.database_bytes,
                "server_cpu_seconds": self.server_cpu_seconds,
            },
        }


def run_contender(
    module: str,
    workload: str,
    url: str,
    options: Mapping[str, str | int | float],
    limit: float = LIMIT_SECONDS,
) -> Done:
    """Let a contender do a workload on the database at *url*.

    Raises:
        ContenderFailedError: says why, with the last lines that it wrote.
    """
    arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    with psycopg.connect(url, autocommit=True) as conn:
        server = psutil.Process(conn.info.backend_pid).parent()
        assert server is not None
        before = _spent(conn, server)
        answer = _json_of(module, [workload, "--url", url, *arguments], limit)
        wal, size, cpu = (b - a for a, b in zip(before, _spent(conn, server), strict=True))
    return Done(answer=answer, wal_bytes=int(wal), database_bytes=int(size), server_cpu_seconds=cpu)


def describe_contender(module: str) -> Mapping[str, Any]:
    """Return what a contender says about itself.

    Raises:
        ContenderFailedError: it is not there, or cannot be imported.
    """
    return _json_of(module, ["describe"], LIMIT_SECONDS)


def _spent(conn: psycopg.Connection, server: psutil.Process) -> tuple[int, int, float]:
    row = conn.execute(
        "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint,"
        " pg_database_size(current_database())"
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1]), processor_seconds(server)


def _json_of(module: str, arguments: list[str], limit: float) -> Mapping[str, Any]:
    """Run the module; files and not pipes, which a process that it left behind would hold open."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdout=out,
            stderr=err,
            stdin=subprocess.DEVNULL,
            cwd=_ROOT,
            start_new_session=True,
        )
        try:
            code: int | None = process.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            # its workers are in the session that it leads
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        lines = _lines(out)
        if code is None:
            raise ContenderFailedError(_told(f"not done after {limit:.0f} s", _lines(err)))
        if code != 0:
            raise ContenderFailedError(_told(f"ended with code {code}", _lines(err) or lines))
        return _answer(lines, err)


def _answer(lines: list[str], err: IO[str]) -> Mapping[str, Any]:
    with suppress(ValueError, IndexError):
        answer: object = json.loads(lines[-1])
        if isinstance(answer, dict):
            return cast("dict[str, Any]", answer)
    raise ContenderFailedError(_told("its last line is no answer", lines or _lines(err)))


def _lines(file: IO[str]) -> list[str]:
    file.seek(0)
    return [line for line in file.read().splitlines() if line.strip()]


def _told(what: str, lines: list[str]) -> str:
    return "\n".join([what, *lines[-_LAST_LINES:]])
