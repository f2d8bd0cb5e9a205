"""The inferred type of a result whose handler is not annotated, as language-neutral data.

A type checker infers it when the manifest is compiled; workers, which have none, read it here and
decode JSON into the same classes. What a reader in another language needs is `result_schema`.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NoneShape(_Model):
    """`None`, which is JSON null."""

    kind: Literal["none"] = "none"


class ScalarShape(_Model):
    """A type without parts that every language has, or has a library for."""

    kind: Literal["scalar"] = "scalar"
    name: Literal[
        "bool", "int", "float", "str", "datetime", "date", "time", "timedelta", "uuid", "decimal"
    ]


class LiteralShape(_Model):
    """One of a few values, such as `Literal["a", "b"]`."""

    kind: Literal["literal"] = "literal"
    values: Annotated[tuple[str | int | bool, ...], Field(min_length=1)]


class ClassShape(_Model):
    """Anything that a module gives a name to: model, dataclass, enum, alias, `pathlib.Path`."""

    kind: Literal["class"] = "class"
    module: str
    name: str
    """The qualified name within the module."""
    arguments: "tuple[Shape, ...]" = ()
    """What a generic class is given, in order."""


class EnumMemberShape(_Model):
    """One member of an enum."""

    kind: Literal["enum_member"] = "enum_member"
    module: str
    name: str
    """The qualified name of the enum within the module."""
    member: str


class CollectionShape(_Model):
    """Any number of items of one type; `tuple` is `tuple[T, ...]`."""

    kind: Literal["list", "set", "frozenset", "tuple"]
    items: "Shape"


class FixedTupleShape(_Model):
    """So many items, each with a type of its own."""

    kind: Literal["fixed_tuple"] = "fixed_tuple"
    items: "tuple[Shape, ...]"


class MapShape(_Model):
    """A dict with any keys."""

    kind: Literal["map"] = "map"
    keys: "Shape"
    values: "Shape"


class FieldShape(_Model):
    """One key of an object."""

    type: "Shape"
    required: bool = True


class ObjectShape(_Model):
    """A dict whose keys are known one by one."""

    kind: Literal["object"] = "object"
    fields: dict[str, FieldShape]


class UnionShape(_Model):
    """One of several types."""

    kind: Literal["union"] = "union"
    members: "Annotated[tuple[Shape, ...], Field(min_length=2)]"


Shape: TypeAlias = Annotated[
    NoneShape
    | ScalarShape
    | LiteralShape
    | ClassShape
    | EnumMemberShape
    | CollectionShape
    | FixedTupleShape
    | MapShape
    | ObjectShape
    | UnionShape,
    Field(discriminator="kind"),
]
"""The type of a result, as a tree."""


class InferredResult(_Model):
    """What the result of an un-annotated handler was inferred to be, and from which source."""

    shape: Shape
    handler_digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of the handler's source; another one means that the manifest is older than the handler."""


for _model in (
    ClassShape,
    CollectionShape,
    FixedTupleShape,
    MapShape,
    FieldShape,
    ObjectShape,
    UnionShape,
    InferredResult,
):
    _model.model_rebuild()
