"""Map steps: what they are at import, and what stands in the manifest about them."""

from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple, cast

import pytest
from pydantic import AliasChoices, BaseModel, Field, RootModel
from tests.support.dsl_flows import Model, Page

from pgflow_dsl import Flow, MapDecorator, Step, compile_flows, each
from pgflow_dsl.source import source_of
from pgflow_manifest import (
    EachInput,
    FlowSpec,
    PayloadInput,
    ResultInput,
    StepOptions,
    dump_manifest,
    load_manifest,
)


class Line(BaseModel):
    """An item with an alias, a default and a list of its own."""

    name: str = Field(alias="theName")
    cents: int = 0
    tags: list[str]


class Order(BaseModel):
    """What the flow starts with."""

    lines: list[Line]
    currency: str


@dataclass
class Point:
    """An item that is no model."""

    x: int
    y: int = 7
    near: "list[Point]" = field(default_factory=list["Point"])


class Pair(NamedTuple):
    """An item that is an array in JSON."""

    left: str
    right: int


def order_flow() -> Flow[Order]:
    flow = Flow("order", payload=Order)

    @flow.map(max_attempts=7)
    def price(
        line: Line = each[flow.payload.lines],
        name: str = each[flow.payload.lines].name,
        currency: str = flow.payload.currency,
    ) -> Point:
        return Point(len(name + currency), line.cents)

    @flow.step
    def first(point: Point = price.result[0]) -> Point:
        return point

    @flow.map(slug="doubled", after=(first,))
    async def double(x: int = price.each.x, points: list[Point] = price.result) -> int:
        return 2 * x * len(points)

    @flow.map
    def close(point: Point = each[first.result.near]) -> Pair:
        return Pair("", point.x)

    @flow.step
    def total(ns: list[int] = double.result, right: int = close.result[0].right) -> int:
        return sum(ns) + right

    return flow


def checked_spec(flow: Flow[Any]) -> FlowSpec:
    manifest = compile_flows([flow])
    assert load_manifest(dump_manifest(manifest)) == manifest
    return manifest.flow(flow.slug)


def test_a_map_says_where_its_list_is_and_what_it_takes_of_the_item() -> None:
    spec = checked_spec(order_flow())
    price = spec.step("price")
    assert (price.kind, price.over, price.deps) == ("map", PayloadInput(path=("lines",)), ())
    assert price.inputs == {
        "line": EachInput(),
        "name": EachInput(path=("theName",)),
        "currency": PayloadInput(path=("currency",)),
    }
    assert price.options == StepOptions(max_attempts=7)
    doubled = spec.step("doubled")
    assert (doubled.kind, doubled.over) == ("map", ResultInput(step="price"))
    assert doubled.deps == ("first", "price")
    assert doubled.inputs == {"x": EachInput(path=("x",)), "points": ResultInput(step="price")}
    close = spec.step("close")
    assert close.over == ResultInput(step="first", path=("near",))
    assert close.inputs == {"point": EachInput()}
    total = spec.step("total")
    assert (total.kind, total.over, total.deps) == ("single", None, ("close", "doubled"))
    assert total.inputs["right"] == ResultInput(step="close", path=(0, 1))


def test_the_schema_of_a_map_is_that_of_the_list_with_the_definitions_at_the_root() -> None:
    spec = checked_spec(order_flow())
    assert spec.step("doubled").result_schema == {"type": "array", "items": {"type": "integer"}}
    schema = spec.step("price").result_schema
    assert (schema["type"], schema["items"]) == ("array", {"$ref": "#/$defs/Point"})
    assert schema["$defs"]["Point"]["properties"]["near"]["items"] == {"$ref": "#/$defs/Point"}


def test_flows_without_maps_compile_to_what_they_did_before() -> None:
    flow = Flow("plain", payload=Model)

    @flow.step
    def only(model: Model = flow.payload) -> int:
        return model.n

    text = dump_manifest(compile_flows([flow]))
    assert b'"over"' not in text
    assert only.kind == "single"


def test_a_step_says_its_kind_and_reads_and_writes_one_task_and_the_whole_result() -> None:
    flow = order_flow()
    price, total = flow.steps["price"], flow.steps["total"]
    assert (price.kind, total.kind) == ("map", "single")
    arguments = price.decode_args(
        b'{"line": {"theName": "a", "cents": 1, "tags": []}, "name": "a", "currency": "EUR"}'
    )
    line = Line(theName="a", cents=1, tags=[])
    assert arguments == {"line": line, "name": "a", "currency": "EUR"}
    assert price.encode_result(Point(1, 2)) == b'{"x":1,"y":2,"near":[]}'
    whole = price.decode_result(b'[{"x":1,"y":2,"near":[]},{"x":3,"y":4,"near":[]}]')
    assert whole == [Point(1, 2), Point(3, 4)]


def test_step_each_and_each_of_its_result_are_the_same() -> None:
    flow = Flow("same", payload=Order)

    @flow.step
    def lines(order: Order = flow.payload) -> list[Line]:
        return order.lines

    short, long = source_of(lines.each.name), source_of(each[lines.result].name)
    assert short is not None
    assert long is not None
    assert str(short) == str(long) == "lines.each.name"
    assert repr(each[flow.payload.lines].tags) == (
        "<each[flow.payload.lines].tags: known while a step runs>"
    )

    @flow.map
    def both(a: str = lines.each.name, b: int = each[lines.result].cents) -> str:
        return a * b

    assert checked_spec(flow).step("both").over == ResultInput(step="lines")


def test_the_decorator_with_options_can_be_kept() -> None:
    flow = Flow("kept", payload=list[int])
    often = flow.map(max_attempts=9)
    assert isinstance(often, MapDecorator)

    def double(n: int = each[flow.payload]) -> int:
        return 2 * n

    made: Step[list[int]] = often(double)
    assert made.options.max_attempts == 9
    assert checked_spec(flow).step("double").over == PayloadInput()


@pytest.mark.parametrize(
    ("payload", "path", "item"),
    [
        (list[int], (), int),
        (tuple[Line, ...], (), Line),
        (Annotated[list[Pair], Field(max_length=9)], (), Pair),
        (list[int] | list[str], (), int | str),
        (list[list[int]], (), list[int]),
    ],
)
def test_whatever_is_an_array_of_one_kind_of_item_can_be_gone_over(
    payload: Any, path: tuple[str | int, ...], item: Any
) -> None:
    flow = Flow[Any]("any", payload=payload)

    @flow.map
    def take(one=each[flow.payload]) -> None:  # type: ignore[no-untyped-def]  # of the type of the item
        del one

    assert take.binding.annotations["one"] == item
    assert checked_spec(flow).step("take").over == PayloadInput(path=path)


def test_the_list_can_be_deep_inside_and_its_items_can_be_reached_into() -> None:
    class Deep(BaseModel):
        by_name: dict[str, Page[Pair]]
        root: RootModel[list[Point]]

    flow = Flow("deep", payload=Deep)

    @flow.map
    def left(text: str = each[flow.payload.by_name["a"].items].left) -> str:
        return text

    @flow.map
    def ys(y: int = each[flow.payload.root.root].y) -> int:
        return y

    spec = checked_spec(flow)
    assert spec.step("left").over == PayloadInput(path=("by_name", "a", "items"))
    assert spec.step("left").inputs == {"text": EachInput(path=(0,))}
    assert spec.step("ys").over == PayloadInput(path=("root",))


def test_a_part_of_an_item_that_is_absent_has_its_default() -> None:
    flow = Flow("defaults", payload=list[Point])

    @flow.map
    def ys(y: int = each[flow.payload].y) -> int:
        return y

    document: Any = [{"x": 1}, {"x": 1, "y": 2}]
    assert flow.test(document).result(ys) == [7, 2]


def test_a_name_that_is_defined_further_down_is_found_later() -> None:
    flow = Flow("later", payload=Order)

    @flow.map
    def make(line: Line = each[flow.payload.lines]) -> "LaterDefined":
        return LaterDefined(n=line.cents)

    @flow.map
    def use(n: int = make.each.n) -> int:
        return n

    assert checked_spec(flow).step("use").inputs == {"n": EachInput(path=("n",))}
    lines = [Line(theName="a", cents=3, tags=[])]
    assert flow.test(Order(lines=lines, currency="")).result(use) == [3]


class LaterDefined(BaseModel):
    """Named before it is there."""

    n: int


def test_a_choice_of_aliases_is_refused_in_an_item_as_anywhere() -> None:
    class Loose(BaseModel):
        n: int = Field(0, validation_alias=AliasChoices("n", "m"))

    flow = Flow("loose", payload=list[Loose])
    with pytest.raises(Exception, match="can be read from several places"):

        @flow.map
        def take(n: int = each[flow.payload].n) -> int:
            return n


def test_a_deep_result_of_one_item_leaves_room_for_the_list() -> None:
    class Tree(BaseModel):
        of: "list[Tree]" = Field(default_factory=lambda: cast("list[Tree]", []))

    def nested(levels: int) -> Tree:
        tree = Tree()
        for _ in range(levels - 1):
            tree = Tree(of=[tree])
        return tree

    flow = Flow("trees", payload=list[int])

    @flow.map
    def plant(levels: int = each[flow.payload]) -> Tree:
        return nested(levels)

    @flow.step
    def count(trees: list[Tree] = plant.result) -> int:
        return len(trees)

    # a tree of n is 2n levels of JSON, the list around all trees one more
    assert flow.test([99, 1]).result(count) == 2
    with pytest.raises(Exception, match="nested more than 198 levels deep"):
        flow.test([100])
