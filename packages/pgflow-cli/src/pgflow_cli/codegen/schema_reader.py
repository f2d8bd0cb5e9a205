"""Read one JSON Schema, draft 2020-12, as a type.

Every object becomes a declaration of its own, and so does whatever a `$ref` leads to; their names
are JSON pointers until `declarations.py` has found better ones. A schema says what must hold, all
of it at once; to leave a part out only admits more. So where several keywords say what a value may
be, the first that says something is taken, and where none can be understood, `AnyJson`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast, get_args
from urllib.parse import unquote

from pgflow_cli.codegen.names import type_name
from pgflow_cli.codegen.renaming import names_in, replaced
from pgflow_cli.codegen.type_model import (
    ANY_JSON,
    NULL,
    AnyJson,
    Array,
    Field,
    Literal,
    Named,
    Object,
    Record,
    Scalar,
    ScalarName,
    Tuple,
    Type,
    Union,
    union_of,
)
from pgflow_manifest import JsonSchema

_MAX_DEPTH: Final = 50
"""How deep schemas may stand in each other; what is deeper is any JSON. Python recurses here."""
_ROOT: Final = "#"
_PLAIN: Final = (ANY_JSON, NULL)
_SCALARS: Final = frozenset(get_args(ScalarName))


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A declaration under the name that the schema gives it, which others may give as well."""

    base: str
    whole_name: str
    """The name as pydantic makes it when the shorter one is not enough."""
    type: Type
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSchema:
    """A schema as a type; the names in it are keys of `found`."""

    type: Type
    found: Mapping[str, Found]


def read_schema(schema: JsonSchema, *, title: str) -> ReadSchema:
    """Return *schema* as a type.

    Args:
        schema: the whole document, so that `$ref` can be followed.
        title: what an object is called that has no name of its own.
    """
    return _Reader(schema).read(title)


@dataclass(slots=True)
class _Reader:
    document: JsonSchema
    found: dict[str, Found] = field(default_factory=dict[str, Found])
    wanted: dict[str, None] = field(default_factory=dict[str, None])
    """The pointers that some `$ref` leads to, in the order in which they were met."""
    has_other_bases: bool = False
    """Whether `$ref` means something else in some part, which has an `$id` of its own."""

    def __post_init__(self) -> None:
        self.has_other_bases = any(
            isinstance(part.get("$id"), str) for part in _inner(self.document)
        )

    def read(self, title: str) -> ReadSchema:
        whole = self._place(self.document, _ROOT, title, 0)
        done = 0
        while done < len(self.wanted):
            pointer = [*self.wanted][done]
            done += 1
            if pointer not in self.found:
                last = pointer.rpartition("/")[2] if pointer != _ROOT else title
                self._declare(pointer, _unescaped(last))
        for pointer in [*self.found]:
            if _leads_to_itself(pointer, self.found):
                self.found[pointer] = replace(self.found[pointer], type=ANY_JSON)
        self._inline_plain_types()
        whole = replaced(whole, self._plain_or_named)
        used = {pointer: self.found[pointer] for pointer in self._reached_from(whole)}
        return ReadSchema(type=whole, found=used)

    def _inline_plain_types(self) -> None:
        """Say any JSON and null themselves for a name of them, such as `pydantic.JsonValue`.

        A union must not hide them: any JSON takes in all others, and null may be in it already.
        """
        before = -1
        while before != (count := sum(found.type in _PLAIN for found in self.found.values())):
            before = count
            for pointer, found in self.found.items():
                inside = replaced(found.type, self._plain_or_named)
                self.found[pointer] = replace(found, type=inside)

    def _plain_or_named(self, pointer: str) -> Type:
        type_ = self.found[pointer].type
        return type_ if type_ in _PLAIN else Named(name=pointer)

    def _reached_from(self, type_: Type) -> list[str]:
        reached: dict[str, None] = {}
        waiting = [*names_in(type_)]
        while waiting:
            name = waiting.pop(0)
            if name not in reached:
                reached[name] = None
                waiting += names_in(self.found[name].type)
        return [*reached]

    def _declare(self, pointer: str, title: str) -> None:
        schema = _at(self.document, pointer)
        type_ = self._type(schema, pointer, title, 0)
        self._keep(pointer, schema, type_, title)

    def _place(self, schema: object, pointer: str, title: str, depth: int) -> Type:
        """Return the type of *schema* as it can stand inside another: objects by their name."""
        type_ = self._type(schema, pointer, title, depth)
        if isinstance(type_, Object):
            self._keep(pointer, schema, type_, title)
            return Named(name=pointer)
        return type_

    def _keep(self, pointer: str, schema: object, type_: Type, title: str) -> None:
        known = _mapping(schema)
        own = known.get("title")
        # of a definition its key; pydantic's titles of fields say no more than the key does
        named = isinstance(type_, Object) and isinstance(own, str) and not _is_definition(pointer)
        whole = str(own) if named else title
        # pydantic puts the module before a name that two classes have
        last = whole.rpartition("__")[2] if _is_definition(pointer) else ""
        self.found[pointer] = Found(
            base=type_name(last or whole),
            whole_name=type_name(whole),
            type=type_,
            description=_text(known.get("description")),
        )

    def _type(self, schema: object, pointer: str, title: str, depth: int) -> Type:
        if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
            return ANY_JSON
        known = cast("Mapping[str, Any]", schema)
        for read in (self._ref, self._values, self._members, self._parts, self._kinds):
            type_ = read(known, pointer, title, depth + 1)
            if not isinstance(type_, AnyJson):
                return type_
        return ANY_JSON

    def _ref(self, schema: Mapping[str, Any], pointer: str, title: str, depth: int) -> Type:
        del pointer, title, depth
        ref = schema.get("$ref")
        if self.has_other_bases or not isinstance(ref, str) or not re.match(r"#(/|\Z)", ref):
            return ANY_JSON
        target = "/".join(_escaped(_unescaped(part)) for part in ref.split("/"))
        if _at(self.document, target) is None:
            return ANY_JSON
        self.wanted[target] = None
        return Named(name=target)

    def _values(self, schema: Mapping[str, Any], pointer: str, title: str, depth: int) -> Type:
        del pointer, title, depth
        values = [schema["const"]] if "const" in schema else _list(schema.get("enum"))
        if any(isinstance(value, Mapping | list) for value in values):
            return ANY_JSON
        return union_of([NULL if value is None else Literal(values=(value,)) for value in values])

    def _members(self, schema: Mapping[str, Any], pointer: str, title: str, depth: int) -> Type:
        for keyword in ("anyOf", "oneOf"):
            members = [
                self._place(member, f"{pointer}/{keyword}/{number}", title, depth)
                for number, member in enumerate(_list(schema.get(keyword)))
                if member is not False
            ]
            type_ = union_of(members)
            if not isinstance(type_, AnyJson):
                return type_
        return ANY_JSON

    def _parts(self, schema: Mapping[str, Any], pointer: str, title: str, depth: int) -> Type:
        for number, part in enumerate(_list(schema.get("allOf"))):
            type_ = self._place(part, f"{pointer}/allOf/{number}", title, depth)
            if not isinstance(type_, AnyJson):
                return type_
        return ANY_JSON

    def _kinds(self, schema: Mapping[str, Any], pointer: str, title: str, depth: int) -> Type:
        kinds = schema.get("type")
        if not isinstance(kinds, list):
            return self._kind(kinds, schema, pointer, title, depth)
        several: list[Type] = []
        for kind in cast("list[object]", kinds):
            type_ = self._kind(kind, schema, pointer, title, depth)
            if isinstance(type_, Object):
                # a union cannot hold an object that has no name
                inner = f"{pointer}/type/object"
                self._keep(inner, schema, type_, title)
                type_ = Named(name=inner)
            several.append(type_)
        return union_of(several)

    def _kind(
        self, kind: object, schema: Mapping[str, Any], pointer: str, title: str, depth: int
    ) -> Type:
        if kind == "object":
            return self._object(schema, pointer, title, depth)
        if kind == "array":
            return self._array(schema, pointer, title, depth)
        if isinstance(kind, str) and kind in _SCALARS:
            return Scalar(name=cast("ScalarName", kind))
        return ANY_JSON

    def _array(self, schema: Mapping[str, Any], pointer: str, title: str, depth: int) -> Type:
        item_title = f"{title}Item"
        prefix = tuple(
            self._place(item, f"{pointer}/prefixItems/{number}", item_title, depth)
            for number, item in enumerate(_list(schema.get("prefixItems")))
        )
        most = _number(schema.get("maxItems"))
        items = self._place(schema.get("items"), f"{pointer}/items", item_title, depth)
        if not prefix:
            return Array(items=items)
        closed = schema.get("items") is False or (most is not None and most <= len(prefix))
        return Tuple(
            prefix=prefix,
            required=min(_number(schema.get("minItems")) or 0, len(prefix)),
            rest=None if closed else items,
        )

    def _object(self, schema: Mapping[str, Any], pointer: str, title: str, depth: int) -> Type:
        properties = _mapping(schema.get("properties"))
        required = [key for key in _list(schema.get("required")) if isinstance(key, str)]
        extra = self._extra(schema, pointer, title, depth)
        own = schema.get("title")
        stem = own if isinstance(own, str) and not _is_definition(pointer) else title
        fields = [
            Field(
                name=key,
                type=self._place(
                    value, f"{pointer}/properties/{_escaped(key)}", f"{stem} {key}", depth
                ),
                required=key in required,
                description=_text(_mapping(value).get("description")),
            )
            for key, value in properties.items()
            # False: the key may not be there
            if value is not False or key in required
        ]
        fields += [
            Field(name=key, type=extra or ANY_JSON, required=True, description="")
            for key in dict.fromkeys(required)
            if key not in properties
        ]
        if fields or (extra is None and ("properties" in schema or _is_closed(schema))):
            return Object(fields=tuple(fields), extra=extra)
        return Record(values=extra or ANY_JSON)

    def _extra(
        self, schema: Mapping[str, Any], pointer: str, title: str, depth: int
    ) -> Type | None:
        """Return the type of the keys that are not listed, or None when nothing is said of them."""
        patterns = [
            self._place(
                value, f"{pointer}/patternProperties/{_escaped(key)}", f"{title}Value", depth
            )
            for key, value in _mapping(schema.get("patternProperties")).items()
            if value is not False
        ]
        other = schema.get("additionalProperties")
        if _is_closed(schema):
            return union_of(patterns) if patterns else None
        if other is None:
            return ANY_JSON if patterns else None
        place = f"{pointer}/additionalProperties"
        return union_of([*patterns, self._place(other, place, f"{title}Value", depth)])


def _is_closed(schema: Mapping[str, Any]) -> bool:
    return schema.get("additionalProperties") is False


def _is_definition(pointer: str) -> bool:
    return re.fullmatch(r"#/\$defs/[^/]*", pointer) is not None


def _leads_to_itself(pointer: str, found: Mapping[str, Found]) -> bool:
    """Whether the declaration is itself, or a union with itself: no language can say that."""
    seen: set[str] = set()
    waiting = _named_at_top(found[pointer].type)
    while waiting:
        name = waiting.pop()
        if name == pointer:
            return True
        if name not in seen:
            seen.add(name)
            waiting += _named_at_top(found[name].type)
    return False


def _named_at_top(type_: Type) -> list[str]:
    members = type_.members if isinstance(type_, Union) else (type_,)
    return [member.name for member in members if isinstance(member, Named)]


def _at(document: object, pointer: str) -> object:
    """Return what stands at *pointer*, or None."""
    value = document
    for part in pointer.split("/")[1:]:
        key = _unescaped(part)
        if isinstance(value, Mapping):
            value = cast("Mapping[str, object]", value).get(key)
        elif re.fullmatch(r"\d{1,9}", key) and int(key) < len(_list(value)):
            value = _list(value)[int(key)]
        else:
            return None
    return value


def _unescaped(part: str) -> str:
    return unquote(part).replace("~1", "/").replace("~0", "~")


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1").replace("%", "%25")


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[Any]:
    return cast("Sequence[Any]", value) if isinstance(value, list) else ()


def _number(value: object) -> int | None:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return int(cast("float", value)) if whole else None


def _inner(document: JsonSchema) -> Iterator[Mapping[str, Any]]:
    """Yield every object inside *document*, itself not among them."""
    waiting: list[Any] = [*document.values()]
    while waiting:
        value: object = waiting.pop()
        if inside := _mapping(value):
            yield inside
        waiting += [*inside.values(), *_list(value)]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
