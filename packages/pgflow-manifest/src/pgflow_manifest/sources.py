"""Where values come from: the payload, a result, an item of a list, or the error of the run."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pgflow_manifest.slug import SLUG_PATTERN

Slug = Annotated[str, Field(pattern=SLUG_PATTERN, json_schema_extra={"not": {"const": "run"}})]
"""A `str` field that accepts slugs only."""


class _Source(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PayloadInput(_Source):
    """An argument that takes the payload of the run, or a part of it."""

    source: Literal["payload"] = "payload"
    path: tuple[str | int, ...] = ()
    """Keys and indexes from the payload down to the part; empty for the whole."""


class ResultInput(_Source):
    """An argument that takes the result of a step, or a part of it."""

    source: Literal["result"] = "result"
    step: Slug
    path: tuple[str | int, ...] = ()


class EachInput(_Source):
    """An argument of a map step that takes one item of the list, or a part of the item."""

    source: Literal["each"] = "each"
    path: tuple[str | int, ...] = ()
    """Keys and indexes from the item down to the part; empty for the whole item."""


class ErrorInput(_Source):
    """An argument of a failure handler that takes the error of the run, or a part of it."""

    source: Literal["error"] = "error"
    path: tuple[str | int, ...] = ()
    """Keys from the error down to the part; empty for the whole."""
