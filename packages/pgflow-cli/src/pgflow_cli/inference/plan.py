"""How the result of a handler is put together, as far as the source says: what `planning.py` makes.

A plan has the form of the value (an object with these keys, a list of that) down to leaves, whose
types only the type checker knows. `folding.py` turns plan and answers into a shape.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pgflow_cli.inference.sources import FunctionNode, Source
from pgflow_manifest import Shape


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """An expression of which the type checker is asked."""

    source: Source
    node: ast.expr
    watched: tuple[Watched, ...] = ()
    """What must keep its types for the answer to be right."""


@dataclass(frozen=True, slots=True, eq=False)
class Awaited:
    """What awaiting the value of an expression gives."""

    leaf: Leaf


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """A dict or list that is changed after it was made: see `watching.py`."""

    name: str
    line: int
    """Of a change."""
    before: Plan
    after: Plan


@dataclass(frozen=True, slots=True, eq=False)
class Fixed:
    """Known from the source alone, such as a constant."""

    shape: Shape


@dataclass(frozen=True, slots=True, eq=False)
class Refused:
    """Something that has no exact type, and why."""

    reason: str
    source: Source
    node: ast.AST
    hint: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """A list or a set: display or comprehension."""

    kind: Literal["list", "set"]
    items: tuple[Plan, ...]
    spread: tuple[Plan, ...]
    """Those behind a star: what is in them are items."""
    source: Source
    node: ast.AST


@dataclass(frozen=True, slots=True, eq=False)
class FixedItems:
    """A tuple display."""

    items: tuple[Plan, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """A dict: display, comprehension, and what was put in later."""

    parts: tuple[Key | Spread | Dynamic, ...]
    source: Source
    node: ast.AST


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """A key that is a text in the source."""

    name: str
    value: Plan
    sets: bool = True
    """Whether it is there afterwards for certain; otherwise it may be."""
    removes: bool = False
    """Whether it may be gone afterwards."""


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """`**whole`."""

    whole: Plan


@dataclass(frozen=True, slots=True, eq=False)
class Dynamic:
    """Keys that only the running program knows."""

    keys: Plan
    values: Plan


@dataclass(frozen=True, slots=True, eq=False)
class OneOf:
    """Any of these."""

    plans: tuple[Plan, ...]
    is_or: bool = False
    """Whether it is `a or b`, where None comes out of the last one only."""


@dataclass(frozen=True, slots=True, eq=False)
class Local:
    """A name whose value was followed, and what the checker knows where it is used."""

    value: Plan
    leaf: Leaf


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """`whole[key]`."""

    whole: Plan
    key: str | int
    leaf: Leaf


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """An argument without annotation, where the function is read as its caller calls it."""

    name: str
    leaf: Leaf
    changed: Refused | None
    """Why its value may not be what was passed any more."""


@dataclass(frozen=True, slots=True, eq=False)
class Changed:
    """What `+=` and its like make of a value."""

    before: Plan
    operator: ast.operator
    value: Plan
    source: Source
    node: ast.AST


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """What an un-annotated function of the project returns."""

    function: Callable[..., object]
    arguments: Mapping[str, Plan]
    source: Source
    node: ast.expr
    is_awaited: bool = False


Plan: TypeAlias = (
    Leaf
    | Awaited
    | Fixed
    | Refused
    | Items
    | FixedItems
    | Entries
    | OneOf
    | Local
    | Part
    | Parameter
    | Changed
    | Call
)


@dataclass(frozen=True, slots=True, eq=False)
class FunctionPlan:
    """A function, and what its `return` statements give."""

    source: Source
    node: FunctionNode
    returns: tuple[Plan, ...]
    may_fall_through: bool
    """Whether its end may be reached, as far as the statements say."""

    @property
    def is_async(self) -> bool:
        """Whether what it returns must be awaited."""
        return isinstance(self.node, ast.AsyncFunctionDef)


def all_within(plans: Iterable[Plan]) -> Iterator[Plan]:
    """Yield *plans* and all they are made of, each once: they share parts."""
    pending = list(plans)
    seen: set[Plan] = set()
    while pending:
        plan = pending.pop()
        if plan not in seen:
            seen.add(plan)
            yield plan
            pending.extend(inner_plans(plan))


def inner_plans(plan: Plan) -> Iterator[Plan]:  # noqa: PLR0912 - one case for each
    """Yield what *plan* is made of."""
    match plan:
        case Items():
            yield from (*plan.items, *plan.spread)
        case FixedItems():
            yield from plan.items
        case Entries():
            for part in plan.parts:
                match part:
                    case Key():
                        yield part.value
                    case Spread():
                        yield part.whole
                    case Dynamic():
                        yield from (part.keys, part.values)
        case OneOf():
            yield from plan.plans
        case Awaited() | Parameter():
            yield plan.leaf
        case Local():
            yield from (plan.value, plan.leaf)
        case Part():
            yield from (plan.whole, plan.leaf)
        case Changed():
            yield from (plan.before, plan.value)
        case Call():
            yield from plan.arguments.values()
        case Leaf():
            for watched in plan.watched:
                yield from (watched.before, watched.after)
        case Fixed() | Refused():
            return


def is_flat(plan: Plan) -> bool:
    """Whether a change inside the value cannot change its type, as far as the source shows it."""
    return isinstance(plan, Leaf | Fixed | Changed)
