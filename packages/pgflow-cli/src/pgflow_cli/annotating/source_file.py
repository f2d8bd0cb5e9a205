"""A source file that is edited in places and stays as it is everywhere else."""

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

Function = ast.FunctionDef | ast.AsyncFunctionDef

WIDTH: Final = 100
"""Of the longest line that is made of one; a formatter that wants less will find the rest."""

# What ends a line for Python; `str.splitlines` knows others, which stand inside of lines.
_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")


@dataclass(frozen=True, slots=True)
class Edit:
    """Put *text* in the place of what stands from offset *start* to *end*."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Token:
    """A token, its offsets those of the whole text."""

    kind: int
    text: str
    start: int
    end: int


class SourceFile:
    """The text of a file with its tree.

    Raises `OSError`, `UnicodeError` or `SyntaxError` when it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.content = path.read_bytes()
        self.encoding, _ = tokenize.detect_encoding(io.BytesIO(self.content).readline)
        self.text = self.content.decode(self.encoding)
        self.tree = ast.parse(self.text)
        self.lines: list[str] = _LINE.findall(self.text)
        self._starts = [0]
        for line in self.lines:
            self._starts.append(self._starts[-1] + len(line))

    @property
    def newline(self) -> str:
        """How lines end: as the first one does."""
        first = self.lines[0] if self.lines else "\n"
        return first[len(first.rstrip("\r\n")) :] or "\n"

    @cached_property
    def indent(self) -> str:
        """How far a block is indented: as the first one is."""
        tokens = self.tokens(1)
        return next((token.text for token in tokens if token.kind == tokenize.INDENT), "    ")

    def line_start(self, line: int) -> int:
        """Return the offset at which *line*, from 1, begins; that of the end for the one after."""
        return self._starts[line - 1]

    def offset(self, line: int, byte: int) -> int:
        """Return the offset of a place as `ast` names it, whose columns are bytes of UTF-8."""
        before = self.lines[line - 1].encode()[:byte]
        return self.line_start(line) + len(before.decode())

    def end_of(self, node: ast.expr | ast.arg | ast.alias) -> int:
        """Return the offset at which *node* is over."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.offset(node.end_lineno, node.end_col_offset)

    def tokens(self, line: int) -> Iterator[Token]:
        """Yield the tokens from *line* on, as far as one cares to read."""
        rest = iter(each.rstrip("\r\n") + "\n" for each in self.lines[line - 1 :])
        for token in tokenize.generate_tokens(lambda: next(rest, "")):
            start, end = (
                self.line_start(min(line - 1 + row, len(self._starts))) + column
                for row, column in (token.start, token.end)
            )
            yield Token(token.type, token.string, start, end)

    def function(self, name: str, line: int) -> Function | None:
        """Return the function *name* whose first line, decorators included, is *line*."""
        for node in ast.walk(self.tree):
            if isinstance(node, Function) and node.name == name and _first_line(node) == line:
                return node
        return None

    def place_before(self, node: Function) -> int:
        """Return the line before which a class can be put that *node* needs.

        That of the statement at the top level which holds *node*, or of the comment above it.
        """
        assert node.end_lineno is not None
        (line,) = (
            _first_line(statement)
            for statement in self.tree.body
            if _first_line(statement) <= node.lineno <= (statement.end_lineno or 0)
        )
        while line > 1 and self.lines[line - 2].startswith("#"):
            line -= 1
        return line

    def edited(self, edits: Iterable[Edit]) -> bytes:
        """Return the content with *edits* made, of two at one place the first one first."""
        parts: list[str] = []
        done = 0
        for edit in sorted(edits, key=lambda edit: edit.start):
            parts += [self.text[done : edit.start], edit.text]
            done = edit.end
        text = "".join((*parts, self.text[done:]))
        # Only text within quotes can hold what the encoding of the file does not.
        return text.encode(self.encoding, "backslashreplace")


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(item.lineno for item in decorators)])
