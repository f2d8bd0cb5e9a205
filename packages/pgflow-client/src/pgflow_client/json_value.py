"""The type of what JSON can hold, as `json.loads` returns it."""

from typing_extensions import TypeAliasType

# no plain alias: pydantic cannot follow one that names itself, and users validate with these types
Json = TypeAliasType("Json", "bool | int | float | str | list[Json] | dict[str, Json] | None")
"""Any JSON value; payloads, results and run outputs of flows without a `FlowRef` are of it."""


def pointer_to(*parts: str | int) -> str:
    """Return the JSON pointer (RFC 6901) to what stands under *parts*; '' is the whole value."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


def shorten(text: str, limit: int = 200) -> str:
    """Return *text*, cut in the middle of nowhere when longer than *limit* characters."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"
