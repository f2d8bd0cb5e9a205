"""Check values of which nobody has said or inferred the type.

Only `flow.test` has such: there is no schema to go by, but what has no JSON form, or one that says
nothing, is told at once. Next: `encode.py`, which checks the rest as for any result.
"""

import dataclasses
import datetime as dt
import enum
import ipaddress
import pathlib
import uuid
from decimal import Decimal
from typing import Any, Final, cast

from pydantic import BaseModel, JsonValue, TypeAdapter

from pgflow_dsl.types.encode import ResultEncoder
from pgflow_dsl.types.json_type import JsonType
from pgflow_manifest import ResultNotSerializableError

_LEAVES: Final = (
    *(type(None), bool, int, float, str, Decimal, uuid.UUID, enum.Enum),
    *(dt.date, dt.time, dt.timedelta, pathlib.PurePath),
    *(ipaddress.IPv4Address, ipaddress.IPv6Address),
    BaseModel,
)
"""Values that are written whole; pydantic looks into a model by its own annotations."""
_KEYS: Final = (str, int, uuid.UUID, enum.Enum, dt.date)
_COLLECTIONS: Final = (list, tuple, set, frozenset)
_JSON: Final = JsonType(
    annotation=JsonValue,
    adapter=TypeAdapter(Any),
    schema={},
    mode="serialization",
    may_be_deep=True,
    may_be_non_finite=True,
    may_be_none=True,
)


def check_json_form(value: object, what: str) -> None:
    """Refuse *value* unless JSON can hold it.

    Args:
        value: what a handler returned.
        what: whose it is, such as "step 'merge' of flow 'voice_memo'".

    Raises:
        ResultNotSerializableError: says which part cannot be held (PF601).
    """
    if (part := _odd_part(value)) is not None:
        kind = type(part).__name__
        raise ResultNotSerializableError(
            f"{what}: the result cannot be stored: it is or holds a `{kind}`, which has no JSON "
            "form that could be read back",
            hint="return a pydantic model, a dataclass, a dict, a list, text, numbers, or None",
            details={"what": what, "found": kind},
        )
    ResultEncoder(_JSON, what).encode(value)


def _odd_part(value: object) -> object | None:
    """Return a part of *value* that JSON cannot hold."""
    pending: list[Any] = [value]
    seen: set[int] = set()
    while pending:
        part = pending.pop()
        if isinstance(part, _LEAVES) or id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, dict):
            entries = cast("dict[object, object]", part)
            for key in entries:
                if not isinstance(key, _KEYS):
                    return key
            pending.extend(entries.values())
        elif isinstance(part, _COLLECTIONS):
            pending.extend(cast("list[object]", part))
        elif not dataclasses.is_dataclass(part) or isinstance(part, type):
            return part
    return None
