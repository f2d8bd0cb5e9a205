"""Make a failing case small: what is left when nothing can be taken away any more."""

import copy
from collections.abc import Callable, Iterator
from typing import Any, cast

from tests.support.schema_fuzz import Json, Schema

Fails = Callable[[Schema, Json], bool]


def shrink(schema: Schema, instance: Json, fails: Fails, tries: int = 400) -> tuple[Schema, Json]:
    """Return the smallest schema and instance found for which *fails* still is true."""
    left = tries
    progress = True
    while progress and left > 0:
        progress = False
        candidates = (
            *((smaller, instance) for smaller in _smaller(schema)),
            *((schema, smaller) for smaller in _smaller(instance)),
        )
        for candidate in candidates:
            left -= 1
            if isinstance(candidate[0], (bool, dict)) and fails(*candidate):
                schema, instance = candidate
                progress = True
                break
            if left <= 0:
                break
    return schema, instance


def _smaller(value: Json) -> Iterator[Json]:
    """The same with one part less, or one part in the place of what holds it; largest steps first."""
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value)
        for key in items:
            yield {k: v for k, v in items.items() if k != key}
        yield from (copy.deepcopy(item) for item in items.values() if isinstance(item, (dict, list)))
        for key, item in items.items():
            for smaller in _smaller(item):
                yield {**items, key: smaller}
    elif isinstance(value, list):
        listed = cast("list[Any]", value)
        for n in range(len(listed)):
            yield listed[:n] + listed[n + 1 :]
        yield from (copy.deepcopy(item) for item in listed)
        for n, item in enumerate(listed):
            for smaller in _smaller(item):
                yield [*listed[:n], smaller, *listed[n + 1 :]]
    elif isinstance(value, str) and value:
        yield ""
        yield value[: len(value) // 2]
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and value:
        yield 0
        yield 1
