"""Whether a condition holds, as the table of docs/conditions.md says it."""

from collections.abc import Callable, Sized
from typing import Any, cast

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

Look = Callable[[PayloadInput | ResultInput], Any]


def holds(condition: Condition, look: Look) -> bool:
    """Return whether *condition* holds, of values without booleans and fractions."""
    match condition:
        case AllOf(op="and"):
            return all(holds(part, look) for part in condition.of)
        case AllOf():
            return any(holds(part, look) for part in condition.of)
        case Not():
            return not holds(condition.of, look)
        case OperandTest():
            return _value(condition.of, look) is (None if condition.op == "is_null" else True)
        case OneOf():
            return _value(condition.left, look) in condition.values
        case Contains():
            whole = _value(condition.left, look)
            return isinstance(whole, list) and _value(condition.right, look) in whole
        case Comparison():
            return _compares(
                condition.op, _value(condition.left, look), _value(condition.right, look)
            )


def _value(operand: Operand, look: Look) -> Any:
    match operand:
        case ValueOperand():
            return operand.value
        case LengthOperand():
            value = _value(operand.length, look)
            return len(cast("Sized", value)) if isinstance(value, list | dict) else None
        case OrElseOperand():
            value = _value(operand.or_else[0], look)
            return operand.or_else[1] if value is None else value
        case _:
            return look(operand)


def _compares(operator: str, left: Any, right: Any) -> bool:
    if operator in ("==", "!="):
        return bool((left == right) == (operator == "=="))
    if not (isinstance(left, int) and isinstance(right, int)):
        return False
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[
        operator
    ]
