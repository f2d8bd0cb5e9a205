"""Put annotations into the head of a `def`, whatever its layout."""

import re
import tokenize
from collections.abc import Mapping
from itertools import chain, takewhile
from typing import Final

from pgflow_cli.annotating.source_file import WIDTH, Edit, Function, SourceFile, Token

_TYPE_COMMENT: Final = re.compile(r"#\s*type:(?!\s*ignore\b)")


def arguments_of(function: Function) -> Mapping[str, bool]:
    """Return for each argument of *function* whether it is annotated."""
    given = function.args
    return {
        argument.arg: argument.annotation is not None
        for argument in chain(given.posonlyargs, given.args, given.kwonlyargs)
    }


def signature_edits(
    source: SourceFile, function: Function, arguments: Mapping[str, str], result: str | None
) -> list[Edit]:
    """Return what writes the types into the head of *function*.

    Args:
        source: the file.
        function: the handler; each of its arguments has a default.
        arguments: types by argument that is not annotated.
        result: the type to return, None to leave that alone.
    """
    head = _head(source, function)
    edits: list[Edit] = []
    given = function.args
    for argument in chain(given.posonlyargs, given.args, given.kwonlyargs):
        if argument.arg in arguments:
            edits += _argument_edits(source, head, source.end_of(argument), arguments[argument.arg])
    parameters = _parameters(head)
    if result is not None:
        at = parameters[-1].end
        edits.append(Edit(at, at, f" -> {result}"))
    if _is_too_long(source, function, head, edits):
        edits += _one_per_line(source, function, parameters)
    return edits


def type_comment_edits(source: SourceFile, function: Function) -> list[Edit]:
    """Return what takes type comments away: where there are annotations, they are an error."""
    edits: list[Edit] = []
    for token in _head(source, function):
        if token.kind == tokenize.COMMENT and _TYPE_COMMENT.match(token.text):
            before = source.text[: token.start]
            start = len(before.rstrip(" \t\f"))
            alone = before[start - 1 : start] in ("\r", "\n")
            end = token.end + len(source.newline) if alone else token.end
            edits.append(Edit(start, end, ""))
    return edits


def _head(source: SourceFile, function: Function) -> list[Token]:
    """Return the tokens from `def` to the body, the comments on the way included."""
    first = function.body[0]
    body = source.offset(first.lineno, first.col_offset)
    decorators: list[int] = [item.lineno for item in getattr(first, "decorator_list", [])]
    if decorators:
        body = source.line_start(min(decorators))
    return list(takewhile(lambda token: token.start < body, source.tokens(function.lineno)))


def _argument_edits(source: SourceFile, head: list[Token], end: int, text: str) -> list[Edit]:
    equals = next(token for token in head if token.start >= end and token.text == "=")
    tight = equals.start == end
    edits = [Edit(end, end, f": {text} " if tight else f": {text}")]
    if not source.text[equals.end].isspace():
        edits.append(Edit(equals.end, equals.end, " "))
    return edits


def _parameters(head: list[Token]) -> list[Token]:
    """Return the parentheses around the parameters, and between them the commas.

    The brackets before these are of type parameters.
    """
    depth = 0
    found: list[Token] = []
    for token in (token for token in head if token.kind == tokenize.OP):
        depth -= token.text in (")", "]", "}")
        is_outermost = depth == 0 and token.text in ("(", ")")
        if is_outermost or (found and depth == 1 and token.text == ","):
            found.append(token)
        if is_outermost and token.text == ")":
            return found
        depth += token.text in ("(", "[", "{")
    raise AssertionError("a def has parentheses")


def _is_too_long(
    source: SourceFile, function: Function, head: list[Token], edits: list[Edit]
) -> bool:
    """Whether the head was one line and the annotations make that too long."""
    colon = [token for token in head if token.text == ":"][-1]
    line = source.text[source.line_start(function.lineno) : colon.end]
    return "\n" not in line and len(line) + sum(len(edit.text) for edit in edits) > WIDTH


def _one_per_line(source: SourceFile, function: Function, parameters: list[Token]) -> list[Edit]:
    """Return what gives every parameter a line, with a comma after the last one."""
    line = source.lines[function.lineno - 1]
    outer = source.newline + line[: len(line) - len(line.lstrip())]
    *starts, close = parameters
    edits: list[Edit] = []
    for token in starts:
        rest = source.text[token.end : close.start]
        if rest.strip():
            blank = len(rest) - len(rest.lstrip())
            edits.append(Edit(token.end, token.end + blank, outer + source.indent))
    before = source.text[: close.start].rstrip()
    if before.endswith("("):
        return []
    edits.append(Edit(len(before), close.start, outer if before.endswith(",") else f",{outer}"))
    return edits
