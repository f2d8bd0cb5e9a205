"""Tell whether a handler is still the one whose result type was inferred.

The digest is of what the source says, not of how it is laid out: comments, blank lines, the
docstring and the decorators with their options may change. It is the same under every version of
Python, since the manifest may be compiled under another one than the worker's. What the handler
calls is not covered; there the result schema in the database is the net.
"""

import ast
import hashlib
import inspect
import json
import linecache
from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

from pgflow_dsl.location import shown_path
from pgflow_manifest import DefinitionError

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def handler_digest(fn: Callable[..., Any]) -> str:
    """Return the sha256 of the normalised source of *fn*, looked up through its decorators.

    Raises:
        DefinitionError: *fn* is no `def`, or its source cannot be read.
    """
    code = inspect.unwrap(fn).__code__
    linecache.checkcache(code.co_filename)
    source = "".join(linecache.getlines(code.co_filename))
    digest = _digests_in(source).get((code.co_name, code.co_firstlineno))
    if digest is None:
        place = f"{shown_path(code.co_filename)}:{code.co_firstlineno}"
        raise DefinitionError(
            f"{place}: there is no source of the handler {code.co_name!r} to be read",
            hint="write it as a `def` in a file, or annotate what it returns",
            details={"file": code.co_filename, "line": code.co_firstlineno},
        )
    return digest


@lru_cache(maxsize=8)
def _digests_in(source: str) -> dict[tuple[str, int], str]:
    """Return the digest of every function of a module by name and first line, as code has them."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        # The file was changed after it was imported, and is being edited.
        return {}
    return {
        (node.name, min([node.lineno, *(item.lineno for item in node.decorator_list)])): _digest(
            node
        )
        for node in ast.walk(tree)
        if isinstance(node, _Function)
    }


def _digest(function: _Function) -> str:
    first = function.body[0]
    has_docstring = (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )
    said = [
        type(function).__name__,
        function.name,
        _normal(function.args),
        _normal(function.returns),
        [_normal(statement) for statement in function.body[has_docstring:]],
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _normal(node: object) -> Any:
    """Return *node* as JSON, without what only some versions of Python write down."""
    if isinstance(node, ast.Constant):
        # By its text: 1, 1.0 and True are equal, and bytes are no JSON.
        return ["Constant", repr(node.value)]
    if isinstance(node, ast.JoinedStr):
        # Some versions end the parts of an f-string by an empty text.
        return ["JoinedStr", [_normal(part) for part in node.values if not _is_empty_text(part)]]
    if isinstance(node, ast.AST):
        parts = {name: _normal(value) for name, value in ast.iter_fields(node)}
        return [type(node).__name__, {name: part for name, part in parts.items() if part}]
    if isinstance(node, list):
        return [_normal(item) for item in cast("list[object]", node)]
    return node


def _is_empty_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value == ""
