"""What a condition means: pure, over JSON values, the oracle that the database is compared with.

Numbers are equal and ordered by their value in decimal notation, as in Postgres, and not by the
binary approximation that Python has of them. Next: `fate.py`, which asks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final, assert_never, cast

from pgflow_manifest import (
    AllOf,
    Comparison,
    Condition,
    Contains,
    LengthOperand,
    Not,
    OneOf,
    Operand,
    OperandTest,
    OrElseOperand,
    PayloadInput,
    ResultInput,
    ValueOperand,
)

_SHOWN: Final = 60
"""How many characters of a text or number a message tells, as in the database."""
_SHOWN_OF_A_LIST: Final = 200
_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


Lookup = Callable[[PayloadInput | ResultInput], Any]
"""Gives the JSON value of a part of the payload or of a result; None for what is not there."""

_ORDERS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def holds(condition: Condition, lookup: Lookup) -> bool:
    """Return whether *condition* holds: it does or it does not, there is no third."""
    if isinstance(condition, AllOf):
        parts = (holds(part, lookup) for part in condition.of)
        return all(parts) if condition.op == "and" else any(parts)
    if isinstance(condition, Not):
        return not holds(condition.of, lookup)
    if isinstance(condition, OperandTest):
        value = value_of(condition.of, lookup)
        return value is (None if condition.op == "is_null" else True)
    left = value_of(condition.left, lookup)
    if isinstance(condition, OneOf):
        return any(is_equal(left, value) for value in condition.values)
    right = value_of(condition.right, lookup)
    if isinstance(condition, Contains):
        if isinstance(left, str):
            return isinstance(right, str) and right in left
        items: list[Any] = left if isinstance(left, list) else []
        return any(is_equal(item, right) for item in items)
    return _compares(condition, left, right)


def unmet_parts(
    condition: Condition, lookup: Lookup, at: str = "", *, wanted: bool = True
) -> list[tuple[str, str]]:
    """Return which parts of *condition* keep it from being what is *wanted*, and by which values.

    Each is a JSON pointer into the condition and what is to be said of it.
    """
    if holds(condition, lookup) is wanted:
        return []
    if isinstance(condition, AllOf):
        return [
            unmet
            for index, part in enumerate(condition.of)
            for unmet in unmet_parts(part, lookup, f"{at}/of/{index}", wanted=wanted)
        ]
    if isinstance(condition, Not):
        return unmet_parts(condition.of, lookup, f"{at}/of", wanted=not wanted)
    operands = [condition.of] if isinstance(condition, OperandTest) else [condition.left]
    if isinstance(condition, Comparison | Contains):
        operands.append(condition.right)
    values = " and ".join(
        f"{_shown(operand)} is {_shown_value(value_of(operand, lookup))}"
        for operand in operands
        if not isinstance(operand, ValueOperand)
    )
    told = f"{_told(condition)} is {str(not wanted).lower()}"
    return [(at, f"{told}: {values}" if values else told)]


def value_of(operand: Operand, lookup: Lookup) -> Any:
    """Return the JSON value of *operand*."""
    if isinstance(operand, ValueOperand):
        return operand.value
    if isinstance(operand, LengthOperand):
        whole = value_of(operand.length, lookup)
        return len(whole) if isinstance(whole, str | list | dict) else None
    if isinstance(operand, OrElseOperand):
        inner, default = operand.or_else
        value = value_of(inner, lookup)
        return default if value is None else value
    return lookup(operand)


def part_at(document: Any, path: Sequence[str | int]) -> Any:
    """Return the part of *document* at *path*, or None where it has none, as the engine does."""
    for key in path:
        if isinstance(document, dict):
            document = cast("dict[str, Any]", document).get(str(key))
        elif isinstance(document, list) and _is_index(key):
            items: list[Any] = document
            index = int(key)
            document = items[index] if -len(items) <= index < len(items) else None
        else:
            return None
    return document


def is_equal(left: Any, right: Any) -> bool:
    """Return whether two JSON values are the same: numbers by value, and true is not 1."""
    if _is_number(left) and _is_number(right):
        return as_decimal(left) == as_decimal(right)
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        items: list[Any] = left
        return len(items) == len(right) and all(map(is_equal, items, right))
    if isinstance(left, dict):
        members = cast("dict[str, Any]", left)
        return members.keys() == right.keys() and all(
            is_equal(members[key], right[key]) for key in members
        )
    return bool(left == right)


def as_decimal(value: float) -> Decimal:
    """Return the number that Postgres takes *value* for: what its text says."""
    return Decimal(repr(value))


def _compares(condition: Comparison, left: Any, right: Any) -> bool:
    if condition.op == "==":
        return is_equal(left, right)
    if condition.op == "!=":
        return not is_equal(left, right)
    order = _ORDERS[condition.op]
    if _is_number(left) and _is_number(right):
        return order(as_decimal(left), as_decimal(right))
    # Python orders texts by code point, as the collation "C" of UTF-8 does
    return isinstance(left, str) and isinstance(right, str) and order(left, right)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_index(key: str | int) -> bool:
    return isinstance(key, int) or key.removeprefix("-").isdecimal()


def _told(condition: Comparison | OneOf | Contains | OperandTest) -> str:
    if isinstance(condition, OperandTest):
        return f"{condition.op}({_shown(condition.of)})"
    left = _shown(condition.left)
    if isinstance(condition, OneOf):
        return f"{left} in {_shown_list(condition.values)}"
    right = _shown(condition.right)
    return (
        f"contains({left}, {right})"
        if condition.op == "contains"
        else (f"{left} {condition.op} {right}")
    )


def _shown(operand: Operand) -> str:
    if isinstance(operand, ValueOperand):
        return _shown_value(operand.value)
    if isinstance(operand, LengthOperand):
        return f"length({_shown(operand.length)})"
    if isinstance(operand, OrElseOperand):
        return f"or_else({_shown(operand.or_else[0])}, {_shown_value(operand.or_else[1])})"
    if isinstance(operand, PayloadInput):
        head = "flow.payload"
    elif isinstance(operand, ResultInput):
        head = f"{operand.step}.result"
    else:
        assert_never(operand)
    return head + "".join(
        f".{key}" if isinstance(key, str) and _NAME.fullmatch(key) else f"[{_shown_value(key)}]"
        for key in operand.path
    )


def _shown_value(value: Any) -> str:
    """Return a scalar as JSON, and of all else only the kind: values can be long, and private."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    if isinstance(value, str):
        return json.dumps(
            value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…", ensure_ascii=False
        )
    text = format(as_decimal(value), "f") if _is_number(value) else json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _shown_list(values: Sequence[Any]) -> str:
    return json.dumps(values, ensure_ascii=False)[:_SHOWN_OF_A_LIST]
