"""Show how files differ from what they should be."""

import difflib
import sys
from collections.abc import Iterable
from pathlib import Path

from pgflow_cli.terminal import paint, write


def write_difference(found: bytes, wanted: bytes, *, path: Path, wanted_name: str) -> None:
    """Write a unified diff from the file at *path* to what is *wanted*, to stdout."""
    diff = difflib.unified_diff(
        found.decode(errors="replace").splitlines(),
        wanted.decode().splitlines(),
        fromfile=str(path),
        tofile=wanted_name,
        lineterm="",
    )
    write_diff(diff)


def write_diff(lines: Iterable[str]) -> None:
    """Write the lines of a unified diff to stdout, in colours where they can be seen."""
    for line in lines:
        write(_painted(line))


def _painted(line: str) -> str:
    if line.startswith("+"):
        return paint(line, "green", sys.stdout)
    return paint(line, "red", sys.stdout) if line.startswith("-") else line
