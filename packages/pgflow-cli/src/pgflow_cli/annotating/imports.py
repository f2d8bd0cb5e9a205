"""Write imports where they belong: into a line that is there, or sorted among the others."""

import ast
import sys
import tokenize
from collections.abc import Iterable, Mapping
from itertools import groupby, takewhile
from operator import itemgetter

from pgflow_cli.annotating.module_names import NewImport
from pgflow_cli.annotating.module_scope import Import
from pgflow_cli.annotating.source_file import WIDTH, Edit, SourceFile

_Order = tuple[int, bool, str]
"""Section, whether it is a `from`, module: what sorts imports."""


def import_edits(
    source: SourceFile, new: Iterable[NewImport], *, before: int, folder_modules: frozenset[str]
) -> list[Edit]:
    """Return what writes the imports *new*.

    Args:
        source: the file.
        new: what to import.
        before: the line at which the names must be known.
        folder_modules: modules of the flows folder, which come after all others.
    """
    block = [
        statement
        for statement in source.tree.body
        if isinstance(statement, Import) and (statement.end_lineno or 0) < before
    ]
    by_module: dict[str, list[NewImport]] = {}
    for one in sorted(new, key=lambda one: (one.module, _name_order(one.name))):
        by_module.setdefault(one.module, []).append(one)
    return _Writer(source, block, folder_modules).edits(by_module)


class _Writer:
    def __init__(
        self, source: SourceFile, block: list[Import], folder_modules: frozenset[str]
    ) -> None:
        self._source = source
        self._block = block
        self._folder_modules = folder_modules

    def edits(self, wanted: Mapping[str, list[NewImport]]) -> list[Edit]:
        edits: list[Edit] = []
        lines: dict[_Order, str] = {}
        for module, names in wanted.items():
            merged = self._merged(module, names)
            edits += merged
            if not merged:
                text = f"from {module} import {', '.join(map(_alias, names))}"
                lines[self._order_of(module, is_from=True)] = text + self._source.newline
        old_sections = {self._order(statement)[0] for statement in self._block}
        for section, orders in groupby(sorted(lines), key=itemgetter(0)):
            group = list(orders)
            if section in old_sections:
                edits += [self._added_line(order, lines[order]) for order in group]
            else:
                edits.append(
                    self._added_section(group[0], "".join(lines[order] for order in group))
                )
        return edits

    def _merged(self, module: str, wanted: list[NewImport]) -> list[Edit]:
        """Return what adds *wanted* to an import of *module* that is simple enough for it."""
        for statement in self._block:
            is_its = isinstance(statement, ast.ImportFrom) and _module_of(statement) == module
            if is_its and self._is_simple(statement, wanted):
                return [self._added_name(statement, one) for one in wanted]
        return []

    def _is_simple(self, statement: Import, wanted: list[NewImport]) -> bool:
        source = self._source
        start = source.offset(statement.lineno, statement.col_offset)
        end = source.offset(statement.end_lineno or 0, statement.end_col_offset or 0)
        tokens = takewhile(lambda token: token.start < end, source.tokens(statement.lineno))
        is_flat = statement.lineno == statement.end_lineno
        added = sum(len(_alias(one)) + 2 for one in wanted)
        return not (
            any(alias.name == "*" for alias in statement.names)
            or any(token.kind == tokenize.COMMENT for token in tokens)
            or "\\" in source.text[start:end]
            or (is_flat and end - start + added > WIDTH)
        )

    def _added_name(self, statement: Import, one: NewImport) -> Edit:
        source = self._source
        for alias in statement.names:
            if _name_order(alias.name) > _name_order(one.name):
                at = source.offset(alias.lineno, alias.col_offset)
                return Edit(at, at, f"{_alias(one)},{self._gap(alias)}")
        last = statement.names[-1]
        at = source.end_of(last)
        return Edit(at, at, f",{self._gap(last)}{_alias(one)}")

    def _gap(self, alias: ast.alias) -> str:
        """Return what stands between names: a blank, or the start of a new line."""
        line = self._source.lines[alias.lineno - 1]
        before = line.encode()[: alias.col_offset].decode()
        return " " if before.strip() else self._source.newline + before

    def _added_line(self, order: _Order, text: str) -> Edit:
        """Return what adds a statement to a section that is there, in the order of isort."""
        before = [each for each in self._block if self._order(each) <= order]
        alike = [each for each in self._block if self._order(each)[0] == order[0]]
        if before and before[-1] in alike:
            at = self._source.line_start((before[-1].end_lineno or 0) + 1)
        else:
            at = self._source.line_start(alike[0].lineno)
        return Edit(at, at, text)

    def _added_section(self, order: _Order, text: str) -> Edit:
        """Return what adds the first statements of a section."""
        end = self._source.newline
        before = [each for each in self._block if self._order(each) < order]
        if before:
            at = self._source.line_start((before[-1].end_lineno or 0) + 1)
            return Edit(at, at, end + text)
        if self._block:
            at = self._source.line_start(self._block[0].lineno)
            return Edit(at, at, text + end)
        return self._first(text)

    def _first(self, text: str) -> Edit:
        """Return what adds the first import of a module: below its docstring and comments."""
        body, end = self._source.tree.body, self._source.newline
        if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            at = self._source.line_start((body[0].end_lineno or 0) + 1)
            return Edit(at, at, end + text)
        line = 1
        while line <= len(self._source.lines) and self._source.lines[line - 1].startswith("#"):
            line += 1
        at = self._source.line_start(line)
        return Edit(at, at, text if line > 1 else text + end)

    def _order(self, statement: Import) -> _Order:
        is_from = isinstance(statement, ast.ImportFrom)
        return self._order_of(_module_of(statement), is_from=is_from)

    def _order_of(self, module: str, *, is_from: bool) -> _Order:
        top = module.partition(".")[0]
        if module == "__future__":
            section = 0
        elif top in sys.stdlib_module_names:
            section = 1
        else:
            section = 3 if module.startswith(".") or top in self._folder_modules else 2
        return section, is_from, module


def _module_of(statement: Import) -> str:
    if isinstance(statement, ast.Import):
        return statement.names[0].name
    return "." * statement.level + (statement.module or "")


def _alias(one: NewImport) -> str:
    return one.name if one.local == one.name else f"{one.name} as {one.local}"


def _name_order(name: str) -> tuple[int, str]:
    """Return the place of *name* as ruff and isort have it: CONSTANT, Class, variable."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name
