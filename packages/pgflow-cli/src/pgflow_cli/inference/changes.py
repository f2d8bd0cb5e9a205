"""What happens to a dict or list after it was bound to a name: every use of the name is looked at.

Uses that only read are fine, and so are those whose effect is known: `d["key"] = value`, `.append`.
What is left over (a function that is given the dict, another name for it) may change anything, and
then nothing exact can be told.
"""

from __future__ import annotations

import ast
import builtins
import json
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from pgflow_cli.inference.bindings import Bindings, position_of
from pgflow_cli.inference.sources import Names

_READERS: Final[frozenset[object]] = frozenset(
    {
        *(builtins.len, builtins.str, builtins.repr, builtins.print, builtins.bool),
        *(builtins.isinstance, builtins.id, builtins.hash, builtins.format, builtins.type),
        *(builtins.any, builtins.all, builtins.sum),
        *(json.dumps,),
    }
)
_COPIERS: Final[frozenset[object]] = frozenset(
    {
        *(builtins.sorted, builtins.list, builtins.tuple, builtins.set, builtins.dict),
        *(builtins.frozenset, builtins.enumerate, builtins.zip, builtins.reversed),
        *(builtins.min, builtins.max, builtins.iter, builtins.next, builtins.map, builtins.filter),
    }
)
"""They hand on what is inside: fine while that has no inside of its own."""
_INNER_READERS: Final = frozenset({"get", "keys", "values", "items", "copy"})
_LIST_READERS: Final = frozenset({"index", "count", "copy", "__len__"})
_SHRINKERS: Final = frozenset({"sort", "reverse", "clear", "remove", "pop", "popitem", "discard"})
_ADDERS: Final = {"append": 0, "add": 0, "insert": 1}
_CHANGERS: Final = frozenset(
    {*_SHRINKERS, *_ADDERS, "extend", "update", "setdefault", "__setitem__", "__delitem__"}
)
_EXTENDERS: Final = frozenset({"extend", "update"})


@dataclass(frozen=True, slots=True, eq=False)
class SetsKey:
    """`d[key] = value`; or `d.setdefault(key, value)`, which keeps what is there."""

    key: ast.expr
    value: ast.expr
    statement: ast.AST
    is_default: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Merges:
    """`d.update(other)` or `d |= other`."""

    other: ast.expr
    statement: ast.AST


@dataclass(frozen=True, slots=True, eq=False)
class Augments:
    """`d[key] += value`."""

    key: ast.expr
    operator: ast.operator
    value: ast.expr
    statement: ast.AST


@dataclass(frozen=True, slots=True, eq=False)
class Removes:
    """`del d[key]`, `d.pop(key)`."""

    key: ast.expr
    statement: ast.AST


@dataclass(frozen=True, slots=True, eq=False)
class Shrinks:
    """`.clear()`, `.pop()` and the like, which take away nobody knows what."""

    statement: ast.AST


@dataclass(frozen=True, slots=True, eq=False)
class Adds:
    """`xs.append(item)`."""

    item: ast.expr
    statement: ast.AST


@dataclass(frozen=True, slots=True, eq=False)
class Extends:
    """`xs.extend(items)` or `xs += items`."""

    items: ast.expr
    statement: ast.AST


Change: TypeAlias = SetsKey | Merges | Augments | Removes | Shrinks | Adds | Extends


class EscapesError(Exception):
    """A use that may change the value in ways nobody can follow."""

    def __init__(self, how: str, node: ast.AST) -> None:
        self.how = how
        self.node = node
        super().__init__(how)


class ChangesOf:
    """Finds the changes to what a name is bound to.

    Args:
        bindings: of the function.
        names: what its other names mean.
        is_flat: whether what is in the value of a local name has no inside of its own.
    """

    def __init__(self, bindings: Bindings, names: Names, is_flat: Callable[[str], bool]) -> None:
        self._bindings = bindings
        self._parents = bindings.source.parents
        self._names = names
        self._is_flat = is_flat
        self._open: set[str] = set()
        self._found: dict[str, Sequence[Change] | EscapesError] = {}

    def find(self, name: str) -> Sequence[Change]:
        """Return what is done to the value of *name*, in the order of the source.

        Raises:
            EscapesError: something may be done to it that is not known.
        """
        if name in self._bindings.captured or self._bindings.looks_at_itself:
            raise EscapesError("an inner function may change it", self._bindings.function)
        if name in self._open:
            raise EscapesError("it may hold itself", self._bindings.function)
        if name not in self._found:
            self._open.add(name)
            try:
                uses = [self._change(name, use) for use in self._bindings.uses[name]]
                augmented = [_augmented(node) for node in self._bindings.augmented[name]]
                self._found[name] = _in_order([*uses, *augmented])
            except EscapesError as error:
                # What another name does while this one is looked at does not count for it.
                if self._open == {name}:
                    self._found[name] = error
                raise
            finally:
                self._open.discard(name)
        found = self._found[name]
        if isinstance(found, EscapesError):
            raise found
        return found

    def find_known(self, name: str) -> Sequence[Change]:
        """Return what is done to the value of *name*, as far as that can be followed."""
        found: list[Change | None] = []
        for use in self._bindings.uses[name]:
            with suppress(EscapesError):
                found.append(self._change(name, use))
        for node in self._bindings.augmented[name]:
            with suppress(EscapesError):
                found.append(_augmented(node))
        return _in_order(found)

    def _change(self, name: str, use: ast.Name) -> Change | None:
        parent = self._parents[use]
        match parent:
            case ast.Subscript(value=value) if value is use:
                return self._subscript(name, parent)
            case ast.Attribute():
                return self._method(name, parent)
            case ast.Call() if use in parent.args:
                self._passed(name, parent)
                return None
            case ast.For(iter=value) | ast.AsyncFor(iter=value) | ast.comprehension(iter=value) if (
                value is use
            ):
                self._check_loop(name, parent)
                return None
            case _:
                self._check_context(name, use)
                return None

    def _subscript(self, name: str, node: ast.Subscript) -> Change | None:
        parent = self._parents[node]
        if isinstance(node.ctx, ast.Load):
            self._check_part(name, node)
            return None
        match parent:
            case ast.Assign(targets=[_], value=value):
                return SetsKey(node.slice, value, parent)
            case ast.AugAssign(op=op, value=value):
                return Augments(node.slice, op, value, parent)
            case ast.Delete():
                return Removes(node.slice, parent)
            case _:
                raise EscapesError("it is changed in a way that cannot be followed", node)

    def _method(self, name: str, attribute: ast.Attribute) -> Change | None:
        call = self._parents[attribute]
        if not isinstance(call, ast.Call) or call.func is not attribute:
            raise EscapesError("it is changed in a way that cannot be followed", attribute)
        method, statement = attribute.attr, self._parents[call]
        is_statement = isinstance(statement, ast.Expr)
        plain = not any(isinstance(item, ast.Starred) for item in call.args)
        if method in _LIST_READERS:
            return None
        if method in _INNER_READERS:
            self._check_part(name, call)
            return None
        if is_statement and plain and not call.keywords:
            if method in _ADDERS and len(call.args) == _ADDERS[method] + 1:
                return Adds(call.args[-1], statement)
            if method in _EXTENDERS and len(call.args) == 1:
                item = call.args[0]
                return Extends(item, statement) if method == "extend" else Merges(item, statement)
        if is_statement and method == "update" and not call.args:
            display = ast.Dict(
                keys=[
                    None if word.arg is None else ast.Constant(word.arg) for word in call.keywords
                ],
                values=[word.value for word in call.keywords],
            )
            return Merges(ast.copy_location(display, call), statement)
        if method == "setdefault" and is_statement and len(call.args) == 2:
            return SetsKey(call.args[0], call.args[1], statement, is_default=True)
        if method in _SHRINKERS:
            self._needs_flat(name, call)
            return (
                Removes(call.args[0], statement)
                if method == "pop" and call.args
                else Shrinks(statement)
            )
        raise EscapesError(f"`.{method}` may change it", call)

    def _passed(self, name: str, call: ast.Call) -> None:
        match call.func:
            case ast.Attribute(value=ast.Name(id=other), attr=attr) if attr in _ADDERS:
                self._check_holder(other, call, is_wrapped=True)
                return
            case _:
                callee = self._names.value(call.func)
        if _is_among(callee, _COPIERS):
            self._check_part(name, call)
        elif not self._only_reads(call.func):
            raise EscapesError(
                f"it is passed to `{ast.unparse(call.func)}`, which may change it", call
            )

    def _only_reads(self, function: ast.expr) -> bool:
        if _is_among(self._names.value(function), _READERS):
            return True
        if not isinstance(function, ast.Attribute):
            return False
        owner = self._names.value(function.value)
        return isinstance(owner, logging.Logger) or owner is logging

    def _needs_flat(self, name: str, node: ast.AST) -> None:
        if not self._is_flat(name):
            raise EscapesError("what is in it may be changed here", node)

    def _check_part(self, name: str, node: ast.expr) -> None:
        """Refuse a place for *node*, something inside the value, where it may be changed."""
        if self._is_flat(name):
            return
        while True:
            parent = self._parents[node]
            match parent:
                case ast.Subscript(value=value, ctx=ast.Load()) if value is node:
                    node = parent
                case ast.Attribute(attr=attr):
                    call = self._parents[parent]
                    if attr in _CHANGERS:
                        raise EscapesError(f"`.{attr}` changes what is in it", parent)
                    if attr not in _INNER_READERS or not isinstance(call, ast.Call):
                        return
                    node = call
                case ast.Call() if node in parent.args and self._only_reads(parent.func):
                    return
                case ast.Call() if node in parent.args and _is_among(
                    self._names.value(parent.func), _COPIERS
                ):
                    node = parent
                case ast.For() | ast.AsyncFor() | ast.comprehension():
                    self._check_loop(name, parent)
                    return
                case _:
                    self._check_context(name, node)
                    return

    def _check_loop(self, name: str, loop: ast.For | ast.AsyncFor | ast.comprehension) -> None:
        """Refuse a loop over the value that may change what is in it."""
        if self._is_flat(name):
            return
        targets = {node.id for node in ast.walk(loop.target) if isinstance(node, ast.Name)}
        if isinstance(loop, ast.comprehension):
            inside = ast.walk(self._parents[loop])
            uses = [n for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]
        else:
            uses = [use for target in targets for use in self._bindings.uses[target]]
            if targets & self._bindings.captured:
                raise EscapesError("an inner function may change what is in it", loop.target)
        for use in uses:
            if use.id in targets:
                self._check_part(name, use)

    def _check_context(self, name: str, node: ast.expr) -> None:  # noqa: PLR0912 - one case for each
        """Refuse a place for *node* where something else comes to hold what it is."""
        is_wrapped = False
        while True:
            parent = self._parents[node]
            match parent:
                case ast.Return() | ast.Expr() | ast.Compare() | ast.FormattedValue():
                    return
                case ast.If() | ast.While() | ast.Assert() | ast.UnaryOp(op=ast.Not()):
                    return
                case ast.IfExp(test=test) if test is node:
                    return
                case ast.comprehension() | ast.For() | ast.AsyncFor():
                    self._check_loop(name, parent)
                    return
                case ast.BinOp():
                    self._needs_flat(name, node)
                    return
                case ast.Dict() | ast.List() | ast.Tuple() | ast.Set() | ast.Starred():
                    is_wrapped, node = True, parent
                case ast.ListComp() | ast.SetComp() | ast.DictComp():
                    is_wrapped, node = True, parent
                case ast.IfExp() | ast.BoolOp():
                    node = parent
                case ast.keyword() if (call := self._call_of_dict(parent)) is not None:
                    is_wrapped, node = True, call
                case ast.Assign(targets=[ast.Name(id=other)]):
                    self._check_holder(other, node, is_wrapped=is_wrapped)
                    return
                case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=other))]):
                    self._check_holder(other, node, is_wrapped=True)
                    return
                case ast.Call(func=ast.Attribute(value=ast.Name(id=other), attr=attr)) if (
                    attr in _ADDERS and node in parent.args
                ):
                    self._check_holder(other, node, is_wrapped=True)
                    return
                case _:
                    raise EscapesError("it goes where it may be changed", node)

    def _call_of_dict(self, word: ast.keyword) -> ast.Call | None:
        call = self._parents[word]
        is_dict = isinstance(call, ast.Call) and self._names.value(call.func) is dict
        return cast("ast.Call", call) if is_dict else None

    def _check_holder(self, other: str, node: ast.AST, *, is_wrapped: bool) -> None:
        """Refuse that *other*, which holds the value or is it, is changed further inside."""
        if other not in self._bindings.of:
            raise EscapesError(f"`{other}` holds it, which is not local", node)
        changes = self.find(other)
        if changes and not is_wrapped:
            raise EscapesError(f"`{other}` is another name for it, and is changed", node)


def _is_among(value: object, functions: frozenset[object]) -> bool:
    try:
        return value in functions
    except TypeError:
        return False


def _augmented(node: ast.AugAssign) -> Change:
    match node.op:
        case ast.BitOr():
            return Merges(node.value, node)
        case ast.Add():
            return Extends(node.value, node)
        case _:
            raise EscapesError("it is changed in place", node)


def _in_order(changes: Iterable[Change | None]) -> list[Change]:
    return sorted(
        (change for change in changes if change is not None),
        key=lambda change: position_of(change.statement),
    )
