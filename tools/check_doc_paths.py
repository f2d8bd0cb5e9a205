"""Every path that a document or a hint names exists in this repository."""

import re
import sys
from pathlib import Path
from typing import Final

from tools.repository import report, repository_files

_PATH: Final = re.compile(
    r"(?<![\w/.:-])((?:packages|docs|tests|tools|examples|manifests|benchmarks|changelog\.d|\.ci)"
    r"/[\w./*-]*)"
)
_DOCUMENT: Final = re.compile(r"(?<![\w/.:-])(docs/[\w/-]+\.md|[A-Z]{5,}\.md)\b")
_LINK: Final = re.compile(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)")


def check_doc_paths(root: Path) -> list[str]:
    """Name every path that documents, Python and SQL mention and that does not exist."""
    problems: set[str] = set()
    for path in repository_files(root, ".md"):
        text = path.read_text(encoding="utf-8")
        named = [
            match
            for match in _PATH.finditer(text)
            if not any(_exists(base, match[1].rstrip(".")) for base in (root, path.parent))
        ]
        linked = [
            match
            for match in _LINK.finditer(text)
            if "://" not in match[1] and not _exists(path.parent, match[1])
        ]
        problems.update(_problem(root, path, text, match) for match in (*named, *linked))
    for path in repository_files(root, ".md", ".py", ".sql"):
        if path.is_relative_to(root / "tests"):
            continue
        text = path.read_text(encoding="utf-8")
        problems.update(
            _problem(root, path, text, match)
            for match in _DOCUMENT.finditer(text)
            if not _exists(root, match[1]) and not _exists(path.parent, match[1])
        )
    return sorted(problems)


def _exists(base: Path, name: str) -> bool:
    return any(base.glob(name)) if "*" in name else (base / name).exists()


def _problem(root: Path, path: Path, text: str, match: re.Match[str]) -> str:
    line = text.count("\n", 0, match.start()) + 1
    return f"{path.relative_to(root)}:{line}: there is no {match[1]!r}"


if __name__ == "__main__":
    sys.exit(report(check_doc_paths))
