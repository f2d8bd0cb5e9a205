"""Schemas and instances by the thousand, and four judges who must agree on each of them.

`pydantic_schemas`, `written_schemas` and `random_schemas` give schemas; `instances` makes values
from a schema and spoils them; `judges` asks the engine and jsonschema-rs, and `shrink` makes the
smallest case of a disagreement.
"""

from typing import Any

from typing_extensions import TypeIs

Json = Any
"""Any JSON value, as `json` reads it."""
Schema = bool | dict[str, Any]


def is_object(value: Json) -> TypeIs[dict[str, Json]]:
    """Tell whether *value* is a JSON object."""
    return isinstance(value, dict)


def is_array(value: Json) -> TypeIs[list[Json]]:
    """Tell whether *value* is a JSON array."""
    return isinstance(value, list)


def is_number(value: Json) -> TypeIs[int | float]:
    """Tell whether *value* is a JSON number; to Python, booleans are numbers too."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
