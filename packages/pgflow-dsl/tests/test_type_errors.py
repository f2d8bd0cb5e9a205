"""Types that JSON cannot hold, or that do not fit, are refused when the flow is defined."""

import dataclasses
import datetime as dt
import enum
import sys
import typing
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    computed_field,
    create_model,
)
from tests.support.dsl_flows import Custom, Memo, Page, Text, define, flow_of_one_step, refused

from pgflow_dsl import Flow
from pgflow_manifest import (
    HandlerSignatureError,
    ResultTypeError,
)


class WithAny(BaseModel):
    deep: list[dict[str, Any]]


class WithCustom(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    custom: Custom


class Renamed(BaseModel):
    n: int = Field(serialization_alias="N")


class Area(BaseModel):
    model_config = ConfigDict(extra="forbid")
    side: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def area(self) -> int:
        return self.side**2


def written(_: int) -> Any:
    return 1


class Written(BaseModel):
    n: Annotated[int, PlainSerializer(written, return_type=Any)]


class Color(enum.Enum):
    RED = "red"


class Painted(BaseModel):
    color: Literal[Color.RED] = Color.RED


Kinds = Annotated[Memo | Text, Field(discriminator="kind")]


class Unwritten(BaseModel):
    n: int = Field(exclude=True)


@dataclasses.dataclass
class InitOnly:
    n: dataclasses.InitVar[int]


class ByName(BaseModel):
    model_config = ConfigDict(validate_by_alias=False, validate_by_name=True)
    n: int = Field(alias="N")


class InMilliseconds(BaseModel):
    model_config = ConfigDict(ser_json_temporal="milliseconds")
    when: dt.timedelta


class Pair(NamedTuple):
    left: int
    right: Any


@dataclasses.dataclass
class Holder:
    items: "list[object]"


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (Any, "`Any`, which says nothing"),
        (object, "`object`, which says nothing"),
        (list, "bare `list`"),
        (dict, "bare `dict`"),
        (Page, "`Page.items` is the type variable `T`"),
        (Written, "a part of it is `Any`"),
        (Kinds, "discriminator"),
        (list[Any], "it holds `Any`"),
        (WithAny, "`WithAny.deep` is `Any`"),
        (list[WithAny], "`WithAny.deep` is `Any`"),
        (Pair, "`Pair.right` is `Any`"),
        (Holder, "`Holder.items` is `object`"),
        (Custom, "schema for <class "),
        (int | Custom, ".Custom'>"),
        (WithCustom, "IsInstanceSchema"),
        (int | WithCustom, "one of its alternatives has no JSON form"),
        (Callable[[], int], "a callable"),
        (bytes, "UTF-8"),
        (complex, "no JSON form"),
        (SecretStr, "no JSON form"),
        (type[int], "no JSON form"),
        (BaseModel, "`BaseModel` itself"),
        (dict[tuple[int, int], int], "keys of type `tuple"),
        (Renamed, "`Renamed.n` is written as 'N' but read as 'n'"),
        (Area, "`Area.area` is computed"),
        (Literal[Color.RED], "`Literal[Color.RED]`, which pydantic writes but cannot read back"),
        (Painted, "`Painted.color` is `Literal[Color.RED]`"),
        (ByName, "`ByName.n` is written as 'N' but read as 'n'"),
        (InMilliseconds, "`InMilliseconds.when` is a `timedelta` that is written in milliseconds"),
        (Iterable[int], "read as an iterator that ends"),
        (Iterator[int], "read as an iterator that ends"),
        (Unwritten, "`Unwritten.n` is not written, but needed to read it back"),
        (InitOnly, "`InitOnly.n` is not written, but needed to read it back"),
        (Annotated[Custom, ["unhashable"]], ".Custom'>"),
    ],
)
def test_a_result_without_exact_json_is_refused(result: Any, text: str) -> None:
    flow, _ = flow_of_one_step()

    def bad() -> object:
        return None

    bad.__annotations__["return"] = result
    error = refused(ResultTypeError, define(flow, bad), "the result type `", text)
    assert error.details["role"] == "result"
    assert "bad" not in flow.steps


@pytest.mark.parametrize(
    "payload", [Any, object, list, WithAny, Custom, bytes, dict[str, Any], Painted]
)
def test_a_payload_without_exact_json_is_refused(payload: Any) -> None:
    error = refused(ResultTypeError, lambda: Flow("f", payload=payload), "the payload type `")
    assert error.details["role"] == "payload"
    assert error.details["step"] is None


def test_an_argument_that_cannot_be_read_is_refused() -> None:
    flow, transcribe = flow_of_one_step()

    def any_argument(text: Any = transcribe.result) -> str:
        return str(text)

    def custom_argument(text: Custom = transcribe.result) -> str:  # type: ignore[assignment]
        return str(text)

    refused(
        HandlerSignatureError,
        define(flow, any_argument),
        "argument 'text' is annotated `Any`, which cannot be read from JSON",
    )
    refused(HandlerSignatureError, define(flow, custom_argument), "pydantic cannot read it")


def test_an_argument_of_another_type_than_its_source_is_refused() -> None:
    flow, transcribe = flow_of_one_step()

    def whole(n: int = transcribe.result) -> int:  # type: ignore[assignment]
        return n

    def part(n: int = transcribe.result.text) -> int:  # type: ignore[assignment]
        return n

    refused(
        HandlerSignatureError,
        define(flow, whole),
        "argument 'n' is annotated `int`, but `transcribe.result` is `Text`",
        "write `n: Text = transcribe.result`",
    )
    refused(HandlerSignatureError, define(flow, part), "`transcribe.result.text` is `str`")


def test_annotations_that_never_become_defined_are_refused_by_check() -> None:
    flow, _ = flow_of_one_step()

    @flow.step
    def lost() -> "Nowhere":  # type: ignore[name-defined]  # noqa: F821
        return None

    refused(HandlerSignatureError, flow.check, "name 'Nowhere' is not defined", "module level")
    refused(HandlerSignatureError, lambda: lost.encode_result(1), "'Nowhere' is not defined")


class Incomplete(BaseModel):
    part: "Nothing"  # type: ignore[name-defined]  # noqa: F821


def test_a_payload_that_never_becomes_defined_is_refused_by_check() -> None:
    flow = Flow("incomplete", payload=Incomplete)

    @flow.step
    def fine(memo: Incomplete = flow.payload) -> str:
        return str(memo)

    refused(ResultTypeError, flow.check, "the payload type cannot be resolved", "Nothing")


def test_a_type_defined_further_down_is_found() -> None:
    flow = Flow("late", payload=Memo)

    @flow.step
    def early() -> "LaterText":
        return LaterText(text="a")

    @flow.step
    def next_one(text: "str" = early.result.text) -> "Awaitable[str]":
        async def work() -> str:
            return text

        return work()

    assert early.encode_result(LaterText(text="a")) == b'{"text":"a"}'
    assert next_one.is_async
    flow.check()


class LaterText(BaseModel):
    text: str


def test_types_of_the_enclosing_function_are_found() -> None:
    class Local(BaseModel):
        n: int

    flow = Flow("local", payload=Local)

    @flow.step
    def double(it: "Local" = flow.payload) -> "Local":
        return Local(n=it.n * 2)

    assert double.encode_result(Local(n=2)) == b'{"n":2}'


def test_types_that_share_types_are_checked_in_no_time() -> None:
    shared: Any = int
    for number in range(40):
        shared = create_model(f"Level{number}", left=(shared, ...), right=(list[shared], ...))
    flow = Flow("shared", payload=shared)

    def same(it: Any = flow.payload) -> Any:
        return it

    same.__annotations__.update({"it": shared, "return": shared})
    flow.step(same)
    assert flow.compile().steps


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="pydantic takes it from Python 3.12 on")
def test_a_typed_dict_of_typing_is_refused_where_pydantic_cannot_read_it() -> None:
    old: Any = typing.TypedDict("old", {"n": int})
    refused(ResultTypeError, lambda: Flow("f", payload=old), "typing_extensions.TypedDict")
