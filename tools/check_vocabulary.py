"""Keep one word for one thing: names and documents use the words of VOCABULARY.md only.

Only what can be told without guessing is checked: the names that code defines, and phrases in
documents that have no other meaning here. "Workflow" is fine in a sentence, where it says what
kind of program this is; it is no name for a flow.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tools.repository import report, repository_files, sql_sources

INSTEAD: Final = {
    "callback": "handler",
    "heartbeat": "beat",
    "job": "run or task",
    "jobs": "runs or tasks",
    "nack": "release",
    "pipeline": "flow",
    "requeue": "release or expire",
    "requeued": "released or expired",
    "workflow": "flow",
    "workflows": "flows",
}
"""Parts of names that another word stands for."""

PHRASES: Final = {
    "dead letter": "failed task",
    "heartbeat": "beat",
    "input of a run": "payload",
    "output of a step": "result",
    "retry count": "attempt",
    "visibility timeout": "lease",
}
"""Phrases that documents do not use."""

# These compare pgflow with others, in their words, or say which words are not used.
_SPEAKS_OF_OTHERS: Final = (
    "VOCABULARY.md",
    "benchmarks/contenders/",
    "docs/decisions/",
    "tools/",
    "tests/test_tools.py",
)
_PART: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SQL_NAME: Final = re.compile(
    r"create (?:or replace )?(?:table|function|index|view|type)\s+(?:if not exists )?([\w.]+)"
    r"|^  ([a-z_]+) [a-z]",
    re.MULTILINE,
)


def check_vocabulary(root: Path) -> list[str]:
    """Name every definition and every document that uses a word of another vocabulary."""
    problems: list[str] = []
    for path in repository_files(root, ".py"):
        name = path.relative_to(root).as_posix()
        if not name.startswith(_SPEAKS_OF_OTHERS):
            tree = ast.parse(path.read_text(encoding="utf-8"), name)
            for line, defined in _defined_names(tree):
                problems += [f"{name}:{line}: {text}" for text in _name_problems(defined)]
    for path in sql_sources(root):
        name = path.relative_to(root).as_posix()
        for match in _SQL_NAME.finditer(path.read_text(encoding="utf-8")):
            defined = match[1] or match[2]
            problems += [f"{name}: {text}" for text in _name_problems(defined)]
    for path in repository_files(root, ".md"):
        name = path.relative_to(root).as_posix()
        if not name.startswith(_SPEAKS_OF_OTHERS):
            for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                problems += [
                    f"{name}:{number}: say {word!r} instead of {phrase!r}"
                    for phrase, word in PHRASES.items()
                    if re.search(rf"\b{phrase}s?\b", text, re.IGNORECASE)
                ]
    return problems


def _name_problems(name: str) -> list[str]:
    parts = {part.lower() for part in _PART.findall(name)}
    return [
        f"{name!r} says {part!r}; the word is {INSTEAD[part]!r}"
        for part in sorted(parts & INSTEAD.keys())
    ]


def _defined_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id


if __name__ == "__main__":
    sys.exit(report(check_vocabulary))
