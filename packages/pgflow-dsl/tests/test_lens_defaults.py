"""A lens onto a part that a payload or result may leave out: its default, None, or a refusal."""

from collections.abc import Callable
from typing import Any, NamedTuple, NotRequired

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
)
from pydantic.dataclasses import dataclass as pydantic_dataclass
from tests.support.dsl_lenses import Inner, Order, taking
from typing_extensions import TypedDict

from pgflow_dsl import Flow
from pgflow_dsl.source import Attribute
from pgflow_dsl.types.lens import LensError, look
from pgflow_manifest import HandlerSignatureError


def test_a_part_that_the_payload_leaves_out_is_its_default() -> None:
    flow = Flow("orders", payload=Order)
    lang = taking(flow.payload.settings.lang, str, flow)()
    assert lang.decode_args(b'{"it": null}') == {"it": "en"}
    assert lang.decode_args(b'{"it": "de"}') == {"it": "de"}
    assert lang.binding.paths == {"it": ("settings", "lang")}


def test_a_default_is_made_anew_for_every_attempt() -> None:
    flow = Flow("orders", payload=Order)
    tags = taking(flow.payload.settings.tags, list[str], flow)()
    tags.decode_args(b'{"it": null}')["it"].append("b")
    assert tags.decode_args(b'{"it": null}') == {"it": ["a"]}


def test_a_part_that_may_be_none_is_none_when_left_out() -> None:
    flow = Flow("orders", payload=Order)
    note = taking(flow.payload.note, str | None, flow)()
    assert note.decode_args(b'{"it": null}') == {"it": None}


@pytest.mark.parametrize(
    ("source", "annotation", "text"),
    [
        (lambda flow: flow.payload.label, str | None, "which is not its default"),
        (lambda flow: flow.payload.options["maybe"], str, "`it: str | None`"),
    ],
)
def test_a_part_that_may_be_absent_without_a_clear_default_is_refused(
    source: Callable[[Flow[Any]], Any], annotation: Any, text: str
) -> None:
    flow = Flow("orders", payload=Order)
    with pytest.raises(HandlerSignatureError) as caught:
        taking(source(flow), annotation, flow)()
    assert "need not have" in str(caught.value)
    assert text in str(caught.value)


class Size(BaseModel):
    width: int = 5


class Big(BaseModel):
    width: int = 9


class Named(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    may: int = Field(7, alias="mayBe")
    must: int = Field(alias="mustBe")


@pydantic_dataclass(config=ConfigDict(validate_by_name=True))
class NamedData:
    may: int = Field(7, alias="mayBe")


class Late(BaseModel):
    n: int = 1
    later: int | None = Field(default_factory=lambda data: data["n"] + 1)


class Parts(BaseModel):
    same: Size = Size()
    other: Size = Size(width=9)
    either: Size | Big
    counts: dict[str, int] = {}
    range: "Range" = Field(default_factory=lambda: Range(1))


class Range(NamedTuple):
    low: int
    high: int = 10


class MaybeSize(TypedDict):
    size: NotRequired[Size]


@pytest.mark.parametrize(
    ("payload", "source", "annotation", "text"),
    [
        (Named, lambda payload: payload.may, int, "several places"),
        (NamedData, lambda payload: payload.may, int | None, "several places"),
        (Late, lambda payload: payload.later, int | None, "made from other parts"),
        (Parts, lambda payload: payload.other.width, int, "with different defaults"),
        (Parts, lambda payload: payload.either.width, int | None, "has different defaults"),
        (MaybeSize, lambda payload: payload["size"].width, int, "with different defaults"),
        (Range, lambda payload: payload.high, int | None, "which is not its default"),
        (Parts, lambda payload: payload.counts["a"], int, "need not have"),
    ],
)
def test_a_part_whose_null_could_stand_for_more_than_one_value_is_refused(
    payload: Any, source: Callable[[Any], Any], annotation: Any, text: str
) -> None:
    flow: Flow[Any] = Flow("parts", payload=payload)
    with pytest.raises(HandlerSignatureError, match=text):
        taking(source(flow.payload), annotation, flow)()


@pytest.mark.parametrize(
    ("payload", "source", "absent"),
    [
        (Parts, lambda payload: payload.same.width, 5),
        (Parts, lambda payload: payload.range.high, 10),
        (Range, lambda payload: payload[1], 10),
    ],
)
def test_what_is_absent_is_what_the_payload_type_says(
    payload: Any, source: Callable[[Any], Any], absent: int
) -> None:
    flow: Flow[Any] = Flow("parts", payload=payload)
    step = taking(source(flow.payload), int, flow)()
    assert step.decode_args(b'{"it": null}') == {"it": absent}
    assert step.decode_args(b'{"it": 3}') == {"it": 3}


def test_a_required_part_stands_under_its_alias_even_if_its_name_would_be_read() -> None:
    flow = Flow("named", payload=Named)
    step = taking(flow.payload.must, int, flow)()
    assert step.binding.paths == {"it": ("mustBe",)}


class ByName(BaseModel):
    model_config = ConfigDict(validate_by_alias=False, validate_by_name=True)
    n: int = Field(alias="number")


def test_a_part_of_a_class_that_is_read_by_name_alone_is_found_by_it() -> None:
    flow = Flow("by_name", payload=ByName)
    assert taking(flow.payload.n, int, flow)().binding.paths == {"it": ("n",)}


class Blob(BaseModel):
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
    data: list[bytes]
    inner: Inner


def test_bytes_that_are_written_as_their_class_says_cannot_be_taken_out_of_it() -> None:
    with pytest.raises(LensError, match="as the configuration of its class says"):
        look(Blob, [Attribute("data")], written=True)
    assert look(Blob, [Attribute("inner"), Attribute("n")], written=True).path == ("inner", "n")


def test_a_key_that_may_be_absent_can_be_taken_as_none() -> None:
    flow = Flow("orders", payload=Order)
    maybe = taking(flow.payload.options["maybe"], str | None, flow)()
    assert maybe.decode_args(b'{"it": null}') == {"it": None}
