"""The text of a file as the type checker is shown it: arguments without annotation get a type.

Checkers do not agree on the type of an argument that has only a default. A plain assignment is
always inferred, so `def merge(s=summarize.result)` is preceded by `pgflow_source_0 = (summarize
.result)`, in the scope where the default stands, and the body begins with `s = pgflow_source_0`.
A helper whose arguments have no annotation is there once more, with the types that
its calls pass; its expressions are looked up in the copy, so that the original stays what it is for
everybody else. Nothing of it is ever written to disk.
"""

from __future__ import annotations

import ast
import bisect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pgflow_cli.inference.engine import Span
from pgflow_cli.inference.parameters import Annotations, untyped_parameters
from pgflow_cli.inference.sources import FunctionNode, Source
from pgflow_manifest import Shape


@dataclass(frozen=True, slots=True)
class _Copy:
    """A function once more, under another name and with annotations."""

    function: FunctionNode
    block: tuple[int, str]
    """As it is inserted: before which line, and the text."""
    head: int
    """How many lines come before the `def`."""
    inserted: tuple[tuple[int, int, bytes], ...]
    """What is new in it, by line and byte of the function itself."""


class Overlay:
    """One file with its insertions, and where its expressions are to be found then."""

    def __init__(
        self,
        source: Source,
        handlers: Iterable[FunctionNode],
        parameters: Mapping[tuple[FunctionNode, str], Shape],
    ) -> None:
        self._source = source
        self._lines: list[tuple[int, str]] = []
        """Whole lines to insert: before which line (from 1), and what."""
        self._copies: list[_Copy] = []
        self._inline: list[tuple[int, int, str]] = []
        """Parts of lines to insert: line, byte, and what."""
        count = 0
        for handler in sorted(handlers, key=lambda node: node.lineno):
            count = self._give_types(handler, count)
        self._add_copies(parameters)
        self._lines.sort(key=lambda item: item[0])
        self._before = [before for before, _ in self._lines]
        self._counts = [0]
        for _, text in self._lines:
            self._counts.append(self._counts[-1] + text.count("\n"))
        self.text = self._made()

    def span(self, node: ast.expr) -> Span:
        """Return where *node* of the file itself stands in the overlay, in a copy if there is."""
        end_line, end_byte = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
        return Span(
            file=self._source.file,
            start=self._place(node.lineno, node.col_offset, is_end=False),
            end=self._place(end_line, end_byte, is_end=True),
        )

    def span_of_name(self, function: FunctionNode) -> Span:
        """Return where the name of *function* stands in its `def`."""
        line, start = function.lineno, self._start_of_name(function)
        end = start + len(function.name.encode())
        return Span(
            file=self._source.file,
            start=self._place(line, start, is_end=False, may_be_copy=False),
            end=self._place(line, end, is_end=True, may_be_copy=False),
        )

    def _start_of_name(self, function: FunctionNode) -> int:
        text = self._source.lines[function.lineno - 1].encode()
        keyword = b"def "
        start = text.index(keyword, function.col_offset) + len(keyword)
        return start + len(text[start:]) - len(text[start:].lstrip())

    def original_line(self, line: int) -> int:
        """Return the line (from 0) of the file itself that stands at *line* of the overlay."""
        for original in range(max(0, line - self._counts[-1]), line + 1):
            if original + self._shift(original + 1) == line:
                return original
        return line

    def _add_copies(self, parameters: Mapping[tuple[FunctionNode, str], Shape]) -> None:
        count = 0
        for function in dict.fromkeys(function for function, _ in parameters):
            annotations = Annotations(count)
            first, last = function.lineno, function.end_lineno or function.lineno
            lines = [line.encode() for line in self._source.lines[first - 1 : last]]
            inserted = [(first, self._start_of_name(function), b"pgflow_copy_of_")]
            for argument in untyped_parameters(function):
                if (shape := parameters.get((function, argument.arg))) is not None:
                    end = argument.end_col_offset or argument.col_offset
                    text = f": {annotations.text(shape)}".encode()
                    inserted.append((argument.end_lineno or argument.lineno, end, text))
            for line, byte, more in sorted(inserted, reverse=True):
                raw = lines[line - first]
                lines[line - first] = raw[:byte] + more + raw[byte:]
            indent = _indent(self._source.lines[first - 1])
            head = "".join(f"{indent}{line}\n" for line in annotations.lines)
            self._lines.append((last + 1, head + b"".join(lines).decode()))
            self._copies.append(
                _Copy(function, self._lines[-1], len(annotations.lines), tuple(inserted))
            )
            count = annotations.count

    def _give_types(self, handler: FunctionNode, count: int) -> int:
        arguments = handler.args
        positional = [*arguments.posonlyargs, *arguments.args]
        pairs = [
            *zip(reversed(positional), reversed(arguments.defaults), strict=False),
            *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
        ]
        named = [(a.arg, d) for a, d in pairs if a.annotation is None and d is not None]
        if not named:
            return count
        first = min([handler.lineno, *(item.lineno for item in handler.decorator_list)])
        body = handler.body[0]
        body_line = min([body.lineno, *(d.lineno for d in getattr(body, "decorator_list", []))])
        head = self._source.lines[body_line - 1].encode()[: body.col_offset].decode()
        uses: list[str] = []
        for name, default in named:
            variable = f"pgflow_source_{count}_"
            written = self._source.segment(default)
            indent = _indent(self._source.lines[first - 1])
            self._lines.append((first, f"{indent}{variable} = ({written})\n"))
            uses.append(f"{name} = {variable}")
            count += 1
        if head.strip():
            self._inline.append((body_line, body.col_offset, "".join(f"{use}; " for use in uses)))
        else:
            self._lines.append((body_line, "".join(f"{head}{use}\n" for use in uses)))
        return count

    def _made(self) -> str:
        lines = list(self._source.lines)
        for line, byte, text in sorted(self._inline, reverse=True):
            raw = lines[line - 1].encode()
            lines[line - 1] = (raw[:byte] + text.encode() + raw[byte:]).decode()
        for before, text in reversed(self._lines):
            lines.insert(before - 1, text)
        return "".join(lines)

    def _shift(self, line: int) -> int:
        return self._counts[bisect.bisect_right(self._before, line)]

    def _place(
        self, line: int, byte: int, *, is_end: bool, may_be_copy: bool = True
    ) -> tuple[int, int]:
        raw = self._source.lines[line - 1].encode()
        units = len(raw[:byte].decode().encode("utf-16-le")) // 2
        copy = self._copy_at(line) if may_be_copy else None
        inserted = self._inline if copy is None else copy.inserted
        units += sum(
            len(text)
            for at, position, text in inserted
            if at == line and (position < byte if is_end else position <= byte)
        )
        if copy is None:
            return line - 1 + self._shift(line), units
        index = next(i for i, each in enumerate(self._lines) if each is copy.block)
        begin = copy.block[0] - 1 + self._counts[index] + copy.head
        return begin + line - copy.function.lineno, units

    def _copy_at(self, line: int) -> _Copy | None:
        for copy in self._copies:
            if copy.function.lineno <= line < copy.block[0]:
                return copy
        return None


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
