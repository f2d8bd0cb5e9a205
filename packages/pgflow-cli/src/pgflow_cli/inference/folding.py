"""From plans to shapes, with the type checker's answers for the leaves.

A function of the project is folded anew for every call, with the arguments of that call, since
its parameters have no types of their own. One that calls itself adds nothing to its own result
where it returns the result of the call as it is; anywhere else that has no exact type.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from pgflow_cli.inference.classes import AWAITABLE, Classes, NoShapeError
from pgflow_cli.inference.engine import (
    Answer,
    Instance,
    NotInferredError,
    answers_none,
    returns_none,
)
from pgflow_cli.inference.parameters import Passed, untyped_parameters
from pgflow_cli.inference.plan import (
    Awaited,
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
    Watched,
    all_within,
)
from pgflow_cli.inference.shapes import (
    NEVER,
    as_one_object,
    contents_of,
    holds_object,
    may_be_none,
    members_of,
    part_of,
    scalar,
    unite,
    widen,
    widen_fully,
    without_none,
)
from pgflow_dsl.source import Item
from pgflow_dsl.source import Source as ArgumentSource
from pgflow_manifest import (
    CollectionShape,
    FieldShape,
    FixedTupleShape,
    MapShape,
    NoneShape,
    ObjectShape,
    ScalarShape,
    Shape,
    UnionShape,
)

_NUMBERS: Final = frozenset({"int", "float"})
_KEEPING: Final = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod)
Plans: TypeAlias = Callable[[Callable[..., object]], FunctionPlan | None]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One call of a function: what its parameters are given."""

    plan: FunctionPlan
    sources: Mapping[str, ArgumentSource] = field(default_factory=dict[str, ArgumentSource])
    """Of a handler, where the engine takes its arguments from."""
    arguments: Mapping[str, Plan] = field(default_factory=dict[str, Plan])
    caller: Frame | None = None


class Folder:
    """Makes shapes of the plans of one compilation.

    Args:
        answers: by expression, or by `def` for the function itself, what the checker said.
        classes: turns answers into shapes.
        plans: the plan of a function.
        results: what was inferred so far, by the source of an argument; None where nothing was,
            because its step is annotated.
        passed: takes in what calls pass to parameters without annotation.
    """

    def __init__(
        self,
        answers: Mapping[ast.AST, Answer],
        classes: Classes,
        plans: Plans,
        results: Callable[[ArgumentSource], Shape | None],
        passed: Passed,
    ) -> None:
        self._answers = answers
        self._classes = classes
        self._plans = plans
        self._results = results
        self._noted = passed
        self._active: dict[FunctionPlan, tuple[int, Frame]] = {}
        self._depth = 0

    def result(self, frame: Frame, *, awaits: bool = False) -> Shape:
        """Return what a call of a function returns.

        Args:
            frame: the call.
            awaits: whether whoever calls it awaits what it returns, though it is no `async def`.

        Raises:
            NotInferredError: something in it has no exact type.
        """
        plan = frame.plan
        if plan in self._active:
            depth, outer = self._active[plan]
            if depth == self._depth and self._are_given_the_same(outer, frame):
                return NEVER
            raise NotInferredError("it calls itself", plan.source.file, plan.node)
        self._active[plan] = self._depth, frame
        try:
            return unite(self._returned(frame, awaits=awaits))
        finally:
            del self._active[plan]

    def _are_given_the_same(self, outer: Frame, inner: Frame) -> bool:
        """Whether two calls of a function hand on values of the same types."""
        parts = all_within(inner.plan.returns)
        names = {part.name for part in parts if isinstance(part, Parameter)}
        return all(self._passed(name, outer) == self._passed(name, inner) for name in names)

    def _returned(self, frame: Frame, *, awaits: bool) -> Iterable[Shape]:
        for plan in frame.plan.returns:
            if awaits and isinstance(plan, Call):
                yield self._call(plan, frame, is_awaited=True)
            else:
                yield self.fold(plan, frame)
        if frame.plan.may_fall_through and returns_none(self._answers[frame.plan.node]):
            yield NoneShape()

    def fold(self, plan: Plan, frame: Frame) -> Shape:  # noqa: PLR0912 - one case for each
        """Return the shape of what *plan* says; errors as `result`."""
        match plan:
            case Fixed(shape=shape):
                return shape
            case Leaf():
                return self._leaf(plan, frame)
            case Awaited(leaf=leaf):
                return self._awaited(leaf)
            case Refused():
                raise NotInferredError(plan.reason, plan.source.file, plan.node, plan.hint)
            case Items():
                return CollectionShape.model_construct(
                    kind=plan.kind, items=self._items(plan, frame)
                )
            case FixedItems(items=items):
                return FixedTupleShape(items=tuple(self._within(item, frame) for item in items))
            case Entries():
                return self._entries(plan, frame)
            case OneOf(plans=plans, is_or=is_or):
                shapes = [self.fold(each, frame) for each in plans]
                if is_or:
                    shapes[:-1] = [without_none(shape) for shape in shapes[:-1]]
                return unite(shapes)
            case Local(value=value, leaf=leaf):
                return self._narrowed(self.fold(value, frame), leaf)
            case Part():
                return self._part(plan, frame)
            case Parameter():
                return self._parameter(plan, frame)
            case Changed():
                return self._changed(plan, frame)
            case Call():
                return self._call_or_leaf(plan, frame)

    def _leaf(self, leaf: Leaf, frame: Frame) -> Shape:
        if (stale := self._stale(leaf, frame)) is not None:
            raise NotInferredError(
                f"the type checker may not know what `{stale.name}` holds by then, after the "
                f"change in line {stale.line}",
                leaf.source.file,
                leaf.node,
            )
        return self._shape(self._answers[leaf.node], leaf)

    def _awaited(self, leaf: Leaf) -> Shape:
        answer = self._answers[leaf.node]
        arguments = answer.arguments if isinstance(answer, Instance) else ()
        if not arguments or getattr(answer, "name", "") not in AWAITABLE:
            reason = "what awaiting it gives is not visible"
            raise NotInferredError(reason, leaf.source.file, leaf.node)
        return self._shape(arguments[-1], leaf)

    def _shape(self, answer: Answer, leaf: Leaf) -> Shape:
        try:
            return self._classes.shape(answer)
        except NoShapeError as error:
            raise NotInferredError(error.reason, leaf.source.file, leaf.node, error.hint) from None

    def _stale(self, leaf: Leaf, frame: Frame) -> Watched | None:
        """Return a dict or list in *leaf* that came to hold other types than it was made with."""
        for watched in leaf.watched:
            try:
                before = contents_of(self.fold(watched.before, frame))
                after = contents_of(self.fold(watched.after, frame))
            except NotInferredError:
                return watched
            is_first_use = before == NEVER and not isinstance(after, UnionShape)
            if unite([before, after]) != before and not is_first_use:
                return watched
        return None

    def _within(self, plan: Plan, frame: Frame) -> Shape:
        self._depth += 1
        try:
            return widen(self.fold(plan, frame))
        finally:
            self._depth -= 1

    def _items(self, plan: Items, frame: Frame) -> Shape:
        shapes = [widen_fully(self._within(item, frame)) for item in plan.items]
        for each in plan.spread:
            for member in members_of(self._within(each, frame)):
                match member:
                    case CollectionShape(items=items):
                        shapes.append(items)
                    case FixedTupleShape(items=items):
                        shapes.extend(items)
                    case MapShape(keys=keys):
                        shapes.append(keys)
                    case ScalarShape(name="str"):
                        shapes.append(member)
                    case _:
                        raise NotInferredError(
                            "what it puts into the list is not visible", plan.source.file, plan.node
                        )
        return unite(shapes)

    def _entries(self, plan: Entries, frame: Frame) -> Shape:
        fields: dict[str, FieldShape] = {}
        keys: list[Shape] = []
        values: list[Shape] = []
        for part in plan.parts:
            match part:
                case Key():
                    _put(fields, part, self._within(part.value, frame))
                case Dynamic():
                    keys.append(widen_fully(self._within(part.keys, frame)))
                    values.append(widen_fully(self._within(part.values, frame)))
                case Spread(whole=whole):
                    self._spread(plan, self._within(whole, frame), fields, keys, values)
        if not keys:
            return ObjectShape(fields=fields)
        if fields:
            keys.append(scalar("str"))
            values.extend(widen_fully(each.type) for each in fields.values())
        return MapShape.model_construct(keys=unite(keys), values=unite(values))

    def _spread(
        self,
        plan: Entries,
        whole: Shape,
        fields: dict[str, FieldShape],
        keys: list[Shape],
        values: list[Shape],
    ) -> None:
        match whole:
            case ObjectShape(fields=more):
                for name, each in more.items():
                    if each.required or name not in fields:
                        fields[name] = each
                    else:
                        both = unite([fields[name].type, each.type])
                        fields[name] = FieldShape(type=both, required=fields[name].required)
            case MapShape():
                keys.append(whole.keys)
                values.append(whole.values)
            case UnionShape() if (one := as_one_object(whole)) is not None:
                self._spread(plan, one, fields, keys, values)
            case _:
                raise NotInferredError(
                    "which keys are put in is not visible", plan.source.file, plan.node
                )

    def _narrowed(self, shape: Shape, leaf: Leaf) -> Shape:
        if may_be_none(shape) and not answers_none(self._answers[leaf.node]):
            return without_none(shape)
        return shape

    def _part(self, plan: Part, frame: Frame) -> Shape:
        try:
            return self._leaf(plan.leaf, frame)
        except NotInferredError as error:
            whole = self.fold(plan.whole, frame)
            found = part_of(whole, [Item(plan.key)])
            if found is None:
                raise error from None
            if self._stale(plan.leaf, frame) is not None:
                return found
            return self._narrowed(found, plan.leaf)

    def _parameter(self, plan: Parameter, frame: Frame) -> Shape:
        passed = self._passed(plan.name, frame)
        if passed is not None and holds_object(passed):
            if plan.changed is not None:
                return self.fold(plan.changed, frame)
            return self._narrowed(passed, plan.leaf)
        try:
            return self._leaf(plan.leaf, frame)
        except NotInferredError:
            if passed is None or (plan.changed is not None and _is_mutable(passed)):
                raise
            return self._narrowed(passed, plan.leaf)

    def _passed(self, name: str, frame: Frame) -> Shape | None:
        if (source := frame.sources.get(name)) is not None:
            return self._results(source)
        if frame.caller is None or name not in frame.arguments:
            return None
        try:
            return widen(self.fold(frame.arguments[name], frame.caller))
        except NotInferredError:
            return None

    def _changed(self, plan: Changed, frame: Frame) -> Shape:
        before = widen(self.fold(plan.before, frame))
        value = widen(self.fold(plan.value, frame))
        if isinstance(before, ScalarShape) and isinstance(value, ScalarShape):
            names = {before.name, value.name}
            if isinstance(plan.operator, ast.Div) and names <= _NUMBERS:
                return scalar("float")
            if isinstance(plan.operator, _KEEPING) and len(names - {"float"}) <= 1:
                if names <= _NUMBERS:
                    return scalar("float" if "float" in names else "int")
                if names in ({"str"}, {"decimal"}):
                    return before
        raise NotInferredError(
            "what it becomes in place cannot be told", plan.source.file, plan.node
        )

    def _call_or_leaf(self, plan: Call, frame: Frame) -> Shape:
        try:
            return self._call(plan, frame, is_awaited=plan.is_awaited)
        except NotInferredError as error:
            leaf = Leaf(plan.source, plan.node)
            try:
                return self._leaf(leaf, frame)
            except NotInferredError:
                raise error from None

    def _call(self, plan: Call, frame: Frame, *, is_awaited: bool) -> Shape:
        function = self._plans(plan.function)
        if function is None:
            raise NotInferredError(
                "the function that it calls cannot be read", plan.source.file, plan.node
            )
        inner = Frame(plan=function, arguments=plan.arguments, caller=frame)
        for parameter in untyped_parameters(function.node):
            name = parameter.arg
            self._noted.note(function.node, name, self._passed(name, inner))
        if function.is_async and not is_awaited:
            raise NotInferredError(
                "it is a coroutine that nobody awaits", plan.source.file, plan.node, "await it"
            )
        return self.result(inner, awaits=is_awaited and not function.is_async)


def _put(fields: dict[str, FieldShape], key: Key, value: Shape) -> None:
    before = fields.get(key.name)
    if key.removes:
        if before is not None:
            fields[key.name] = FieldShape(type=before.type, required=False)
    elif key.sets:
        fields[key.name] = FieldShape.model_construct(type=value, required=True)
    elif before is None:
        fields[key.name] = FieldShape.model_construct(type=value, required=False)
    else:
        both = unite([before.type, value])
        fields[key.name] = FieldShape.model_construct(type=both, required=before.required)


def _is_mutable(shape: Shape) -> bool:
    return any(isinstance(m, CollectionShape | MapShape) for m in members_of(shape))
