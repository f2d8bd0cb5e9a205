"""Make a failing case small: what is left when nothing can be taken away any more."""

from collections.abc import Callable, Iterator

from tests.support.schema_fuzz import Json, Schema, is_array, is_number, is_object

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
    """The same with one part less, or a part in the place of what holds it; largest steps first."""
    if is_object(value):
        for key in value:
            yield {k: v for k, v in value.items() if k != key}
        yield from (item for item in value.values() if is_object(item) or is_array(item))
        for key, item in value.items():
            yield from ({**value, key: smaller} for smaller in _smaller(item))
    elif is_array(value):
        for n in range(len(value)):
            yield value[:n] + value[n + 1 :]
        yield from value
        for n, item in enumerate(value):
            yield from ([*value[:n], smaller, *value[n + 1 :]] for smaller in _smaller(item))
    elif isinstance(value, str) and value:
        yield value[: len(value) // 2]
    elif is_number(value) and value not in (0, 1):
        yield from (0, 1)
