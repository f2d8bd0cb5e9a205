"""Read from the source how a function's result is put together: see `plan.py` for what comes out.

Followed are displays and comprehensions of dicts, lists, sets and tuples, conditional expressions,
`and` and `or`, local names whose every use is known, constants, members of enums, and calls of the
project's own un-annotated functions. All else is a leaf, of which the type checker is asked. Next:
`bindings.py` and `changes.py` for local names, `folding.py` for the way from plan to shape.
"""

from __future__ import annotations

import ast
import asyncio
import enum
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import FunctionType
from typing import cast

from pgflow_cli.inference.bindings import Bindings, may_fall_through
from pgflow_cli.inference.following import Followed
from pgflow_cli.inference.plan import (
    Awaited,
    Call,
    Dynamic,
    Entries,
    Fixed,
    FixedItems,
    FunctionPlan,
    Items,
    Key,
    Leaf,
    OneOf,
    Part,
    Plan,
    Refused,
    Spread,
    is_flat,
)
from pgflow_cli.inference.sources import FunctionNode, Names, Source
from pgflow_cli.inference.watching import Watch
from pgflow_manifest import EnumMemberShape, LiteralShape, NoneShape


def plan_function(fn: FunctionType, source: Source, node: FunctionNode) -> FunctionPlan:
    """Return how the result of *fn*, which *node* defines, is put together."""
    planner = _Planner(fn, source, node)
    returns: tuple[Plan, ...]
    if planner.bindings.yields:
        reason = "it is a generator, which has many results"
        returns = (Refused(reason, source, node, "collect them in a list and return that"),)
    else:
        returns = tuple(
            Fixed(NoneShape()) if statement.value is None else planner.plan(statement.value)
            for statement in planner.bindings.returns
        )
    return FunctionPlan(
        source=source, node=node, returns=returns, may_fall_through=may_fall_through(node.body)
    )


class _Planner:
    """Makes the plans of the expressions of one function."""

    def __init__(self, fn: FunctionType, source: Source, node: FunctionNode) -> None:
        self.bindings = Bindings(source, node)
        self._source = source
        self._names = Names(source, fn, self.bindings.of)
        self._followed = Followed(self.bindings, self._names, self.plan, self._entries, self._leaf)
        self._watch = Watch(self.bindings, self._names, self._followed.contents)

    def plan(self, node: ast.expr) -> Plan:  # noqa: PLR0912 - one case for each
        """Return how the value of *node* is put together."""
        match node:
            case ast.Constant():
                return self._constant(node)
            case ast.Dict():
                return Entries(tuple(self._entries(node)), self._source, node)
            case ast.List(elts=elements) | ast.Set(elts=elements):
                return self._items("list" if isinstance(node, ast.List) else "set", elements, node)
            case ast.Tuple(elts=elements) if not any(
                isinstance(element, ast.Starred) for element in elements
            ):
                return FixedItems(tuple(self.plan(element) for element in elements))
            case ast.ListComp(elt=element):
                return Items("list", (self.plan(element),), (), self._source, node)
            case ast.SetComp(elt=element):
                return Items("set", (self.plan(element),), (), self._source, node)
            case ast.DictComp(key=key, value=value):
                pairs = Dynamic(self.plan(key), self.plan(value))
                return Entries((pairs,), self._source, node)
            case ast.IfExp(body=body, orelse=orelse):
                return self._one_of(node, [self.plan(body), self.plan(orelse)])
            case ast.BoolOp(op=op, values=values):
                plans = [self.plan(value) for value in values]
                return self._one_of(node, plans, is_or=isinstance(op, ast.Or))
            case ast.NamedExpr(value=value):
                return self.plan(value)
            case ast.Name():
                return self._name(node)
            case ast.Attribute():
                return self._attribute(node)
            case ast.Subscript(value=value, slice=ast.Constant(value=str() | int() as key)):
                return self._part(node, self.plan(value), key)
            case ast.Call():
                return self._call(node, is_awaited=False)
            case ast.Await(value=ast.Call() as call):
                return self._call(call, is_awaited=True, whole=node)
            case _:
                return self._leaf(node)

    def _leaf(self, node: ast.expr) -> Leaf:
        return Leaf(self._source, node, self._watch.of(node))

    def _refused(self, reason: str, node: ast.AST, hint: str | None = None) -> Refused:
        return Refused(reason, self._source, node, hint)

    def _constant(self, node: ast.Constant) -> Plan:
        value = node.value
        if value is None:
            return Fixed(NoneShape())
        if isinstance(value, bool | int | str):
            return Fixed(LiteralShape(values=(value,)))
        return self._leaf(node)

    def _entries(self, node: ast.Dict) -> Iterator[Key | Spread | Dynamic]:
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                yield Spread(self.plan(value))
            elif isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield Key(key.value, self.plan(value))
            else:
                yield Dynamic(self.plan(key), self.plan(value))

    def _items(self, kind: str, elements: Sequence[ast.expr], node: ast.expr) -> Plan:
        return Items(
            "list" if kind == "list" else "set",
            tuple(self.plan(each) for each in elements if not isinstance(each, ast.Starred)),
            tuple(self.plan(each.value) for each in elements if isinstance(each, ast.Starred)),
            self._source,
            node,
        )

    def _one_of(self, node: ast.expr, plans: list[Plan], *, is_or: bool = False) -> Plan:
        if all(isinstance(plan, Leaf) for plan in plans):
            # The checker knows what narrowing leaves of each.
            return self._leaf(node)
        return OneOf(tuple(plans), is_or)

    def _attribute(self, node: ast.Attribute) -> Plan:
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if isinstance(root, ast.Name) and not self._is_local(root):
            owner = self._names.value(node.value)
            if isinstance(owner, enum.EnumMeta) and node.attr in owner.__members__:
                cls = cast("type[enum.Enum]", owner)
                member = cls[node.attr].name
                return Fixed(
                    EnumMemberShape(module=cls.__module__, name=cls.__qualname__, member=member)
                )
        return self._leaf(node)

    def _is_local(self, node: ast.Name) -> bool:
        """Whether *node* is a name of the function or of a comprehension in it."""
        if self.bindings.is_own(node) or node.id in self.bindings.of:
            return True
        above: ast.AST = node
        while above is not self.bindings.function:
            above = self._source.parents[above]
            for generator in getattr(above, "generators", ()):
                targets = ast.walk(generator.target)
                if any(isinstance(each, ast.Name) and each.id == node.id for each in targets):
                    return True
        return False

    def _part(self, node: ast.expr, whole: Plan, key: str | int) -> Plan:
        leaf = self._leaf(node)
        return leaf if isinstance(whole, Leaf) else Part(whole, key, leaf)

    def _call(self, call: ast.Call, *, is_awaited: bool, whole: ast.expr | None = None) -> Plan:
        node = whole or call
        root: ast.expr = call.func
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name) or self._is_local(root):
            return self._leaf(node)
        function = self._names.project_function(call.func)
        if function is None:
            return self._library_call(call, node, is_awaited=is_awaited)
        arguments = _passed(call, function)
        return Call(
            function=function,
            arguments={name: self.plan(value) for name, value in arguments.items()},
            source=self._source,
            node=node,
            is_awaited=is_awaited,
        )

    def _library_call(self, call: ast.Call, node: ast.expr, *, is_awaited: bool) -> Plan:
        """Follow a few functions through which keys would get lost."""
        callee: object = self._names.value(call.func)
        plain = [self.plan(each) for each in call.args if not isinstance(each, ast.Starred)]
        words = {word.arg for word in call.keywords}
        if callee is asyncio.gather and is_awaited and not words:
            # Declared to give a tuple, it gives a list.
            awaited = tuple(self._awaited(each) for each in call.args)
            return Items("list", awaited, (), self._source, node)
        if len(plain) == len(call.args) == 1 and not is_flat(plain[0]):
            if callee in (list, sorted) and words <= {"key", "reverse"}:
                return Items("list", (), (plain[0],), self._source, node)
            if callee is set:
                return Items("set", (), (plain[0],), self._source, node)
            if callee is dict and not words:
                return Entries((Spread(plain[0]),), self._source, node)
        if callee is dict and not call.args and None not in words:
            return Entries(
                tuple(Key(str(word.arg), self.plan(word.value)) for word in call.keywords),
                self._source,
                node,
            )
        return self._leaf(node)

    def _awaited(self, node: ast.expr) -> Plan:
        match node:
            case ast.Starred(value=ast.ListComp(elt=each) | ast.GeneratorExp(elt=each)):
                return self._awaited(each)
            case ast.Starred():
                return self._refused("what is awaited is not visible one by one", node)
            case _:
                plan = self.plan(node)
                return (
                    replace(plan, is_awaited=True)
                    if isinstance(plan, Call)
                    else Awaited(self._leaf(node))
                )

    def _name(self, node: ast.Name) -> Plan:
        return self._followed.name(node) if self.bindings.is_own(node) else self._leaf(node)


def _passed(call: ast.Call, function: FunctionType) -> dict[str, ast.expr]:
    """Return what *call* passes for which parameter, as far as it is plain to see."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    passed: dict[str, ast.expr] = {}
    for name, value in zip(names, call.args, strict=False):
        if isinstance(value, ast.Starred):
            break
        passed[name] = value
    passed.update({word.arg: word.value for word in call.keywords if word.arg is not None})
    return passed
