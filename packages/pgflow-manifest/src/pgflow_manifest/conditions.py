"""Conditions of steps, as data: what the database evaluates and no handler ever runs.

Only `evaluate` of `pgflow_dsl.conditions` and the SQL say what they mean; a test compares the two.
Next: `models.py`, where `StepSpec.when` holds one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal, cast

from pydantic import BaseModel, ConfigDict, Discriminator, Field, JsonValue, Tag

from pgflow_manifest.sources import PayloadInput, ResultInput

Comparison = Literal["==", "!=", "<", "<=", ">", ">="]
"""How two operands are compared; the last four only between two numbers or two texts."""

MAX_CONDITION_DEPTH: Final = 32
"""How deep a condition may nest: its SQL function calls itself once a level."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ConstantOperand(_Part):
    """A value that stands in the condition itself."""

    value: JsonValue


class LengthOperand(_Part):
    """How many items, characters or keys an operand has; null of anything else."""

    length: Operand


class OrElseOperand(_Part):
    """An operand, or a constant where that is null."""

    or_else: tuple[Operand, JsonValue]


_OPERAND_TAGS: Final = {
    "value": "a constant",
    "length": "a length",
    "or_else": "a default",
}
"""By the key that only they have. The tags are no keys: errors name both, and only keys count."""


def _operand_tag(value: object) -> str:
    if isinstance(value, BaseModel):
        kinds: Mapping[type[BaseModel], str] = {
            ConstantOperand: "a constant",
            LengthOperand: "a length",
            OrElseOperand: "a default",
            ResultInput: "a result",
        }
        return kinds.get(type(value), "a payload")
    if not isinstance(value, Mapping):
        return ""
    keys = cast("Mapping[str, object]", value)
    for key, tag in _OPERAND_TAGS.items():
        if key in keys:
            return tag
    return {"payload": "a payload", "result": "a result"}.get(str(keys.get("source")), "")


Operand = Annotated[
    Annotated[PayloadInput, Tag("a payload")]
    | Annotated[ResultInput, Tag("a result")]
    | Annotated[ConstantOperand, Tag("a constant")]
    | Annotated[LengthOperand, Tag("a length")]
    | Annotated[OrElseOperand, Tag("a default")],
    Discriminator(
        _operand_tag,
        custom_error_type="operand_unknown",
        custom_error_message="must be an operand: it has `source` ('payload' or 'result'), "
        "`value`, `length` or `or_else`",
    ),
]
"""What a condition looks at: a part of the payload or of a result, or something made of it."""


class Junction(_Part):
    """Whether all, or any, of some conditions hold."""

    op: Literal["and", "or"]
    of: Annotated[tuple[Condition, ...], Field(min_length=1)]


class Negation(_Part):
    """Whether a condition does not hold."""

    op: Literal["not"] = "not"
    of: Condition


class Compared(_Part):
    """How two operands compare: equality is that of JSON, order is of numbers or of texts."""

    op: Comparison
    left: Operand
    right: Operand


class OneOf(_Part):
    """Whether an operand equals one of some constants."""

    op: Literal["in"] = "in"
    left: Operand
    values: tuple[JsonValue, ...]


class Contains(_Part):
    """Whether a list has an item that equals the right, or a text has it as a part."""

    op: Literal["contains"] = "contains"
    left: Operand
    right: Operand


class Asked(_Part):
    """Whether an operand is null (or is not there), or is exactly true."""

    op: Literal["is_null", "is_true"]
    of: Operand


Condition = Annotated[
    Junction | Negation | Compared | OneOf | Contains | Asked, Field(discriminator="op")
]
"""What must hold for a step to start; data that every part of pgflow reads in the same way."""

for _model in (LengthOperand, OrElseOperand, Junction, Negation, Compared, OneOf, Contains, Asked):
    _model.model_rebuild()

Place = tuple[str, PayloadInput | ResultInput]
"""A JSON pointer into a condition, and the part of the payload or of a result that it takes."""


def places_of(condition: Condition, at: str = "") -> Iterator[Place]:
    """Yield every part of the payload and of results that *condition* looks at, in order."""
    if isinstance(condition, Junction):
        for index, part in enumerate(condition.of):
            yield from places_of(part, f"{at}/of/{index}")
    elif isinstance(condition, Negation):
        yield from places_of(condition.of, f"{at}/of")
    elif isinstance(condition, Asked):
        yield from _places_of_operand(condition.of, f"{at}/of")
    else:
        yield from _places_of_operand(condition.left, f"{at}/left")
        if not isinstance(condition, OneOf):
            yield from _places_of_operand(condition.right, f"{at}/right")


def depth_of(condition: Condition) -> int:
    """Return how deep *condition* nests: 1 for one without conditions and operands inside others."""
    if isinstance(condition, Junction):
        return 1 + max(map(depth_of, condition.of))
    if isinstance(condition, Negation):
        return 1 + depth_of(condition.of)
    if isinstance(condition, Asked):
        return _operand_depth(condition.of)
    if isinstance(condition, OneOf):
        return _operand_depth(condition.left)
    return max(_operand_depth(condition.left), _operand_depth(condition.right))


def _places_of_operand(operand: Operand, at: str) -> Iterator[Place]:
    if isinstance(operand, PayloadInput | ResultInput):
        yield at, operand
    elif isinstance(operand, LengthOperand):
        yield from _places_of_operand(operand.length, f"{at}/length")
    elif isinstance(operand, OrElseOperand):
        yield from _places_of_operand(operand.or_else[0], f"{at}/or_else/0")


def _operand_depth(operand: Operand) -> int:
    if isinstance(operand, LengthOperand):
        return 1 + _operand_depth(operand.length)
    if isinstance(operand, OrElseOperand):
        return 1 + _operand_depth(operand.or_else[0])
    return 1
