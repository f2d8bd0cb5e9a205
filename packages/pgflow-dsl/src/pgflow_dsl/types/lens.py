"""Follow `step.result.items[0].name` through types down to keys and indexes of the JSON.

The two differ: aliases rename keys, a NamedTuple is an array, the keys of a dict are text. Whatever
does not lead to a part of the JSON is refused here. Next: `in_schema.py`, which
makes sure that the schema knows the path, and `items.py`, which goes into the items of a list.
"""

import copy
import datetime as dt
import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Union, cast, get_args

from pydantic import BaseModel, RootModel, TypeAdapter, ValidationError

from pgflow_dsl.source import Attribute, Item, Part
from pgflow_dsl.types.annotations import (
    class_of,
    config_of,
    field_types,
    has_fields,
    is_named_tuple,
    is_typed_dict,
    is_union,
    peel,
    shown,
    unqualified,
)
from pgflow_dsl.types.fields import read_paths, schema_fields
from pgflow_dsl.types.json_type import adapter_for
from pgflow_dsl.types.walk import walk

MakeDefault = Callable[[], Any]
TAKE_THE_WHOLE = "take the whole and reach into it in the body of the handler"
_PLAIN = {
    "ser_json_bytes": "utf8",
    "val_json_bytes": "utf8",
    "ser_json_temporal": "iso8601",
    "val_temporal_unit": "infer",
}
"""How bytes and times are written and read unless the configuration of their class says else."""
_CONFIGURED = (bytes, dt.date, dt.time, dt.timedelta)


class LensError(Exception):
    """A path that leads to no part of the JSON."""

    def __init__(self, text: str, hint: str) -> None:
        self.text = text
        self.hint = hint
        super().__init__(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """A part of a payload or result: where it is in JSON, and its type."""

    path: tuple[str | int, ...]
    annotation: Any
    may_be_absent: bool = False
    """Whether valid JSON can lack it; the engine then passes null."""
    make_default: MakeDefault | None = None
    """What stands for it then, where the type says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hop:
    key: str | int | None
    """None when the part is the whole: the root of a RootModel."""
    annotation: Any
    may_be_absent: bool = False
    make_default: MakeDefault | None = None


def look(annotation: Any, parts: Sequence[Part], *, written: bool) -> Lens:
    """Return where *parts* lead from a value of type *annotation*.

    Args:
        annotation: the type of the whole payload or result.
        parts: attributes and items, from the outside in.
        written: whether the JSON was written by pydantic (a result), or only fits the schema that
            it reads by (a payload). The two may use other aliases and leave out other keys.

    Raises:
        LensError: a field that does not exist, or a part that JSON does not hold.
    """
    lens = Lens(path=(), annotation=annotation)
    for part in parts:
        hop = _hop(lens.annotation, part, written=written)
        lens = Lens(
            path=lens.path if hop.key is None else (*lens.path, hop.key),
            annotation=hop.annotation,
            may_be_absent=lens.may_be_absent or hop.may_be_absent,
            make_default=_default_through(lens, part, hop),
        )
    return lens


def _default_through(lens: Lens, part: Part, hop: _Hop) -> MakeDefault | None:
    """Return what stands for a part that is absent itself or whose whole is absent."""
    if not lens.may_be_absent:
        return hop.make_default
    through = None if lens.make_default is None else _reach(lens.make_default, part)
    if hop.may_be_absent and _value_of(through) != _value_of(hop.make_default):
        raise LensError(
            f"`{shown(lens.annotation)}` and its `{part}` can be absent, with different defaults",
            TAKE_THE_WHOLE,
        )
    return through


def _reach(make_whole: MakeDefault, part: Part) -> MakeDefault | None:
    def make() -> Any:
        whole = make_whole()
        return getattr(whole, part.name) if isinstance(part, Attribute) else whole[part.key]

    try:
        make()
    except LookupError:
        return None
    return make


def _value_of(make_default: MakeDefault | None) -> Any:
    return None if make_default is None else make_default()


def _hop(annotation: Any, part: Part, *, written: bool) -> _Hop:
    peeled, _ = peel(annotation)
    if is_union(peeled):
        return _hop_into_union(peeled, part, written=written)
    cls = class_of(peeled)
    if cls is not None and issubclass(cls, RootModel) and part == Attribute("root"):
        return _Hop(key=None, annotation=field_types(peeled)["root"])
    if is_named_tuple(cls):
        return _hop_into_named_tuple(peeled, part, written=written)
    if has_fields(cls):
        return _hop_into_fields(peeled, part, written=written)
    if isinstance(part, Item) and cls is not None:
        if issubclass(cls, tuple):
            return _hop_into_tuple(peeled, part)
        if issubclass(cls, Mapping):
            return _hop_into_mapping(peeled, part)
        if _is_list(peeled):
            return _hop_into_list(peeled, part)
    advice = TAKE_THE_WHOLE
    if part == Attribute("each") and _is_list(peeled):
        advice = "write `each[...]` around the list, with `from pgflow_dsl import each`"
    raise LensError(f"`{shown(peeled)}` has no `{part}` in JSON", advice)


def _is_list(annotation: Any) -> bool:
    cls = class_of(annotation)
    return cls is not None and issubclass(cls, Sequence) and not issubclass(cls, str | bytes)


def _hop_into_union(union: Any, part: Part, *, written: bool) -> _Hop:
    if type(None) in get_args(union):
        raise LensError(
            f"`{shown(union)}` can be None, which has no `{part}`",
            "take the whole and test for None in the body of the handler",
        )
    hops = [_hop(member, part, written=written) for member in get_args(union)]
    if len({(type(hop.key), hop.key) for hop in hops}) > 1:
        raise LensError(
            f"`{part}` has different keys in the members of `{shown(union)}`",
            TAKE_THE_WHOLE,
        )
    absent = [hop for hop in hops if hop.may_be_absent]
    if any(_value_of(hop.make_default) != _value_of(absent[0].make_default) for hop in absent):
        raise LensError(
            f"`{part}` has different defaults in the members of `{shown(union)}`", TAKE_THE_WHOLE
        )
    return _Hop(
        key=hops[0].key,
        annotation=Union[tuple(hop.annotation for hop in hops)],  # noqa: UP007 - built at run time
        may_be_absent=bool(absent),
        make_default=absent[0].make_default if absent else None,
    )


def _hop_into_fields(annotation: Any, part: Part, *, written: bool) -> _Hop:
    cls = class_of(annotation)
    types = field_types(annotation)
    name = part.key if isinstance(part, Item) else part.name
    if is_typed_dict(cls) is isinstance(part, Attribute):
        right = f"[{name!r}]" if is_typed_dict(cls) else f".{name}"
        raise LensError(f"`{shown(annotation)}` has no `{part}`", f"write `{right}`")
    if not isinstance(name, str) or name not in types:
        raise _unknown_field(annotation, part, types)
    if _is_read_in_its_own_way(annotation, types[name]):
        raise LensError(
            f"`{shown(annotation)}{part}` is written as the configuration of its class says, which "
            "a part of it does not know",
            TAKE_THE_WHOLE,
        )
    facts = schema_fields(adapter_for(annotation)).get(name)
    if facts is None or (written and facts.get("serialization_exclude")):
        raise LensError(
            f"`{shown(annotation)}{part}` is not written to JSON",
            "remove the exclusion, or return the value in another field",
        )
    inside = unqualified(types[name])
    if written:
        absent = facts.get("required") is False or "serialization_exclude_if" in facts
        key = facts.get("serialization_alias", name)
        return _Hop(key=key, annotation=inside, may_be_absent=absent)
    if facts["type"] == "computed-field":
        raise LensError(
            f"`{shown(annotation)}{part}` is computed: it is not part of the payload",
            "take the whole payload and read the field in the body of the handler",
        )
    has_default = facts["schema"]["type"] == "default"
    absent = has_default or facts.get("required") is False
    return _Hop(
        key=_key_read(annotation, name, facts, may_be_absent=absent),
        annotation=inside,
        may_be_absent=absent,
        make_default=_default_of(facts["schema"]) if has_default else None,
    )


def _key_read(annotation: Any, name: str, facts: Mapping[str, Any], *, may_be_absent: bool) -> str:
    first, *others = read_paths(annotation, name, facts)
    # What is required stands under its first name: the schema asks for that one.
    if len(first) > 1 or (others and (may_be_absent or others != [[name]])):
        raise LensError(
            f"`{shown(annotation)}.{name}` can be read from several places of the JSON",
            "take the whole payload, or give the field one plain alias",
        )
    return str(first[0])


def _is_read_in_its_own_way(owner: Any, annotation: Any) -> bool:
    config = config_of(owner)
    if all(config.get(key, plain) == plain for key, plain in _PLAIN.items()):
        return False
    classes = (class_of(node.annotation) for node in walk(annotation) if node.owner is None)
    return any(cls is not None and issubclass(cls, _CONFIGURED) for cls in classes)


def _default_of(schema: Mapping[str, Any]) -> MakeDefault | None:
    if (factory := schema.get("default_factory")) is not None:
        if schema.get("default_factory_takes_data"):
            raise LensError("its default is made from other parts of the payload", TAKE_THE_WHOLE)
        return cast("MakeDefault", factory)
    default = schema["default"]
    return lambda: copy.deepcopy(default)


def _unknown_field(annotation: Any, part: Part, types: Mapping[str, Any]) -> LensError:
    name = part.key if isinstance(part, Item) else part.name
    close = difflib.get_close_matches(str(name), types, n=1)
    cls = class_of(annotation)
    if isinstance(part, Attribute) and inspect.getattr_static(cls, part.name, None) is not None:
        hint = "take the whole and use it in the body"
        if cls is not None and issubclass(cls, BaseModel):
            hint += ", or make a property part of the JSON with `pydantic.computed_field`"
        return LensError(f"`{shown(annotation)}{part}` is no field, so JSON does not hold it", hint)
    known = ", ".join(types) or "no fields"
    hint = f"did you mean `{close[0]}`?" if close else f"it has {known}"
    return LensError(f"`{shown(annotation)}` has no field {name!r}", hint)


def _hop_into_named_tuple(annotation: Any, part: Part, *, written: bool) -> _Hop:
    types = field_types(annotation)
    if isinstance(part, Item):
        hop = _pick(annotation, list(types.values()), part)
    elif part.name in types:
        hop = _Hop(key=list(types).index(part.name), annotation=types[part.name])
    else:
        raise _unknown_field(annotation, part, types)
    defaults: dict[str, Any] = getattr(class_of(annotation), "_field_defaults", {})
    name = list(types)[cast("int", hop.key)]
    if written or name not in defaults:
        return hop
    return replace(hop, may_be_absent=True, make_default=lambda: copy.deepcopy(defaults[name]))


def _hop_into_tuple(annotation: Any, part: Item) -> _Hop:
    items = get_args(annotation)
    if len(items) == 2 and items[1] is Ellipsis:
        return _Hop(key=_index(annotation, part), annotation=items[0])
    return _pick(annotation, items, part)


def _pick(annotation: Any, items: Sequence[Any], part: Item) -> _Hop:
    if isinstance(part.key, int) and -len(items) <= part.key < len(items):
        key = part.key % len(items)
        return _Hop(key=key, annotation=items[key])
    raise LensError(
        f"`{shown(annotation)}` has no item `{part}`", f"it has the items 0 to {len(items) - 1}"
    )


def _hop_into_list(annotation: Any, part: Item) -> _Hop:
    return _Hop(key=_index(annotation, part), annotation=get_args(annotation)[0])


def _index(annotation: Any, part: Item) -> int:
    if isinstance(part.key, bool) or not isinstance(part.key, int) or part.key < 0:
        raise LensError(
            f"`{shown(annotation)}{part}` is no item that can be picked before the length is known",
            "use an index of 0 or more, or take the whole and pick in the body of the handler",
        )
    return part.key


def _hop_into_mapping(annotation: Any, part: Item) -> _Hop:
    key_type, value_type = get_args(annotation)
    keys: Any = dict.__class_getitem__((key_type, None))
    writer = TypeAdapter[Any](keys)
    try:
        written = writer.dump_python(
            writer.validate_python({part.key: None}, strict=True), mode="json", by_alias=True
        )
    except ValidationError:
        raise LensError(
            f"`{shown(annotation)}` cannot have the key {part.key!r}",
            f"use a key of type `{shown(key_type)}`",
        ) from None
    return _Hop(key=str(next(iter(written))), annotation=value_type)
