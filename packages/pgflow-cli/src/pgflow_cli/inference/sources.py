"""The user's source files as inference sees them: text, tree, and the functions in it.

Names are looked up in the modules as they were imported, so that `helper` is the function that will
really be called, whatever the import was. Next: `overlay.py`, `planning.py`.
"""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import sysconfig
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final, TypeAlias, cast

from pgflow_dsl import Step

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

_LIBRARIES: Final = tuple(
    {sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)
_NOTHING: Final = object()


class Source:
    """One file."""

    def __init__(self, file: str) -> None:
        self.file = file
        linecache.checkcache(file)
        self.text = "".join(linecache.getlines(file))
        self.tree = ast.parse(self.text)
        self.lines = linecache.getlines(file)
        self.parents: dict[ast.AST, ast.AST] = {
            child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)
        }
        self._functions: dict[tuple[str, int], FunctionNode] = {}
        self.rebound: set[str] = set()
        """Names that some function assigns from inside: what they are now says nothing."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
                self._functions[node.name, first] = node
            elif isinstance(node, ast.Global | ast.Nonlocal):
                self.rebound.update(node.names)

    def function(self, fn: FunctionType) -> FunctionNode | None:
        """Return the `def` of *fn*."""
        code = fn.__code__
        return self._functions.get((code.co_name, code.co_firstlineno))

    def segment(self, node: ast.expr) -> str:
        """Return how *node* is written; `ast.get_source_segment` splits the file each time."""
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        lines = [line.encode() for line in self.lines[first : last + 1]]
        lines[-1] = lines[-1][: node.end_col_offset]
        lines[0] = lines[0][node.col_offset :]
        return b"".join(lines).decode()


class Sources:
    """All files that were looked at; each is read once."""

    def __init__(self) -> None:
        self._sources: dict[str, Source | None] = {}

    def of(self, file: str) -> Source | None:
        """Return the source of *file*; None when it cannot be read or is no Python."""
        if file not in self._sources:
            try:
                self._sources[file] = Source(file)
            except SyntaxError:
                self._sources[file] = None
        return self._sources[file]

    def function(self, fn: FunctionType) -> tuple[Source, FunctionNode] | None:
        """Return where *fn* is written, if it was written as a `def` in a file."""
        source = self.of(fn.__code__.co_filename)
        node = source.function(fn) if source is not None else None
        return None if source is None or node is None else (source, node)


class Names:
    """What names mean inside one function, apart from its own local ones.

    Args:
        source: the file.
        fn: the function.
        local: the names that it binds itself.
    """

    def __init__(self, source: Source, fn: FunctionType, local: Container[str]) -> None:
        self._rebound = source.rebound
        self._local = local
        self._closure: dict[str, object] = {}
        for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=False):
            try:
                self._closure[name] = cell.cell_contents
            except ValueError:
                continue
        self._globals: Mapping[str, Any] = fn.__globals__
        builtins: Any = fn.__globals__.get("__builtins__", {})
        self._builtins: Mapping[str, Any] = (
            builtins if isinstance(builtins, dict) else vars(builtins)
        )

    def value(self, node: ast.expr) -> object:
        """Return what a dotted name stands for; `NOTHING` where that cannot be told.

        Attributes are followed through modules and classes only: elsewhere code might run.
        """
        if isinstance(node, ast.Name):
            if node.id in self._rebound or node.id in self._local:
                return _NOTHING
            for names in (self._closure, self._globals, self._builtins):
                if node.id in names:
                    return names[node.id]
            return _NOTHING
        if isinstance(node, ast.Attribute):
            whole = self.value(node.value)
            if isinstance(whole, Step) and node.attr == "fn":
                return cast("object", whole.fn)
            if isinstance(whole, ModuleType | type):
                return cast("object", inspect.getattr_static(whole, node.attr, _NOTHING))
        return _NOTHING

    def project_function(self, node: ast.expr) -> FunctionType | None:
        """Return the un-annotated function of the project that calling *node* calls, if any."""
        value: Any = self.value(node)
        if isinstance(value, functools._lru_cache_wrapper):  # pyright: ignore[reportPrivateUsage]
            value = cast("Any", value).__wrapped__
        if not isinstance(value, FunctionType) or "return" in value.__annotations__:
            return None
        return value if is_of_project(value) else None


def is_of_project(fn: Callable[..., Any]) -> bool:
    """Whether *fn* is the user's own code, not that of a library."""
    path = Path(cast("FunctionType", fn).__code__.co_filename)
    return not any(path.is_relative_to(folder) for folder in _LIBRARIES)
