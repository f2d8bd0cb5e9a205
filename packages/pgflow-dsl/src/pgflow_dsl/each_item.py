"""`each[...]`: one item of a list, as the default of an argument of a map step.

A subscript, not a call, which a common lint rule refuses as a default. Next: `source.py`.
"""

from __future__ import annotations

from typing import Final, cast

from pgflow_dsl.location import shown_path, user_frame
from pgflow_dsl.source import item_of, source_of
from pgflow_dsl.types.bound import T
from pgflow_manifest import HandlerSignatureError


class Each:
    """Take one item of a list of the payload, or of a result, under `@flow.map`.

    `each[flow.payload.items]` is the item, `each[flow.payload.items].name` a part of it;
    `words.each` is short for `each[words.result]`.
    """

    __slots__ = ()

    def __getitem__(self, items: list[T], /) -> T:
        """Return what stands for one item.

        Raises:
            HandlerSignatureError: *items* is no part of a payload or result.
        """
        source = source_of(items)
        if source is None:
            raise _no_source(items)
        return cast("T", item_of(source))

    def __repr__(self) -> str:
        return "<each: one item of a list, known while a map step runs>"


each: Final = Each()
"""`each[LIST]`: one item of the list, as the default of an argument under `@flow.map`."""


def _no_source(value: object) -> HandlerSignatureError:
    frame = user_frame()
    place = f"{shown_path(frame.f_code.co_filename)}:{frame.f_lineno}"
    slug = getattr(value, "slug", None)
    if isinstance(slug, str):
        text = f"`each[...]` was given {value!r} itself"
        hint = f"write `{slug}.each`, or `each[flow.payload.<list>]`"
    else:
        text = f"`each[...]` was given a plain `{type(value).__name__}`"
        hint = "name a list of the payload or of a result, as in `each[flow.payload.items]`; a "
        hint += "constant list belongs into the body of a step, whose result a map can go over"
    return HandlerSignatureError(
        f"{place}: {text}, not a list of the payload or of a result",
        hint=hint,
        details={"file": frame.f_code.co_filename, "line": frame.f_lineno},
    )
