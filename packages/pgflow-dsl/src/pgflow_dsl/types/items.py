"""Go into the items of a list: what an argument of a map step takes.

Which item it is, is known only while the step runs; so the path of the list and the path within the
item are kept apart. Next: `../binding.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Union, get_args

from pgflow_dsl.source import Part
from pgflow_dsl.types.annotations import class_of, is_named_tuple, is_union, peel, shown
from pgflow_dsl.types.in_schema import check_in_schema, check_is_array
from pgflow_dsl.types.json_type import JsonType
from pgflow_dsl.types.lens import Lens, LensError, look


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemLens:
    """A part of each item of a list, and where the list is."""

    over: tuple[str | int, ...]
    """From the payload or result down to the list."""
    item: Lens
    """From the item down to the part."""


def look_into_item(whole: JsonType, over: Sequence[Part], parts: Sequence[Part]) -> ItemLens:
    """Return where *over* leads to a list, and *parts* to a part of its items.

    Args:
        whole: the type of the payload or result that the list is (in).
        over: attributes and items down to the list.
        parts: attributes and items from one item of it down.

    Raises:
        LensError: it is no list, or need not be there; or the items have no such part.
    """
    is_written = whole.mode == "serialization"
    the_list = look(whole.annotation, over, written=is_written)
    if the_list.may_be_absent:
        raise LensError(
            "the JSON need not have that list, and then there is nothing to go over",
            "make it required, or return the list from a step and go over its result",
        )
    item_type = _item_type(the_list.annotation)
    check_is_array(the_list.path, whole)
    item = look(item_type, parts, written=is_written)
    check_in_schema((*the_list.path, 0, *item.path), whole)
    return ItemLens(over=the_list.path, item=item)


def _item_type(annotation: Any) -> Any:
    peeled, _ = peel(annotation)
    members = get_args(peeled) if is_union(peeled) else (peeled,)
    if type(None) in members:
        raise LensError(
            f"`{shown(peeled)}` can be None, over which no map can go",
            "return the list, empty instead of None, from a step and go over its result",
        )
    if is_union(peeled):
        return Union[tuple(map(_item_type, members))]  # noqa: UP007 - built at run time
    cls, arguments = class_of(peeled), get_args(peeled)
    if cls is not None and issubclass(cls, tuple):
        if not is_named_tuple(cls) and len(arguments) == 2 and arguments[1] is Ellipsis:
            return arguments[0]
    elif cls is not None and issubclass(cls, Sequence) and not issubclass(cls, str | bytes):
        return arguments[0]
    raise LensError(
        f"`{shown(peeled)}` is no list, over which a map could go",
        "go over a list: `<step>.each` of a step that returns one, or `each[...]` around a part "
        "that is one",
    )
