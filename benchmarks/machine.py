"""On what the figures were measured."""

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import psycopg

SHOWN_SETTINGS = (
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_sync_method",
    "shared_buffers",
    "max_wal_size",
    "autovacuum",
)
_PACKAGES = ("psycopg", "psycopg-binary", "orjson", "pydantic", "pgflow-core-sql", "pgflow-worker")


def describe_machine(data_dir: Path) -> dict[str, str]:
    """Return what of the machine decides the figures: processor, memory, disk, load, versions."""
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    processor = _first(Path("/proc/cpuinfo"), r"model name\s*:\s*(.+)") or platform.machine()
    return {
        "processor": f"{processor}, {os.cpu_count()} cores",
        "memory": _first(Path("/proc/meminfo"), r"MemTotal:\s*(.+)") or "unknown",
        "kernel": platform.platform(),
        "file system": _file_system(data_dir),
        "load before": load,
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }


def describe_server(conn: psycopg.Connection) -> dict[str, str]:
    """Return the version of the server and the settings that decide the figures."""
    found: dict[str, str] = {}
    for name in ("server_version", *SHOWN_SETTINGS):
        row = conn.execute("select current_setting(%s)", (name,)).fetchone()
        assert row is not None
        found[name] = str(row[0])
    return found


def _first(path: Path, pattern: str) -> str | None:
    if not path.exists():
        return None
    match = re.search(pattern, path.read_text())
    return match.group(1).strip() if match else None


def _file_system(directory: Path) -> str:
    done = subprocess.run(
        ["df", "--output=fstype", str(directory)], capture_output=True, text=True, check=False
    )
    return done.stdout.split("\n")[1].strip() if done.returncode == 0 else "unknown"
