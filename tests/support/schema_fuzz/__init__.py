"""Schemas and instances by the thousand, and four judges who must agree on each of them.

`pydantic_schemas`, `written_schemas` and `random_schemas` give schemas; `instances` makes values
from a schema and spoils them; `judges` asks the engine and jsonschema-rs, and `shrink` makes the
smallest case of a disagreement.
"""

from typing import Any

Json = Any
"""Any JSON value, as `json` reads it."""
Schema = bool | dict[str, Any]
