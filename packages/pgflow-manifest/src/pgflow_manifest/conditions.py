"""Conditions of steps, as data: the database evaluates them, and no handler ever runs for it.

What they mean is said once in Python, in `pgflow_dsl.evaluate`, and once in SQL. Next: `models.py`,
where `StepSpec.when` holds one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal, cast

from pydantic import BaseModel, ConfigDict, Discriminator, Field, JsonValue, Tag

from pgflow_manifest.sources import PayloadInput, ResultInput


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ValueOperand(_Part):
    """A value that is known when the flow is compiled."""

    value: JsonValue


class LengthOperand(_Part):
    """The number of items, characters or keys of an operand; null of anything else."""

    length: Operand


class OrElseOperand(_Part):
    """An operand, or a value where the operand is null."""

    or_else: tuple[Operand, JsonValue]


_VALUE: Final = "a value"
_LENGTH: Final = "a length"
_OR_ELSE: Final = "a default"
_PAYLOAD: Final = "a payload"
_RESULT: Final = "a result"
_TAGS: Final[Mapping[type[BaseModel], str]] = {
    ValueOperand: _VALUE,
    LengthOperand: _LENGTH,
    OrElseOperand: _OR_ELSE,
    PayloadInput: _PAYLOAD,
    ResultInput: _RESULT,
}
"""With a blank each, so that the JSON pointer of an error never takes one for a key."""


def _tag_of(operand: object) -> str | None:
    if isinstance(operand, BaseModel):
        return _TAGS.get(type(operand))
    if not isinstance(operand, Mapping):
        return None
    keys = cast("Mapping[str, object]", operand)
    if "source" in keys:
        return {"payload": _PAYLOAD, "result": _RESULT}.get(str(keys["source"]))
    return next(
        (
            tag
            for key, tag in (("value", _VALUE), ("length", _LENGTH), ("or_else", _OR_ELSE))
            if key in keys
        ),
        None,
    )


Operand = Annotated[
    Annotated[PayloadInput, Tag(_PAYLOAD)]
    | Annotated[ResultInput, Tag(_RESULT)]
    | Annotated[ValueOperand, Tag(_VALUE)]
    | Annotated[LengthOperand, Tag(_LENGTH)]
    | Annotated[OrElseOperand, Tag(_OR_ELSE)],
    Discriminator(
        _tag_of,
        custom_error_type="operand_is_unknown",
        custom_error_message="an operand has `source` ('payload' or 'result'), `value`, `length` "
        "or `or_else`",
    ),
]
"""What a condition looks at: a part of the payload or of a result, or what is made of it."""


class AllOf(_Part):
    """Each condition holds (`and`), or one at least does (`or`)."""

    op: Literal["and", "or"]
    of: Annotated[tuple[Condition, ...], Field(min_length=1)]


class Not(_Part):
    """The condition does not hold."""

    op: Literal["not"] = "not"
    of: Condition


class Comparison(_Part):
    """Two operands compared: equality of any JSON, order of two numbers or two texts."""

    op: Literal["==", "!=", "<", "<=", ">", ">="]
    left: Operand
    right: Operand


class OneOf(_Part):
    """The operand equals one of the values."""

    op: Literal["in"] = "in"
    left: Operand
    values: tuple[JsonValue, ...]


class Contains(_Part):
    """A list has an equal item, or a text has the part."""

    op: Literal["contains"] = "contains"
    left: Operand
    right: Operand


class OperandTest(_Part):
    """The operand is null, or exactly true."""

    op: Literal["is_null", "is_true"]
    of: Operand


Condition = Annotated[
    AllOf | Not | Comparison | OneOf | Contains | OperandTest, Field(discriminator="op")
]
"""What must hold for a step to start; every part of pgflow reads it in the same way."""

for _model in (LengthOperand, OrElseOperand, AllOf, Not, Comparison, OneOf, Contains, OperandTest):
    _model.model_rebuild()


def operands_of(
    condition: Condition, at: str = ""
) -> Iterator[tuple[str, PayloadInput | ResultInput]]:
    """Yield every part of the payload and of results that *condition* looks at, in order.

    Each comes with its JSON pointer, which *at*, that of the condition, is put before.
    """
    if isinstance(condition, AllOf):
        for index, part in enumerate(condition.of):
            yield from operands_of(part, f"{at}/of/{index}")
    elif isinstance(condition, Not):
        yield from operands_of(condition.of, f"{at}/of")
    elif isinstance(condition, OperandTest):
        yield from _looked_at(condition.of, f"{at}/of")
    else:
        yield from _looked_at(condition.left, f"{at}/left")
        if not isinstance(condition, OneOf):
            yield from _looked_at(condition.right, f"{at}/right")


def _looked_at(operand: Operand, at: str) -> Iterator[tuple[str, PayloadInput | ResultInput]]:
    if isinstance(operand, LengthOperand):
        yield from _looked_at(operand.length, f"{at}/length")
    elif isinstance(operand, OrElseOperand):
        yield from _looked_at(operand.or_else[0], f"{at}/or_else/0")
    elif not isinstance(operand, ValueOperand):
        yield at, operand
