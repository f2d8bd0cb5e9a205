"""What the code of a module binds at its top level, and where: read from the tree alone.

Next: `module_names.py`, which compares it with what the loaded module holds.
"""

import ast
import symtable
from collections.abc import Iterator
from dataclasses import dataclass, field

from pgflow_cli.annotating.source_file import SourceFile

Import = ast.Import | ast.ImportFrom
_SCOPES = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)


@dataclass(slots=True)
class ModuleScope:
    """The names of a module."""

    bound: dict[str, int] = field(default_factory=dict[str, int])
    """Names by the last line of the statement that binds them."""
    used: set[str] = field(default_factory=set[str])
    """All names that are bound or looked up at the top level, from wherever."""
    dotted: dict[str, int] = field(default_factory=dict[str, int])
    """`import a.b` by the line, which makes `a.b` known by its full name."""
    star: int | None = None
    """The line of the last `from x import *`."""
    for_checkers: dict[str, str] = field(default_factory=dict[str, str])
    """What `if TYPE_CHECKING:` imports: the local name, and that in the other module."""
    imports: list[str] = field(default_factory=list[str])
    """All modules that are imported, inside functions too, as they are written."""
    postpones: bool = False
    """Whether annotations are kept as text: `from __future__ import annotations`."""


def scope_of(source: SourceFile) -> ModuleScope:
    """Return the names of the module in *source*."""
    scope = ModuleScope()
    _collect(source.tree, scope)
    _use(symtable.symtable(source.text, str(source.path), "exec"), scope)
    for node in ast.walk(source.tree):
        if is_type_checking(node):
            scope.for_checkers.update(_imported_for_checkers(node))
        if isinstance(node, ast.ImportFrom):
            scope.imports.append("." * node.level + (node.module or ""))
        elif isinstance(node, ast.Import):
            scope.imports += [alias.name for alias in node.names]
    return scope


def imports_at_run_time(tree: ast.Module) -> Iterator[Import]:
    """Yield the imports that run when the module is imported."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, Import):
            yield node
        elif isinstance(node, ast.If) and is_type_checking(node):
            pending += node.orelse
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            pending += ast.iter_child_nodes(node)


def is_type_checking(node: ast.AST) -> bool:
    """Whether *node* is `if TYPE_CHECKING:`."""
    if not isinstance(node, ast.If):
        return False
    test = node.test
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING"


def _imported_for_checkers(node: ast.AST) -> Iterator[tuple[str, str]]:
    for statement in getattr(node, "body", ()):
        if isinstance(statement, Import):
            for alias in statement.names:
                yield alias.asname or alias.name, alias.name


def _collect(node: ast.AST, scope: ModuleScope) -> None:
    """Note what *node* binds in the scope that it is in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            scope.bound[child.name] = child.end_lineno or child.lineno
        elif isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            scope.bound[child.id] = child.lineno
        elif isinstance(child, Import):
            _collect_import(child, scope)
        if not isinstance(child, _SCOPES):
            _collect(child, scope)


def _collect_import(statement: Import, scope: ModuleScope) -> None:
    line = statement.end_lineno or statement.lineno
    for alias in statement.names:
        if alias.name == "*":
            scope.star = line
        elif isinstance(statement, ast.Import) and alias.asname is None:
            scope.dotted[alias.name] = line
            scope.bound[alias.name.partition(".")[0]] = line
        else:
            scope.bound[alias.asname or alias.name] = line
    if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
        scope.postpones |= any(alias.name == "annotations" for alias in statement.names)


def _use(table: symtable.SymbolTable, scope: ModuleScope) -> None:
    is_module = table.get_type() == "module"
    scope.used |= {
        symbol.get_name() for symbol in table.get_symbols() if is_module or symbol.is_global()
    }
    for child in table.get_children():
        _use(child, scope)
