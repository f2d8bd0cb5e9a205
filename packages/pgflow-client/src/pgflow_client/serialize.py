"""What pydantic makes of models, dataclasses and whatever else is no JSON value by itself."""

import dataclasses
import functools
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_jsonable_python


def to_jsonable(value: object) -> Any:
    """Return *value* as JSON values, keys by alias.

    Raises:
        ValueError, TypeError, RecursionError: pydantic finds no JSON form.
    """
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _adapter(type(value)).dump_python(value, mode="json", by_alias=True)
    return to_jsonable_python(value, by_alias=True)


@functools.lru_cache(maxsize=256)
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
