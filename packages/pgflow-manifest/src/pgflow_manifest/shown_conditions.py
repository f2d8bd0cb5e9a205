"""Conditions for people: as they are written in a flow module.

The database writes operands in the same way where it tells why a condition does not hold
(`_show_operand`).
"""

import json
import re
from typing import Final

from pydantic import JsonValue

from pgflow_manifest.conditions import (
    AllOf,
    Comparison,
    Condition,
    Contains,
    LengthOperand,
    Not,
    OneOf,
    Operand,
    OrElseOperand,
    ValueOperand,
)
from pgflow_manifest.sources import PayloadInput, ResultInput

_SIGNS: Final = {"and": " & ", "or": " | "}
_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def shown_condition(condition: Condition) -> str:
    """Return it as the flow module has it: `(score.result > 0.8) & is_null(flow.payload.note)`."""
    match condition:
        case AllOf():
            return _SIGNS[condition.op].join(_part(part) for part in condition.of)
        case Not():
            return f"not_({shown_condition(condition.of)})"
        case Comparison():
            return f"{_operand(condition.left)} {condition.op} {_operand(condition.right)}"
        case OneOf():
            return f"one_of({_operand(condition.left)}, {_value(list(condition.values))})"
        case Contains():
            return f"contains({_operand(condition.left)}, {_operand(condition.right)})"
        case _:
            text = _operand(condition.of)
            return f"is_null({text})" if condition.op == "is_null" else text


def shown_source(source: PayloadInput | ResultInput) -> str:
    """Return a part of the payload or of a result as the flow module has it."""
    start = "flow.payload" if isinstance(source, PayloadInput) else f"{source.step}.result"
    return start + "".join(_key(part) for part in source.path)


def _part(condition: Condition) -> str:
    text = shown_condition(condition)
    # `&` and `|` bind closer than a comparison does
    return f"({text})" if isinstance(condition, (AllOf, Comparison)) else text


def _operand(operand: Operand) -> str:
    match operand:
        case ValueOperand():
            return _value(operand.value)
        case LengthOperand():
            return f"length({_operand(operand.length)})"
        case OrElseOperand():
            return f"or_else({_operand(operand.or_else[0])}, {_value(operand.or_else[1])})"
        case _:
            return shown_source(operand)


def _key(part: str | int) -> str:
    if isinstance(part, str) and _NAME.fullmatch(part):
        return f".{part}"
    return f"[{_value(part)}]"


def _value(value: JsonValue) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str) and value.isprintable():
        return json.dumps(value, ensure_ascii=False)
    return repr(value)
