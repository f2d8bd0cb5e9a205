"""Notice changes of Python files by looking at them again and again."""

from pathlib import Path

Fingerprint = frozenset[tuple[str, int, int]]
"""Path, time of change and size of every file."""


def fingerprint(flows: Path) -> Fingerprint:
    """Describe the Python files below *flows* (or the one file); equal while nothing changes."""
    paths = [flows] if flows.is_file() else sorted(flows.rglob("*.py"))
    found: set[tuple[str, int, int]] = set()
    for path in paths:
        try:
            state = path.stat()
        except OSError:
            # Editors replace files: it was there a moment ago and will be in the next look.
            continue
        found.add((str(path), state.st_mtime_ns, state.st_size))
    return frozenset(found)
