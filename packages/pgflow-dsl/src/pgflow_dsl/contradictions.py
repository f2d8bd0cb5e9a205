"""Find conditions that are about one part and cannot hold together, as `(x > 5) & (x < 3)`.

What is found surely never holds; what compares two parts, or hides behind an "or", is not looked
for. Next: `conditional.py`, which refuses what is found.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pgflow_dsl.evaluate import as_decimal, holds
from pgflow_dsl.types.domains import ALL_KINDS, Domain, Kind, Values, kind_of, may_be
from pgflow_manifest import (
    AllOf,
    Comparison,
    Condition,
    Contains,
    Not,
    OneOf,
    Operand,
    OperandTest,
    ValueOperand,
)

_Order = Literal["<", "<=", ">", ">="]
_ORDERS: Final[dict[str, _Order]] = {"<": "<", "<=": "<=", ">": ">", ">=": ">="}
_TURNED: Final[dict[_Order, _Order]] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_NEGATED: Final[dict[_Order, _Order]] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


@dataclass(frozen=True, slots=True)
class Claim:
    """What a condition says of one operand, in comparison with constants."""

    operand: Operand
    condition: Comparison | OneOf | Contains | OperandTest
    """With the operand on the left."""
    wanted: bool
    """Whether it must hold, or must not."""

    def is_met_by(self, value: Any) -> bool:
        """Return whether it is as wanted when the operand is *value*."""
        left = ValueOperand(value=value)
        if isinstance(self.condition, OperandTest):
            told = OperandTest(op=self.condition.op, of=left)
            return holds(told, _nothing) is self.wanted
        return holds(self.condition.model_copy(update={"left": left}), _nothing) is self.wanted


def never_together(
    conditions: Sequence[Condition], domain_of: Callable[[Operand], Domain], *, wanted: bool = True
) -> Operand | None:
    """Return a part of which not all *conditions* can be as wanted at once; None if none is found.

    Args:
        conditions: what is joined.
        domain_of: gives what an operand can be.
        wanted: whether they must all hold, or none of them.
    """
    by_operand: dict[str, list[Claim]] = {}
    for condition in conditions:
        for claim in _claims(condition, wanted=wanted):
            # as text, since in Python 1 and true are equal
            by_operand.setdefault(claim.operand.model_dump_json(), []).append(claim)
    for claims in by_operand.values():
        if len(claims) > 1 and not is_possible(domain_of(claims[0].operand), claims):
            return claims[0].operand
    return None


def is_possible(domain: Domain, claims: Sequence[Claim]) -> bool:
    """Return whether a value of *domain* may be as all *claims* have it; False is certain."""
    return any(_may_meet(values, claims) for values in _by_kind(domain))


def _claims(condition: Condition, *, wanted: bool) -> Iterator[Claim]:
    """Yield what follows for single operands when *condition* is as wanted."""
    match condition:
        case Not():
            yield from _claims(condition.of, wanted=not wanted)
        case AllOf():
            # of an "or" that holds nothing follows for one part; of one that does not, for each
            if (condition.op == "and") is wanted:
                for part in condition.of:
                    yield from _claims(part, wanted=wanted)
        case OperandTest():
            yield Claim(condition.of, condition, wanted)
        case OneOf():
            yield Claim(condition.left, condition, wanted)
        case Contains():
            if isinstance(condition.right, ValueOperand):
                yield Claim(condition.left, condition, wanted)
        case Comparison():
            if isinstance(condition.right, ValueOperand):
                yield Claim(condition.left, condition, wanted)
            elif isinstance(condition.left, ValueOperand):
                order = _ORDERS.get(condition.op)
                op = condition.op if order is None else _TURNED[order]
                turned = Comparison(op=op, left=condition.right, right=condition.left)
                yield Claim(condition.right, turned, wanted)


def _by_kind(domain: Domain) -> Iterator[Values]:
    for values in domain:
        if values.kind == "any":
            yield from ALL_KINDS
        else:
            yield values


def _may_meet(values: Values, claims: Sequence[Claim]) -> bool:
    candidates = values.listed
    for claim in claims:
        if candidates is None and claim.wanted:
            candidates = _candidates(values, claim.condition)
    if candidates is not None:
        return any(
            may_be(values, value) and all(claim.is_met_by(value) for claim in claims)
            for value in candidates
        )
    if any(claim.wanted and not _is_for(values.kind, claim.condition) for claim in claims):
        return False
    return values.kind not in ("number", "string") or _is_room(values, claims)


def _candidates(
    values: Values, condition: Comparison | OneOf | Contains | OperandTest
) -> tuple[Any, ...] | None:
    """Return the only values of the kind for which *condition* holds; None where there are more."""
    constants: tuple[Any, ...]
    if isinstance(condition, OneOf):
        constants = condition.values
    elif isinstance(condition, Comparison) and condition.op == "==":
        constants = (_constant(condition),)
    else:
        return None
    return tuple(value for value in constants if kind_of(value) == values.kind)


def _is_for(kind: Kind, condition: Comparison | OneOf | Contains | OperandTest) -> bool:
    """Return whether *condition* can hold for anything of *kind* that is not listed."""
    if isinstance(condition, OperandTest):
        return False  # null, true and false are always listed
    if isinstance(condition, Contains):
        return kind == "array" or (kind == "string" and kind_of(_constant(condition)) == "string")
    if isinstance(condition, Comparison) and condition.op in _ORDERS:
        return kind in ("number", "string") and kind_of(_constant(condition)) == kind
    return True


def _is_room(values: Values, claims: Sequence[Claim]) -> bool:
    """Return whether the bounds of *claims* leave anything of a number, or of a text."""
    lows: list[tuple[Any, bool]] = []
    highs: list[tuple[Any, bool]] = []
    if values.kind == "number":
        lows.append((_comparable(values.least), True))
        highs.append((_comparable(values.most), True))
    for claim in claims:
        condition = claim.condition
        if not isinstance(condition, Comparison) or condition.op not in _ORDERS:
            continue
        constant = _constant(condition)
        if kind_of(constant) != values.kind:
            continue
        op = _ORDERS[condition.op] if claim.wanted else _NEGATED[_ORDERS[condition.op]]
        (lows if op in (">", ">=") else highs).append((_comparable(constant), op in ("<=", ">=")))
    if not lows or not highs:
        return True
    low, low_is_in = max(lows, key=lambda bound: (bound[0], not bound[1]))
    high, high_is_in = min(highs, key=lambda bound: (bound[0], bound[1]))
    if values.is_whole and abs(low) != math.inf and abs(high) != math.inf:
        least = math.ceil(low) if low_is_in else math.floor(low) + 1
        most = math.floor(high) if high_is_in else math.ceil(high) - 1
        return bool(least <= most)
    return bool(low < high or (low == high and low_is_in and high_is_in))


def _comparable(value: Any) -> Any:
    return value if isinstance(value, str) or value in (math.inf, -math.inf) else as_decimal(value)


def _constant(condition: Comparison | Contains) -> Any:
    return condition.right.value if isinstance(condition.right, ValueOperand) else None


def _nothing(_place: object) -> None:
    """Stand for the lookup of conditions that look at constants only."""
