"""Every mistake in a map step is refused at import, with the line, the step and the mend."""

import inspect
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, PlainSerializer
from tests.support.dsl_flows import Custom, define, refused

from pgflow_dsl import Flow, each
from pgflow_manifest import (
    DuplicateStepError,
    HandlerSignatureError,
    OptionOutOfRangeError,
    ResultTypeError,
    UnknownDepError,
)


class Line(BaseModel):
    """An item."""

    name: str
    tags: list[str]


class Order(BaseModel):
    """What the flows start with."""

    lines: list[Line]
    more: list[Line] = Field(default_factory=list[Line])
    perhaps: list[Line] | None
    currency: str


def joined(texts: list[str]) -> str:
    return ",".join(texts)


@pytest.fixture
def flow() -> Flow[Order]:
    flow = Flow("order", payload=Order)

    @flow.map
    def names(name: str = each[flow.payload.lines].name) -> str:
        return name

    @flow.step
    def count(all_names: list[str] = names.result) -> int:
        return len(all_names)

    @flow.step
    def written() -> Annotated[list[str], PlainSerializer(joined, return_type=str)]:
        return []

    del count, written
    return flow


def step_of(flow: Flow[Order], slug: str) -> Any:
    return flow.steps[slug]


def lens(flow: Flow[Order]) -> Any:
    """Return the payload as somebody sees it who uses no checker."""
    return flow.payload


def mapped(flow: Flow[Any], handler: Any) -> Any:
    return lambda: flow.map(handler)


def test_a_map_must_take_an_item(flow: Flow[Order]) -> None:
    made = step_of(flow, "names")

    def shout(names: list[str] = made.result) -> str:
        return "".join(names)

    error = refused(HandlerSignatureError, mapped(flow, shout), "no argument of the map step takes")
    line = inspect.getsourcelines(shout)[1]
    assert f"test_map_errors.py:{line}: step 'shout' of flow 'order': " in error.message
    assert "<step>.each" in (error.hint or "")
    assert "@flow.step" in (error.hint or "")


def test_a_step_must_not_take_an_item(flow: Flow[Order]) -> None:
    made = step_of(flow, "names")

    def one(name: str = made.each) -> str:
        return name

    def two(name: str = each[flow.payload.lines].name) -> str:
        return name

    error = refused(
        HandlerSignatureError, define(flow, one), "'name' takes `names.each`", "`@flow.map`"
    )
    assert error.details["argument"] == "name"
    assert (error.details["flow"], error.details["step"]) == ("order", "one")
    refused(HandlerSignatureError, define(flow, two), "`each[flow.payload.lines].name`")


def test_a_map_goes_over_one_list(flow: Flow[Order]) -> None:
    made = step_of(flow, "names")

    def zipped(name: str = made.each, line: Line = each[flow.payload.lines]) -> str:
        return name + line.name

    def parts(line: Line = each[flow.payload.lines], other: Line = each[flow.payload.more]) -> str:
        return line.name + other.name

    error = refused(
        HandlerSignatureError,
        mapped(flow, zipped),
        "the arguments 'name' and 'line' take items of two lists",
        "`names.result` and `flow.payload.lines`",
        "`line = flow.payload.lines`",
    )
    assert error.details["argument"] == "line"
    refused(HandlerSignatureError, mapped(flow, parts), "'line' and 'other'", "of two lists")


def test_an_item_of_an_item_is_refused(flow: Flow[Order]) -> None:
    def tagged(tag: str = each[each[flow.payload.lines].tags]) -> str:
        return tag

    refused(
        HandlerSignatureError,
        mapped(flow, tagged),
        "'tag' takes `each[each[flow.payload.lines].tags]`, an item of an item",
        "return a flat list",
    )


def test_what_is_no_list_cannot_be_gone_over(flow: Flow[Order]) -> None:
    payload, count = lens(flow), step_of(flow, "count")

    def number(n: int = count.each) -> int:
        return n

    def letter(text: str = each[payload.currency]) -> str:
        return text

    def field(line: Any = each[payload]) -> str:
        return str(line)

    def stale(line: Line = each[payload.line]) -> str:
        return line.name

    def fixed(text: str = each[payload.lines[0].each]) -> str:
        return text

    refused(HandlerSignatureError, mapped(flow, number), "`count.each`, but `int` is no list")
    refused(HandlerSignatureError, mapped(flow, letter), "but `str` is no list")
    refused(HandlerSignatureError, mapped(flow, field), "but `Order` is no list")
    refused(HandlerSignatureError, mapped(flow, stale), "no field 'line'", "did you mean `lines`?")
    refused(HandlerSignatureError, mapped(flow, fixed), "no field 'each'")


def test_each_written_behind_the_list_says_how_to_write_it(flow: Flow[Order]) -> None:
    payload = lens(flow)

    def behind(line: Line = payload.lines.each) -> str:
        return line.name

    refused(HandlerSignatureError, mapped(flow, behind), "no argument of the map", "each[flow")

    def as_a_step(line: Line = payload.lines.each) -> str:
        return line.name

    refused(HandlerSignatureError, define(flow, as_a_step), "has no `.each`", "write `each[...]`")


def test_a_list_that_need_not_be_there_is_refused(flow: Flow[Order]) -> None:
    payload = lens(flow)

    def absent(line: Line = each[flow.payload.more]) -> str:
        return line.name

    def none(line: Line = each[payload.perhaps]) -> str:
        return line.name

    refused(HandlerSignatureError, mapped(flow, absent), "need not have that list", "required")
    refused(HandlerSignatureError, mapped(flow, none), "can be None", "empty instead of None")


def test_a_list_that_is_written_as_something_else_is_refused(flow: Flow[Order]) -> None:
    written = step_of(flow, "written")

    def letters(text: str = written.each) -> str:
        return text

    refused(HandlerSignatureError, mapped(flow, letters), "no array at `/`", "custom serializer")


def test_the_item_must_have_the_part_and_the_type(flow: Flow[Order]) -> None:
    payload = lens(flow)

    def wrong(n: int = each[payload.lines].name) -> int:
        return n

    def stale(n: str = each[payload.lines].nam) -> str:
        return n

    refused(
        HandlerSignatureError,
        mapped(flow, wrong),
        "is annotated `int`, but `each[flow.payload.lines].name` is `str`",
    )
    refused(HandlerSignatureError, mapped(flow, stale), "no field 'nam'", "did you mean `name`?")


def test_a_list_of_another_flow_is_refused(flow: Flow[Order]) -> None:
    made = step_of(flow, "names")
    other = Flow("other", payload=Order)

    def foreign_step(name: str = made.each) -> str:
        return name

    def foreign_payload(line: Line = each[flow.payload.lines]) -> str:
        return line.name

    refused(UnknownDepError, mapped(other, foreign_step), "`names.each`", "'order'")
    refused(UnknownDepError, mapped(other, foreign_payload), "take the payload of the flow")


def test_the_context_has_no_items(flow: Flow[Order]) -> None:
    def context(item: Any = each[flow.context]) -> str:  # type: ignore[index]  # what is refused
        return str(item)

    refused(HandlerSignatureError, mapped(flow, context), "a part of the context")


def test_each_of_anything_else_says_where_and_what_to_write(flow: Flow[Order]) -> None:
    made = step_of(flow, "names")
    anything: Any = each
    with pytest.raises(HandlerSignatureError, match="given a plain `list`, not a list of") as plain:
        anything[[1, 2]]
    assert "test_map_errors.py:" in plain.value.message
    with pytest.raises(HandlerSignatureError, match="<step 'names' of flow 'order'> itself") as one:
        anything[made]
    assert one.value.hint == "write `names.each`, or `each[flow.payload.<list>]`"


def test_slug_options_and_result_are_checked_as_those_of_a_step(flow: Flow[Order]) -> None:
    made = step_of(flow, "names")

    def names(name: str = made.each) -> str:
        return name

    def custom(name: str = made.each) -> Custom:
        return Custom()

    error = refused(DuplicateStepError, mapped(flow, names), "already has a step 'names'")
    assert "@flow.map(slug=" in (error.hint or "")
    wrong: Any = custom
    refused(ResultTypeError, mapped(flow, wrong), "the result type `Custom`")
    refused(
        OptionOutOfRangeError, lambda: flow.map(max_attempts=0, slug="x")(names), "max_attempts=0"
    )
    assert list(flow.steps) == ["names", "count", "written"]
