"""Follow local names: which values arrive at a use, and what was done to them before.

Next: `bindings.py`, which knows where a name is bound, and `changes.py`, which looks at its uses.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence

from pgflow_cli.inference.bindings import Binding, Bindings
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
    Items,
    Key,
    Leaf,
    Local,
    OneOf,
    Parameter,
    Plan,
    Refused,
    Spread,
    Watched,
    all_within,
    is_flat,
)
from pgflow_cli.inference.sources import Names

_DISPLAYS = (ast.Dict, ast.List, ast.Set, ast.DictComp, ast.ListComp, ast.SetComp, ast.Tuple)
_FOLLOWED_CALLS = (list, sorted, set, dict)


class Followed:
    """The local names of one function.

    Args:
        bindings: of the function.
        names: what its other names mean.
        plan: makes the plan of an expression.
        entries: makes the parts of a dict display.
        leaf: makes the question to the type checker of an expression.
    """

    def __init__(
        self,
        bindings: Bindings,
        names: Names,
        plan: Callable[[ast.expr], Plan],
        entries: Callable[[ast.Dict], Iterator[Key | Spread | Dynamic]],
        leaf: Callable[[ast.expr], Leaf],
    ) -> None:
        self._bindings = bindings
        self._source = bindings.source
        self._names = names
        self._plan = plan
        self._entries = entries
        self._leaf = leaf
        self._contents: dict[str, Watched | None] = {}
        self._changes = ChangesOf(bindings, names, self._holds_flat_values)
        self._open: set[str] = set()
        self._flat: dict[str, bool] = {}
        self._typed = {
            argument.arg
            for argument in ast.walk(bindings.function.args)
            if isinstance(argument, ast.arg) and argument.annotation is not None
        }

    def name(self, node: ast.Name) -> Plan:
        """Return the plan of a use of a local name."""
        leaf = self._leaf(node)
        if self._bindings.is_parameter(node.id):
            return leaf if node.id in self._typed else self._parameter(node, leaf)
        if node.id in self._open:
            return leaf
        self._open.add(node.id)
        try:
            return self._local(node, leaf)
        finally:
            self._open.discard(node.id)

    def contents(self, name: str) -> Watched | None:
        """Return what *name* holds when it is bound, and what after every known change."""
        if name not in self._contents:
            # Until it is known, such as for one that is put into itself.
            self._contents[name] = None
            self._contents[name] = self._changing_contents(name)
        return self._contents[name]

    def _changing_contents(self, name: str) -> Watched | None:
        bound = [binding for binding in self._bindings.of[name] if binding.value is not None]
        changes = self._changes.find_known(name)
        if not bound or not changes:
            return None
        plans = [self._plan(binding.value) for binding in bound if binding.value is not None]
        after = [
            self._with_changes(None, plan, binding, changes)
            for plan, binding in zip(plans, bound, strict=True)
        ]
        line = getattr(changes[0].statement, "lineno", 0)
        return Watched(name, line, OneOf(tuple(plans)), OneOf(tuple(after)))

    def _parameter(self, node: ast.Name, leaf: Leaf) -> Plan:
        changed: Refused | None = None
        try:
            if changes := self._changes.find(node.id):
                changed = self._refused("it is changed in here", changes[0].statement)
        except EscapesError as error:
            changed = self._refused(error.how, error.node)
        return Parameter(node.id, leaf, changed)

    def _local(self, node: ast.Name, leaf: Leaf) -> Plan:
        reaching = self._bindings.reaching(node)
        if not any(binding.value is not None for binding in reaching):
            return leaf
        plans = [
            self._refused(f"not every value of `{node.id}` is written as one expression", node)
            if binding.value is None
            else self._plan(binding.value)
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
            changes = [c for c in changes if self._bindings.may_run_before(c.statement, node)]
        values = [
            self._with_changes(node, plan, binding, changes)
            for plan, binding in zip(plans, reaching, strict=True)
        ]
        return Local(
            values[0] if len(values) == 1 else OneOf(tuple(values)), Leaf(self._source, node)
        )

    def _refused(self, reason: str, node: ast.AST) -> Refused:
        return Refused(reason, self._source, node)

    def _is_returned(self, node: ast.AST) -> bool:
        while not isinstance(node, ast.stmt):
            node = self._source.parents[node]
        return isinstance(node, ast.Return)

    def _with_changes(
        self, use: ast.Name | None, plan: Plan, binding: Binding, changes: Sequence[Change]
    ) -> Plan:
        if not changes or (is_flat(plan) and not isinstance(plan, Leaf)):
            return plan
        if isinstance(plan, Entries):
            parts = list(plan.parts)
            for change in changes:
                parts.extend(self._changed_entries(tuple(parts), change, binding, use))
            return Entries(tuple(parts), plan.source, plan.node)
        if isinstance(plan, Items):
            return self._with_items(use, plan, changes)
        return self._refused("it is changed after it was made", changes[0].statement)

    def _changed_entries(
        self,
        parts: Sequence[Key | Spread | Dynamic],
        change: Change,
        binding: Binding,
        use: ast.Name | None,
    ) -> Iterator[Key | Spread | Dynamic]:
        certain = use is not None and self._bindings.is_certain(change.statement, binding.node, use)
        match change:
            case SetsKey(key=ast.Constant(value=str(name)), value=value, is_default=True):
                before = [p.value for p in parts if isinstance(p, Key) and p.name == name]
                is_all = not any(isinstance(part, Spread) for part in parts)
                made = OneOf((*before, self._plan(value)))
                yield Key(name, made, sets=certain and is_all)
            case SetsKey(key=ast.Constant(value=str(name)), value=value):
                yield Key(name, self._plan(value), sets=certain)
            case SetsKey(key=key, value=value):
                yield Dynamic(self._plan(key), self._plan(value))
            case Augments():
                yield from self._augmented_entries(parts, change)
            case Merges():
                yield from self._merged_entries(change, certain=certain)
            case Removes(key=ast.Constant(value=str(name))):
                yield Key(name, OneOf(()), sets=False, removes=True)
            case Removes() | Shrinks():
                for name in dict.fromkeys(part.name for part in parts if isinstance(part, Key)):
                    yield Key(name, OneOf(()), sets=False, removes=True)
                if any(isinstance(part, Spread) for part in parts):
                    yield Spread(self._refused("keys are taken away", change.statement))
            case Adds() | Extends():
                yield Spread(self._refused("it is changed in place", change.statement))

    def _augmented_entries(
        self, parts: Sequence[Key | Spread | Dynamic], change: Augments
    ) -> Iterator[Key | Spread | Dynamic]:
        """Yield what may have become of an entry; it was there before, or an error is raised."""

        def changed(before: Plan) -> Changed:
            value = self._plan(change.value)
            return Changed(before, change.operator, value, self._source, change.statement)

        key = change.key
        name = key.value if isinstance(key, ast.Constant) else None
        for part in parts:
            match part:
                case Key() if name not in (None, part.name) or isinstance(part.value, Changed):
                    continue
                case Key():
                    yield Key(part.name, changed(part.value), sets=False)
                case Dynamic(values=Changed()):
                    continue
                case Dynamic():
                    yield Dynamic(part.keys, changed(part.values))
                case Spread():
                    yield Spread(self._refused("it is changed in place", change.statement))

    def _merged_entries(self, change: Merges, *, certain: bool) -> Iterator[Key | Spread | Dynamic]:
        display = change.other
        whole = [Spread(self._plan(display))]
        for part in self._entries(display) if isinstance(display, ast.Dict) else whole:
            match part:
                case Key():
                    yield Key(part.name, part.value, sets=certain)
                case Spread() if not certain:
                    yield Spread(self._refused("which keys may be put in is not visible", display))
                case _:
                    yield part

    def _with_items(self, use: ast.Name | None, plan: Items, changes: Sequence[Change]) -> Plan:
        items, spread = list(plan.items), list(plan.spread)
        for change in changes:
            match change:
                case Adds(item=item):
                    items.append(self._plan(item))
                case SetsKey(key=key, value=value) if not isinstance(key, ast.Slice):
                    items.append(self._plan(value))
                case Extends(items=more) | Merges(other=more):
                    spread.append(self._plan(more))
                case Removes() | Shrinks():
                    continue
                case _:
                    return self._refused("it is changed in place", change.statement)
        return Items(plan.kind, tuple(items), tuple(spread), plan.source, use or plan.node)

    def _holds_flat_values(self, name: str) -> bool:
        """Whether what is in the dicts and lists that *name* stands for has no inside."""
        if self._bindings.is_parameter(name):
            return name in self._typed
        if name not in self._flat:
            # Until the opposite is found, such as for one that is put into itself.
            self._flat[name] = True
            self._flat[name] = all(
                binding.value is not None and self._is_flat_inside(binding.value)
                for binding in self._bindings.of[name]
            ) and all(self._is_flat_inside(value) for value in self._put_into(name))
        return self._flat[name]

    def _put_into(self, name: str) -> Iterator[ast.expr]:
        """Yield what is put into *name* later, in a list where it is a part and not the whole."""
        for use in self._bindings.uses[name]:
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
        yield from (node.value for node in self._bindings.augmented[name])

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
            case ast.Name() if self._bindings.is_own(node):
                if self._bindings.is_parameter(node.id):
                    return node.id in self._typed
                values = [binding.value for binding in self._bindings.of[node.id]]
                return all(
                    value is None or (not isinstance(value, ast.Name) and self._is_flat(value))
                    for value in values
                )
            case ast.Call(func=function):
                callee = self._names.value(function)
                is_followed = any(callee is each for each in _FOLLOWED_CALLS)
                return not is_followed and self._names.project_function(function) is None
            case ast.Subscript(value=ast.Name(id=name) as whole) if self._bindings.is_own(whole):
                return self._holds_flat_values(name)
            case ast.Await(value=value) | ast.NamedExpr(value=value) | ast.Subscript(value=value):
                return self._is_flat(value)
            case ast.IfExp(body=left, orelse=right) | ast.BinOp(left=left, right=right):
                return self._is_flat(left) and self._is_flat(right)
            case ast.BoolOp(values=values):
                return all(self._is_flat(value) for value in values)
            case _:
                return not isinstance(node, _DISPLAYS)
