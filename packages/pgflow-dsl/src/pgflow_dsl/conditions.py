"""Conditions as they are written: `when=(classify.result.score > 0.8) & is_null(flow.payload.x)`.

Operators of refs give a `Condition`, which only records what was written; to a checker it is a
bool, since to it refs are values. Next: `conditional.py`, which turns one into the data of the
manifest, and `evaluate.py`, which says what that means.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, TypeAlias, cast, overload

from pgflow_dsl.location import shown_path, user_frame
from pgflow_dsl.types.bound import T
from pgflow_manifest import HandlerSignatureError

if TYPE_CHECKING:
    from pgflow_dsl.source import Source

Op = Literal["==", "!=", "<", "<=", ">", ">="]
_AND_OR: Final = (
    "write `(a > 1) & (b == 2)` for and, `|` for or, `not_(a)` for not, and `(1 < a) & (a < 5)` "
    "instead of `1 < a < 5`; keep the parentheses, since `&` binds closer than `==`"
)


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that stands in the condition itself."""

    value: object

    def __str__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True, slots=True, eq=False)
class Length:
    """`length(of)`."""

    of: Term

    def __str__(self) -> str:
        return f"length({self.of})"


@dataclass(frozen=True, slots=True, eq=False)
class OrElse:
    """`or_else(of, default)`."""

    of: Term
    default: object

    def __str__(self) -> str:
        return f"or_else({self.of}, {self.default!r})"


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """`left > right`."""

    op: Op
    left: Term
    right: Term

    def __str__(self) -> str:
        return f"{self.left} {self.op} {self.right}"


@dataclass(frozen=True, slots=True, eq=False)
class AmongValues:
    """`one_of(left, values)`."""

    left: Term
    values: tuple[object, ...]

    def __str__(self) -> str:
        return f"one_of({self.left}, {list(self.values)!r})"


@dataclass(frozen=True, slots=True, eq=False)
class Containing:
    """`contains(left, right)`."""

    left: Term
    right: Term

    def __str__(self) -> str:
        return f"contains({self.left}, {self.right})"


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """`is_null(of)`, or *of* itself, which must be true."""

    op: Literal["is_null", "is_true"]
    of: Term

    def __str__(self) -> str:
        return f"is_null({self.of})" if self.op == "is_null" else str(self.of)


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """`a & b` or `a | b`."""

    op: Literal["and", "or"]
    of: tuple[Node, ...]

    def __str__(self) -> str:
        return {"and": " & ", "or": " | "}[self.op].join(f"({part})" for part in self.of)


@dataclass(frozen=True, slots=True, eq=False)
class Negated:
    """`not_(of)`."""

    of: Node

    def __str__(self) -> str:
        return f"not_({self.of})"


Term: TypeAlias = "Source | Constant | Length | OrElse"
"""What a condition looks at."""
Node: TypeAlias = "Compared | AmongValues | Containing | Asked | Joined | Negated"
"""A condition as it was written."""


class Combining:
    """What `&` and `|` do, and what `and`, `or` and `not` cannot do."""

    __slots__ = ()

    def __and__(self, other: object) -> Condition:
        return _joined("and", self, other)

    def __rand__(self, other: object) -> Condition:
        return _joined("and", other, self)

    def __or__(self, other: object) -> Condition:
        return _joined("or", self, other)

    def __ror__(self, other: object) -> Condition:
        return _joined("or", other, self)

    def __bool__(self) -> bool:
        raise _refused(
            f"`{_shown(self)}` exists only while a step runs: neither `and`, `or`, `not` and `if` "
            "nor a chained comparison can ask whether it is true",
            f"in the condition of a step {_AND_OR}; to decide in Python, take it as an argument "
            "of a handler and use the argument",
        )

    def __invert__(self) -> NoReturn:
        raise _refused(f"`~` is not for conditions: `~({_shown(self)})`", "write `not_(...)`")


class Comparing(Combining):
    """What refs, and what is made of them, compare to: conditions, known while a run is on."""

    __slots__ = ()

    def __eq__(self, other: object) -> Any:
        return _compared("==", self, other)

    def __ne__(self, other: object) -> Any:
        return _compared("!=", self, other)

    def __lt__(self, other: object) -> Condition:
        return _compared("<", self, other)

    def __le__(self, other: object) -> Condition:
        return _compared("<=", self, other)

    def __gt__(self, other: object) -> Condition:
        return _compared(">", self, other)

    def __ge__(self, other: object) -> Condition:
        return _compared(">=", self, other)

    # equality is a condition, so identity is all that sets and keys can go by
    __hash__ = object.__hash__


class Computed(Comparing):
    """What `length` and `or_else` give at run time."""

    __slots__ = ("__term__",)
    __term__: Length | OrElse

    def __init__(self, term: Length | OrElse) -> None:
        self.__term__ = term

    def __repr__(self) -> str:
        return f"<{self.__term__}: known while a run is under way>"


class Condition(Combining):
    """What must hold for a step to start."""

    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        self.node = node

    def __repr__(self) -> str:
        return f"<condition {self.node}>"


def is_null(value: object) -> bool:
    """Whether *value* is null, or is not there: the result of a step that was skipped is null."""
    return _as_bool(Asked("is_null", _term(value, "is_null")))


def not_(condition: bool) -> bool:
    """Whether *condition* does not hold; `not` itself cannot be taught this."""
    return _as_bool(Negated(node_of(condition)))


def one_of(value: T, values: list[T]) -> bool:
    """Whether *value* equals one of *values*, which are constants."""
    if not isinstance(cast("object", values), list | tuple) or not values:
        raise _refused(f"`one_of` was given {values!r}, no list of constants", "list the constants")
    if any(isinstance(item, Combining) for item in values):
        raise _refused("`one_of` takes constants only", "join comparisons by `|` instead")
    return _as_bool(AmongValues(_term(value, "one_of"), tuple(values)))


@overload
def contains(whole: str, part: str) -> bool: ...


@overload
def contains(whole: list[T], part: T) -> bool: ...


def contains(whole: object, part: object) -> bool:
    """Whether list *whole* has an item that equals *part*, or text *whole* has it inside."""
    return _as_bool(Containing(_term(whole, "contains"), _operand(part)))


def length(value: str | list[Any] | tuple[Any, ...] | dict[str, Any]) -> int:
    """How many characters, items or keys *value* has; null of anything else."""
    return cast("int", Computed(Length(_term(value, "length"))))


def or_else(value: T | None, default: T) -> T:
    """*value*, or the constant *default* where it is null or is not there."""
    if isinstance(default, Combining):
        raise _refused("the default of `or_else` is a constant", "join comparisons by `|` instead")
    return cast("T", Computed(OrElse(_term(value, "or_else"), default)))


def node_of(value: object) -> Node:
    """Return *value* as a condition; a ref, or what is made of one, must then be exactly true.

    Raises:
        HandlerSignatureError: it is neither.
    """
    if isinstance(value, Condition):
        return value.node
    if isinstance(value, Comparing):
        return Asked("is_true", _operand(value))
    raise _refused(
        f"{value!r} is no condition",
        "compare a part of the payload or of a result, as in `flow.payload.kind == 'audio'`",
    )


def sources_in(node: Node) -> Iterator[Source]:
    """Yield every part of the payload and of results that *node* looks at."""
    if isinstance(node, Joined):
        for part in node.of:
            yield from sources_in(part)
        return
    if isinstance(node, Negated):
        yield from sources_in(node.of)
        return
    terms = [node.of] if isinstance(node, Asked) else [node.left]
    if isinstance(node, Compared | Containing):
        terms.append(node.right)
    for term in terms:
        inner = term
        while isinstance(inner, Length | OrElse):
            inner = inner.of
        if not isinstance(inner, Constant):
            yield inner


def _as_bool(node: Node) -> bool:
    return cast("bool", Condition(node))


def _joined(op: Literal["and", "or"], left: object, right: object) -> Condition:
    parts: list[Node] = []
    for node in (node_of(left), node_of(right)):
        parts += node.of if isinstance(node, Joined) and node.op == op else [node]
    return Condition(Joined(op, tuple(parts)))


def _compared(op: Op, left: object, right: object) -> Condition:
    if isinstance(right, Condition):
        raise _refused(
            f"`{_shown(left)} {op} ...` compares with a condition",
            "put each comparison in parentheses: `(a == 1) & (b == 2)`",
        )
    return Condition(Compared(op, _operand(left), _operand(right)))


def _operand(value: object) -> Term:
    if isinstance(value, Computed):
        return value.__term__
    if isinstance(value, Comparing):
        return cast("Source", cast("Any", value).__source__)
    if isinstance(value, Condition):
        raise _refused(f"`{value.node}` is a condition, not a value", "compare values")
    return Constant(value)


def _term(value: object, function: str) -> Term:
    term = _operand(value)
    if isinstance(term, Constant):
        raise _refused(
            f"`{function}` was given the constant {value!r}",
            "give it a part of the payload or of a result",
        )
    return term


def _shown(value: object) -> str:
    return str(value.node if isinstance(value, Condition) else _operand(value))


def _refused(text: str, hint: str) -> HandlerSignatureError:
    frame = user_frame()
    return HandlerSignatureError(
        f"{shown_path(frame.f_code.co_filename)}:{frame.f_lineno}: {text}",
        hint=hint,
        details={"file": frame.f_code.co_filename, "line": frame.f_lineno},
    )
