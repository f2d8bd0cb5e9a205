"""What the checks of this repository share: its files, and how a check reports.

A check is a function from the root of a repository to a list of problems, so that tests can show
it a bad repository. Each runs as `python -m tools.check_…`, alone or from `nox`.
"""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
_SKIPPED: Final = frozenset({"__pycache__", "build", "dist", "node_modules", "results", "venv"})


def repository_files(root: Path, *suffixes: str) -> Iterator[Path]:
    """Yield the files below *root* with one of *suffixes*, sorted; no hidden or built folders."""
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if not _is_skipped(name))
        for name in sorted(files):
            if name.endswith(suffixes):
                yield Path(folder, name)


def sql_sources(root: Path) -> list[Path]:
    """Return the SQL files that people read: everything below the `schema/` folders."""
    folders = root.glob("packages/*/src/*/schema")
    return [path for folder in sorted(folders) for path in repository_files(folder, ".sql")]


def report(check: Callable[[Path], list[str]]) -> int:
    """Print what *check* finds in this repository; return the exit code."""
    problems = check(ROOT)
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    return 1 if problems else 0


def _is_skipped(name: str) -> bool:
    return name.startswith(".") or name in _SKIPPED or name.endswith(".egg-info")
