"""Notice where the type checker may be wrong, since a dict or list came to hold something else.

It takes `d = {"n": 1}` for a dict with an int in it and goes on to do so after `d["n"] = "text"`,
which it reports as an error, to nobody. What it then says about `d["n"]`, or about anything made of
it, holds only if such changes keep the types.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any, cast

from pgflow_cli.inference.bindings import Bindings
from pgflow_cli.inference.plan import Watched
from pgflow_cli.inference.sources import Names

_SAME_WHATEVER_IT_IS_GIVEN = (ast.JoinedStr, ast.Compare, ast.Lambda)


class Watch:
    """Finds the local names whose contents have a say in the type of an expression.

    Args:
        bindings: of the function.
        names: what its other names mean.
        contents: what a local name holds when it is bound and later; None where nothing changes.
    """

    def __init__(
        self, bindings: Bindings, names: Names, contents: Callable[[str], Watched | None]
    ) -> None:
        self._bindings = bindings
        self._names = names
        self._contents = contents

    def of(self, node: ast.expr) -> tuple[Watched, ...]:
        """Return what must keep its types if the checker is to be right about *node*."""
        seen: set[str] = set()
        pending = list(self._mentioned(node))
        while pending:
            name = pending.pop()
            if name not in seen:
                seen.add(name)
                for binding in self._bindings.of.get(name, ()):
                    pending.extend(self._made_of(binding.node))
        return tuple(found for name in sorted(seen) if (found := self._contents(name)) is not None)

    def _made_of(self, node: ast.AST) -> Iterator[str]:
        while not isinstance(node, ast.stmt):
            node = self._bindings.source.parents[node]
        match node:
            case ast.Assign(value=value) | ast.AugAssign(value=value):
                yield from self._mentioned(value)
            case ast.For(iter=value) | ast.AsyncFor(iter=value) | ast.Match(subject=value):
                yield from self._mentioned(value)
            case ast.With(items=items) | ast.AsyncWith(items=items):
                for item in items:
                    yield from self._mentioned(item.context_expr)
            case _:
                return

    def _mentioned(self, node: ast.AST) -> Iterator[str]:
        if isinstance(node, _SAME_WHATEVER_IT_IS_GIVEN):
            return
        if isinstance(node, ast.Call) and self._has_one_type(node.func):
            return
        if isinstance(node, ast.Name):
            if self._bindings.is_own(node):
                yield node.id
            else:
                yield from self._looped_over(node)
        for child in ast.iter_child_nodes(node):
            yield from self._mentioned(child)

    def _looped_over(self, name: ast.Name) -> Iterator[str]:
        """Yield what a variable of a comprehension takes its values from."""
        above: ast.AST = name
        while above is not self._bindings.function:
            below, above = above, self._bindings.source.parents[above]
            for generator in getattr(above, "generators", ()):
                targets = ast.walk(generator.target)
                if generator is not below and any(
                    isinstance(each, ast.Name) and each.id == name.id for each in targets
                ):
                    yield from self._mentioned(generator.iter)
                    return

    def _has_one_type(self, function: ast.expr) -> bool:
        """Whether a call of *function* has the same type whatever it is given."""
        called: Any = self._names.value(function)
        if isinstance(called, type):
            generic = called in (list, dict, set, frozenset, tuple, map, filter, zip, enumerate)
            return not generic and not getattr(called, "__parameters__", ())
        if called is len or called is repr:
            return True
        if not isinstance(called, FunctionType):
            return False
        returned = cast("object", called.__annotations__.get("return"))
        return (
            returned is not None
            and not isinstance(returned, str)
            and not getattr(returned, "__parameters__", ())
            and type(returned).__name__ != "TypeVar"
        )
