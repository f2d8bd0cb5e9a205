"""A lens leads to the right key of the JSON, or is refused when the flow is defined."""

import dataclasses
import enum
import uuid
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar, get_args

import pytest
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    computed_field,
    model_serializer,
)
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass as pydantic_dataclass
from tests.support.dsl_lenses import Inner, Keys, Order, taking

from pgflow_dsl import Flow
from pgflow_dsl.source import Attribute, Item, Part
from pgflow_dsl.types.annotations import peel
from pgflow_dsl.types.lens import LensError, look
from pgflow_manifest import HandlerSignatureError

T = TypeVar("T")


class Camel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)
    object_name: str
    deep_part: Inner


class Both(BaseModel):
    n: int = Field(validation_alias="read_n", serialization_alias="written_n")


class Many(BaseModel):
    n: int = Field(validation_alias=AliasChoices("n1", "n2"))
    m: int = Field(validation_alias=AliasPath("deep", "m"))
    k: int = Field(validation_alias=AliasChoices("k1"))


class Page(BaseModel, Generic[T]):
    items: list[T]


@dataclasses.dataclass
class Box(Generic[T]):
    value: T


@dataclasses.dataclass
class Data:
    plain: int
    aliased: Annotated[int, Field(alias="al")] = 0


@pydantic_dataclass(config=ConfigDict(alias_generator=to_camel))
class CamelData:
    object_name: str


class Pair(NamedTuple):
    left: int
    right: Inner


class Names(RootModel[list[Inner]]):
    pass


class Color(enum.Enum):
    RED = "red"


class Square(BaseModel):
    side: int
    hidden: int = Field(default=0, exclude=True)
    sometimes: int | None = Field(default=None, exclude_if=lambda value: value is None)

    @computed_field(alias="theArea")  # type: ignore[prop-decorator]
    @property
    def area(self) -> int:
        return self.side**2

    @property
    def border(self) -> int:
        return self.side * 4


class Cat(BaseModel):
    kind: Literal["cat"]
    name: str


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str = Field(alias="dogName")


def parts(*path: Any) -> list[Part]:
    """`.name` for text that starts with a dot, `[key]` for anything else."""
    return [
        Attribute(part[1:]) if isinstance(part, str) and part.startswith(".") else Item(part)
        for part in path
    ]


@pytest.mark.parametrize(
    ("annotation", "path", "expected", "type_"),
    [
        (Camel, (".object_name",), ("objectName",), str),
        (Camel, (".deep_part", ".n"), ("deepPart", "n"), int),
        (Both, (".n",), ("written_n",), int),
        (Page[Inner], (".items", 0, ".n"), ("items", 0, "n"), int),
        (Box[Inner], (".value", ".n"), ("value", "n"), int),
        (Data, (".plain",), ("plain",), int),
        (Data, (".aliased",), ("al",), int),
        (CamelData, (".object_name",), ("objectName",), str),
        (Keys, ("plain",), ("plain",), int),
        (Keys, ("aliased",), ("al",), int),
        (Pair, (".right", ".n"), (1, "n"), int),
        (Pair, (0,), (0,), int),
        (Names, (".root", 2, ".n"), (2, "n"), int),
        (Square, (".area",), ("theArea",), int),
        (tuple[int, str], (1,), (1,), str),
        (tuple[int, str], (-1,), (1,), str),
        (tuple[int, ...], (5,), (5,), int),
        (list[Inner], (3,), (3,), Inner),
        (dict[str, Inner], ("a b", ".n"), ("a b", "n"), int),
        (dict[int, Inner], (3,), ("3",), Inner),
        (dict[Color, int], (Color.RED,), ("red",), int),
        (dict[uuid.UUID, int], (uuid.UUID(int=1),), (str(uuid.UUID(int=1)),), int),
        (Annotated[Inner, "meta"], (".n",), ("n",), int),
        (Cat | Square, (), (), Cat | Square),
    ],
)
def test_a_lens_into_a_result_finds_the_key_that_is_written(
    annotation: Any, path: tuple[Any, ...], expected: tuple[str | int, ...], type_: Any
) -> None:
    lens = look(annotation, parts(*path), written=True)
    assert lens.path == expected
    assert peel(lens.annotation)[0] == type_
    assert not lens.may_be_absent


def test_a_lens_into_a_payload_finds_the_key_that_is_read() -> None:
    assert look(Both, parts(".n"), written=False).path == ("read_n",)
    assert look(Camel, parts(".object_name"), written=False).path == ("objectName",)
    assert look(Many, parts(".k"), written=False).path == ("k1",)


def test_a_lens_into_a_union_needs_one_key_in_every_member() -> None:
    lens = look(Cat | Dog, parts(".kind"), written=True)
    assert lens.path == ("kind",)
    assert get_args(lens.annotation) == (Literal["cat"], Literal["dog"])
    with pytest.raises(LensError, match="different keys"):
        look(Cat | Dog, parts(".name"), written=True)


@pytest.mark.parametrize(
    ("annotation", "path", "written", "text", "hint"),
    [
        (Inner, (".m",), True, "`Inner` has no field 'm'", "it has n"),
        (Camel, (".objectname",), True, "no field 'objectname'", "did you mean `object_name`?"),
        (Inner, ("n",), True, "`Inner` has no `['n']`", "write `.n`"),
        (Keys, (".plain",), True, "`Keys` has no `.plain`", "write `['plain']`"),
        (Keys, ("plane",), True, "no field 'plane'", "did you mean `plain`?"),
        (Pair, (".middle",), True, "`Pair` has no field 'middle'", "left, right"),
        (Pair, (2,), True, "`Pair` has no item `[2]`", "items 0 to 1"),
        (tuple[int, str], (2,), True, "no item `[2]`", "items 0 to 1"),
        (tuple[int, ...], (-1,), True, "picked before the length is known", "index of 0 or more"),
        (list[int], (-1,), True, "picked before the length is known", "take the whole"),
        (list[int], (slice(0, 2),), True, "picked before the length is known", "take the whole"),
        (list[int], (True,), True, "picked before the length is known", "take the whole"),
        (dict[str, int], (3,), True, "cannot have the key 3", "key of type `str`"),
        (set[int], (0,), True, "`set[int]` has no `[0]`", "take the whole"),
        (str, (0,), True, "`str` has no `[0]` in JSON", "take the whole"),
        (str, (".upper",), True, "`str` has no `.upper` in JSON", "take the whole"),
        (Inner | None, (".n",), True, "`Inner | None` can be None", "test for None"),
        (Square, (".hidden",), True, "is not written to JSON", "exclusion"),
        (Square, (".border",), True, "`Square.border` is no field", "computed_field"),
        (Data, (".__init__",), True, "is no field", "use it in the body"),
        (Square, (".area",), False, "is computed: it is not part of the payload", "take the whole"),
        (Many, (".n",), False, "several places", "one plain alias"),
        (Many, (".m",), False, "several places", "one plain alias"),
    ],
)
def test_a_lens_that_leads_nowhere_is_refused(
    annotation: Any, path: tuple[Any, ...], written: bool, text: str, hint: str
) -> None:
    with pytest.raises(LensError) as caught:
        look(annotation, parts(*path), written=written)
    assert text in caught.value.text
    assert hint in caught.value.hint


class Compact(BaseModel):
    n: int

    @model_serializer
    def as_text(self) -> str:
        return str(self.n)


def test_a_lens_into_what_a_serializer_writes_otherwise_is_refused() -> None:
    flow = Flow("compact", payload=Inner)

    @flow.step
    def make(it: Inner = flow.payload) -> Compact:
        return Compact(n=it.n)

    with pytest.raises(HandlerSignatureError, match="a custom serializer writes it"):
        taking(make.result.n, int, flow)()


def test_a_wrong_lens_is_refused_with_the_line_of_the_step() -> None:
    flow = Flow("orders", payload=Order)
    with pytest.raises(HandlerSignatureError) as caught:
        taking(flow.payload.settings.language, str, flow)()  # type: ignore[attr-defined]
    assert "step 'take' of flow 'orders': argument 'it' takes `flow.payload.settings.language`" in (
        str(caught.value)
    )
    assert "did you mean `lang`?" in str(caught.value)


def test_a_lens_into_a_union_is_found_in_every_schema_of_it() -> None:
    flow = Flow("pets", payload=Inner)

    @flow.step
    def make() -> Cat | Dog:
        return Cat(kind="cat", name="Tom")

    kind = taking(make.result.kind, str, flow)()
    assert kind.binding.paths == {"it": ("kind",)}
    assert flow.test(Inner(n=1)).results["take"] == "cat"


def test_a_result_field_that_is_sometimes_left_out_is_taken_as_none() -> None:
    flow = Flow("squares", payload=Inner)

    @flow.step
    def make(it: Inner = flow.payload) -> Square:
        return Square(side=it.n)

    sometimes = taking(make.result.sometimes, int | None, flow)()
    assert sometimes.decode_args(b'{"it": null}') == {"it": None}
