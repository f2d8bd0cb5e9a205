"""Keep files short enough to read in one go: 400 lines of Python, 150 of SQL."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tools.repository import report, repository_files, sql_sources

PYTHON_LINES: Final = 400
SQL_LINES: Final = 150

ALLOWED: Final[Mapping[str, int]] = {}
"""Files that may be longer, and how long; entries only ever shrink or go."""


def check_file_sizes(root: Path, allowed: Mapping[str, int] = ALLOWED) -> list[str]:
    """Name every file that is too long, and every allowance that is no longer needed."""
    problems: list[str] = []
    too_long: set[str] = set()
    limits = [(path, PYTHON_LINES) for path in repository_files(root, ".py")]
    limits += [(path, SQL_LINES) for path in sql_sources(root)]
    for path, limit in limits:
        name = path.relative_to(root).as_posix()
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > limit:
            too_long.add(name)
        if lines > allowed.get(name, limit):
            problems.append(f"{name}: {lines} lines, {allowed.get(name, limit)} are allowed")
    problems += [
        f"tools/check_file_sizes.py: {name} needs no allowance any more"
        for name in sorted(allowed.keys() - too_long)
    ]
    return problems


if __name__ == "__main__":
    sys.exit(report(check_file_sizes))
