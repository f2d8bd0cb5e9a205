"""Whether a value fits a JSON Schema, as far as that can be said with certainty."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from pgflow_manifest.schema_parts import (
    ANNOTATIONS,
    Schema,
    UnknownPartError,
    is_object,
    item_schemas,
    json_equal,
    resolve,
    type_of,
    types_of,
)

_MAX_DEPTH: Final = 64

Fits = bool | None
"""True or False with certainty; None when it is not known."""


def fits(root: Schema, schema: Schema, value: Any, depth: int = 0) -> Fits:
    """Return whether *value* fits *schema*, a part of the document *root*; None for unknown.

    Patterns are not tried: the engine has a dialect of its own.
    """
    if isinstance(schema, bool):
        return schema
    if not is_object(schema) or depth > _MAX_DEPTH:
        return None
    checked = {**schema}
    answers: list[Fits] = []
    for keywords, check in _CHECKS:
        if any(keyword in checked for keyword in keywords):
            answers.append(check(root, schema, value, depth + 1))
            for keyword in keywords:
                checked.pop(keyword, None)
    if checked.keys() - ANNOTATIONS:
        answers.append(None)
    return _all(answers)


def _all(answers: Iterable[Fits]) -> Fits:
    found = list(answers)
    return False if False in found else None if None in found else True


def _any(answers: Iterable[Fits]) -> Fits:
    found = list(answers)
    return True if True in found else None if None in found else False


def _not(answer: Fits) -> Fits:
    return None if answer is None else not answer


def _ref(root: Schema, schema: Schema, value: Any, depth: int) -> Fits:
    try:
        target = resolve(root, schema["$ref"])
    except UnknownPartError:
        return None
    return fits(root, target, value, depth)


def _type(_root: Schema, schema: Schema, value: Any, _depth: int) -> Fits:
    allowed = types_of(schema)
    kind = type_of(value)
    if kind == "number" and "number" not in allowed:
        return "integer" in allowed and (isinstance(value, int) or value.is_integer())
    return kind in allowed


def _literals(_root: Schema, schema: Schema, value: Any, _depth: int) -> Fits:
    groups = [[schema["const"]]] if "const" in schema else []
    groups += [schema["enum"]] if "enum" in schema else []
    return all(any(json_equal(value, each) for each in group) for group in groups)


def _number(_root: Schema, schema: Schema, value: Any, _depth: int) -> Fits:
    if type_of(value) != "number":
        return True
    if "multipleOf" in schema:
        divisor = schema["multipleOf"]
        if not (isinstance(value, int) and isinstance(divisor, int)):
            return None
        if value % divisor:
            return False
    return (
        schema.get("minimum", value) <= value <= schema.get("maximum", value)
        and ("exclusiveMinimum" not in schema or schema["exclusiveMinimum"] < value)
        and ("exclusiveMaximum" not in schema or value < schema["exclusiveMaximum"])
    )


def _string(_root: Schema, schema: Schema, value: Any, _depth: int) -> Fits:
    if type_of(value) != "string":
        return True
    length = len(value)
    if not schema.get("minLength", length) <= length <= schema.get("maxLength", length):
        return False
    return None if "pattern" in schema else True


def _array(root: Schema, schema: Schema, value: Any, depth: int) -> Fits:
    if type_of(value) != "array":
        return True
    length = len(value)
    if not schema.get("minItems", length) <= length <= schema.get("maxItems", length):
        return False
    answers: list[Fits] = [
        fits(root, item_schemas(schema, index), item, depth) for index, item in enumerate(value)
    ]
    if schema.get("uniqueItems"):
        answers.append(
            not any(
                json_equal(item, other)
                for index, item in enumerate(value)
                for other in value[index + 1 :]
            )
        )
    return _all(answers)


def _object(root: Schema, schema: Schema, value: Any, depth: int) -> Fits:
    if type_of(value) != "object":
        return True
    length = len(value)
    if not schema.get("minProperties", length) <= length <= schema.get("maxProperties", length):
        return False
    if not set(schema.get("required", ())) <= value.keys():
        return False
    named = schema.get("properties", {})
    answers = [
        fits(root, named[name], item, depth) for name, item in value.items() if name in named
    ]
    others = [item for name, item in value.items() if name not in named]
    if (others and schema.get("patternProperties")) or (
        named and schema.get("patternProperties") and value
    ):
        answers.append(None)
    else:
        rest = schema.get("additionalProperties", True)
        answers += [fits(root, rest, item, depth) for item in others]
    return _all(answers)


def _combined(root: Schema, schema: Schema, value: Any, depth: int) -> Fits:
    answers: list[Fits] = []
    if "allOf" in schema:
        answers += [fits(root, part, value, depth) for part in schema["allOf"]]
    if "anyOf" in schema:
        answers.append(_any(fits(root, part, value, depth) for part in schema["anyOf"]))
    if "oneOf" in schema:
        each = [fits(root, part, value, depth) for part in schema["oneOf"]]
        sure = each.count(True)
        if sure > 1:
            answers.append(False)
        else:
            answers.append(None if None in each else sure == 1)
    if "not" in schema:
        answers.append(_not(fits(root, schema["not"], value, depth)))
    return _all(answers)


_CHECKS: Final[tuple[tuple[tuple[str, ...], Callable[[Schema, Schema, Any, int], Fits]], ...]] = (
    (("$ref",), _ref),
    (("type",), _type),
    (("const", "enum"), _literals),
    (("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), _number),
    (("minLength", "maxLength", "pattern"), _string),
    (("minItems", "maxItems", "uniqueItems", "items", "prefixItems"), _array),
    (
        (
            *("properties", "required", "additionalProperties", "patternProperties"),
            *("minProperties", "maxProperties"),
        ),
        _object,
    ),
    (("allOf", "anyOf", "oneOf", "not"), _combined),
)
