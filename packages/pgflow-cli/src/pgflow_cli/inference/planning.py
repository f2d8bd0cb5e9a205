"""Read from the source how a function's result is put together: see `plan.py` for what comes out.

Followed are displays and comprehensions of dicts, lists, sets and tuples, conditional expressions,
`and` and `or`, local names whose every use is known, constants, members of enums, and calls of the
project's own un-annotated functions. All else is a leaf, of which the type checker is asked. Next:
`bindings.py` and `changes.py` for local names, `folding.py` for the way from plan to shape.
"""

from __future__ import annotations

import ast
import enum
from collections.abc import Iterator, Sequence
from types import FunctionType
from typing import cast

from pgflow_cli.inference.bindings import Binding, Bindings, may_fall_through
from pgflow_cli.inference.changes import (
    Adds,
    Augments,
    Change,
    ChangesOf,
    EscapesError,
    Extends,
    Merges,
    Removes,
    SetsKey,
    Shrinks,
)
from pgflow_cli.inference.plan import (
    Call,
    Changed,
    Dynamic,
    Entries,
    Fixed,
    FixedItems,
    FunctionPlan,
    Items,
    Key,
    Leaf,
    Local,
    OneOf,
    Parameter,
    Part,
    Plan,
    Refused,
    Spread,
    all_within,
    is_flat,
)
from pgflow_cli.inference.sources import FunctionNode, Names, Source
from pgflow_manifest import EnumMemberShape, LiteralShape, NoneShape

_DISPLAYS = (ast.Dict, ast.List, ast.Set, ast.DictComp, ast.ListComp, ast.SetComp)


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
        self._changes = ChangesOf(self.bindings, self._names, self._holds_flat_values)
        self._open: set[str] = set()
        self._flat: dict[str, bool] = {}
        self._typed = {
            argument.arg
            for argument in ast.walk(node.args)
            if isinstance(argument, ast.arg) and argument.annotation is not None
        }

    def plan(self, node: ast.expr) -> Plan:
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
        return Leaf(self._source, node)

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
            return self._library_call(call, node)
        arguments = _passed(call, function)
        return Call(
            function=function,
            arguments={name: self.plan(value) for name, value in arguments.items()},
            source=self._source,
            node=node,
            is_awaited=is_awaited,
        )

    def _library_call(self, call: ast.Call, node: ast.expr) -> Plan:
        """Follow a few functions through which keys would get lost."""
        callee: object = self._names.value(call.func)
        plain = [self.plan(each) for each in call.args if not isinstance(each, ast.Starred)]
        words = {word.arg for word in call.keywords}
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

    def _name(self, node: ast.Name) -> Plan:
        leaf = self._leaf(node)
        if not self.bindings.is_own(node):
            return leaf
        if self.bindings.is_parameter(node.id):
            return leaf if node.id in self._typed else self._parameter(node, leaf)
        if node.id in self._open:
            return leaf
        self._open.add(node.id)
        try:
            return self._local(node, leaf)
        finally:
            self._open.discard(node.id)

    def _parameter(self, node: ast.Name, leaf: Leaf) -> Plan:
        changed: Refused | None = None
        try:
            if changes := self._changes.find(node.id):
                changed = self._refused("it is changed in here", changes[0].statement)
        except EscapesError as error:
            changed = self._refused(error.how, error.node)
        return Parameter(node.id, leaf, changed)

    def _local(self, node: ast.Name, leaf: Leaf) -> Plan:
        reaching = self.bindings.reaching(node)
        if not any(binding.value is not None for binding in reaching):
            return leaf
        plans = [
            self._refused(f"not every value of `{node.id}` is written as one expression", node)
            if binding.value is None
            else self.plan(binding.value)
            for binding in reaching
        ]
        if all(is_flat(plan) or isinstance(plan, Refused) for plan in plans):
            return leaf
        try:
            changes = self._changes.find(node.id)
        except EscapesError as error:
            if any(isinstance(plan, Entries | Call) for plan in all_within(plans)):
                # The checker would lose the keys.
                line = getattr(error.node, "lineno", node.lineno)
                return self._refused(f"{error.how} (line {line})", node)
            return leaf
        if self._is_returned(node):
            # Elsewhere what is done later shows as well: it is one and the same dict.
            changes = [c for c in changes if self.bindings.may_run_before(c.statement, node)]
        values = [
            self._with_changes(node, plan, binding, changes)
            for plan, binding in zip(plans, reaching, strict=True)
        ]
        return Local(values[0] if len(values) == 1 else OneOf(tuple(values)), leaf)

    def _is_returned(self, node: ast.AST) -> bool:
        while not isinstance(node, ast.stmt):
            node = self._source.parents[node]
        return isinstance(node, ast.Return)

    def _with_changes(
        self, use: ast.Name, plan: Plan, binding: Binding, changes: Sequence[Change]
    ) -> Plan:
        if not changes or (is_flat(plan) and not isinstance(plan, Leaf)):
            return plan
        if isinstance(plan, Entries):
            parts = list(plan.parts)
            for change in changes:
                parts.extend(self._changed_entries(parts, change, binding, use))
            return Entries(tuple(parts), plan.source, plan.node)
        if isinstance(plan, Items):
            return self._with_items(use, plan, changes)
        return self._refused("it is changed after it was made", changes[0].statement)

    def _changed_entries(
        self,
        parts: Sequence[Key | Spread | Dynamic],
        change: Change,
        binding: Binding,
        use: ast.Name,
    ) -> Iterator[Key | Spread | Dynamic]:
        certain = self.bindings.is_certain(change.statement, binding.node, use)
        match change:
            case SetsKey(key=ast.Constant(value=str(name)), value=value, is_default=True):
                before = [p.value for p in parts if isinstance(p, Key) and p.name == name]
                is_all = not any(isinstance(part, Spread) for part in parts)
                made = OneOf((*before, self.plan(value)))
                yield Key(name, made, sets=certain and is_all)
            case SetsKey(key=ast.Constant(value=str(name)), value=value):
                yield Key(name, self.plan(value), sets=certain)
            case SetsKey(key=key, value=value):
                yield Dynamic(self.plan(key), self.plan(value))
            case Augments(key=ast.Constant(value=str(name)), operator=op, value=value):
                values = [p.value for p in parts if isinstance(p, Key) and p.name == name]
                whole = OneOf(tuple(each for each in values if not isinstance(each, Changed)))
                made = Changed(whole, op, self.plan(value), self._source, change.statement)
                yield Key(name, made, sets=False)
            case Augments(operator=op, value=value):
                whole = OneOf(tuple(p.values for p in parts if isinstance(p, Dynamic)))
                made = Changed(whole, op, self.plan(value), self._source, change.statement)
                yield Dynamic(OneOf(()), made)
            case Merges(other=ast.Dict() as display):
                for entry in self._entries(display):
                    yield (
                        Key(entry.name, entry.value, sets=certain)
                        if isinstance(entry, Key)
                        else entry
                    )
            case Removes(key=ast.Constant(value=str(name))):
                yield Key(name, OneOf(()), sets=False, removes=True)
            case Removes() | Shrinks():
                for name in {part.name for part in parts if isinstance(part, Key)}:
                    yield Key(name, OneOf(()), sets=False, removes=True)
                if any(isinstance(part, Spread) for part in parts):
                    yield Spread(self._refused("keys are taken away", change.statement))
            case Merges(other=other) if certain:
                yield Spread(self.plan(other))
            case Merges(other=other):
                yield Spread(self._refused("which keys may be put in is not visible", other))
            case Adds() | Extends():
                yield Spread(self._refused("it is changed in place", change.statement))

    def _with_items(self, use: ast.Name, plan: Items, changes: Sequence[Change]) -> Plan:
        items, spread = list(plan.items), list(plan.spread)
        for change in changes:
            match change:
                case Adds(item=item):
                    items.append(self.plan(item))
                case SetsKey(key=key, value=value) if not isinstance(key, ast.Slice):
                    items.append(self.plan(value))
                case Extends(items=more) | Merges(other=more):
                    spread.append(self.plan(more))
                case Removes() | Shrinks():
                    continue
                case _:
                    return self._refused("it is changed in place", change.statement)
        return Items(plan.kind, tuple(items), tuple(spread), plan.source, use)

    def _holds_flat_values(self, name: str) -> bool:
        """Whether what is in the dicts and lists that *name* stands for has no inside."""
        if self.bindings.is_parameter(name):
            return name in self._typed
        if name not in self._flat:
            # Until the opposite is found, such as for one that is put into itself.
            self._flat[name] = True
            self._flat[name] = all(
                binding.value is not None and self._is_flat_inside(binding.value)
                for binding in self.bindings.of[name]
            ) and all(self._is_flat_inside(value) for value in self._put_into(name))
        return self._flat[name]

    def _put_into(self, name: str) -> Iterator[ast.expr]:
        """Yield what is put into *name* later, in a list where it is a part and not the whole."""
        for use in self.bindings.uses[name]:
            parent = self._source.parents[use]
            above = self._source.parents[parent]
            if isinstance(parent, ast.Subscript) and isinstance(above, ast.Assign):
                if parent in above.targets:
                    yield ast.List([above.value])
            elif isinstance(parent, ast.Attribute) and isinstance(above, ast.Call):
                if parent.attr in ("append", "add", "insert", "setdefault"):
                    yield ast.List(above.args)
                elif parent.attr in ("extend", "update"):
                    yield from (*above.args, *(ast.List([w.value]) for w in above.keywords))
        yield from (node.value for node in self.bindings.augmented[name])

    def _is_flat_inside(self, node: ast.expr) -> bool:
        match node:
            case ast.Dict(values=inside) | ast.List(elts=inside) | ast.Set(elts=inside):
                return all(self._is_flat(each) for each in inside)
            case ast.Tuple(elts=inside):
                return all(self._is_flat(each) for each in inside)
            case ast.ListComp(elt=element) | ast.SetComp(elt=element):
                return self._is_flat(element)
            case ast.DictComp(value=value):
                return self._is_flat(value)
            case ast.IfExp(body=body, orelse=orelse):
                return self._is_flat_inside(body) and self._is_flat_inside(orelse)
            case _:
                return self._is_flat(node)

    def _is_flat(self, node: ast.expr) -> bool:
        match node:
            case ast.Name() if self.bindings.is_own(node):
                if self.bindings.is_parameter(node.id):
                    return node.id in self._typed
                values = [binding.value for binding in self.bindings.of[node.id]]
                return all(
                    value is None or (not isinstance(value, ast.Name) and self._is_flat(value))
                    for value in values
                )
            case ast.Call(func=function):
                callee = self._names.value(function)
                is_followed = any(callee is each for each in (list, sorted, set, dict))
                return not is_followed and self._names.project_function(function) is None
            case ast.Subscript(value=ast.Name(id=name) as whole) if self.bindings.is_own(whole):
                return self._holds_flat_values(name)
            case ast.Await(value=value) | ast.NamedExpr(value=value) | ast.Subscript(value=value):
                return self._is_flat(value)
            case ast.IfExp(body=left, orelse=right) | ast.BinOp(left=left, right=right):
                return self._is_flat(left) and self._is_flat(right)
            case ast.BoolOp(values=values):
                return all(self._is_flat(value) for value in values)
            case _:
                return not isinstance(node, (*_DISPLAYS, ast.Tuple))


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
