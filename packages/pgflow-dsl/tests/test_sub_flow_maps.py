"""Maps of sub-flows: what stands in the manifest, what is refused, what a test run does."""

from typing import Any

import pytest
from pydantic import BaseModel

from pgflow_dsl import Flow, FlowTestFailedError, GiveUp, each
from pgflow_manifest import (
    DuplicateStepError,
    EachInput,
    HandlerSignatureError,
    Manifest,
    OptionOutOfRangeError,
    PayloadInput,
    ResultInput,
    SubFlowError,
    UnknownDepError,
    dump_manifest,
    load_manifest,
)


class Order(BaseModel):
    """What is asked for."""

    number: int
    name: str


class Orders(BaseModel):
    """Several of them."""

    orders: list[Order]
    names: list[str] | None
    single: str


inner = Flow("inner", payload=str)


@inner.step
def shout(text: str = inner.payload) -> str:
    if text == "bad":
        raise GiveUp("it is bad")
    return text.upper()


@inner.step
def measure(text: str = shout.result) -> int:
    return len(text)


outer = Flow("outer", payload=Orders)


@outer.step
def names(orders: list[Order] = outer.payload.orders) -> list[str]:
    return [order.name for order in orders]


called = outer.map_sub_flow(
    "called", inner, payload=names.each, result=measure, description="Each of them."
)
of_parts = outer.map_sub_flow(
    "of_parts", inner, payload=each[outer.payload.orders].name, result=shout, on_failure="skip"
)


@outer.step
def total(
    lengths: list[int] = called.result, texts: list[str | None] = of_parts.result
) -> tuple[int, list[str | None]]:
    return sum(lengths), texts


@outer.map
def twice(length: int = called.each) -> int:
    return 2 * length


def orders(*given: str) -> Orders:
    listed = [Order(number=number, name=name) for number, name in enumerate(given)]
    return Orders(orders=listed, names=None, single="no")


def test_manifest_says_what_list_it_goes_over_and_what_it_starts() -> None:
    compiled = outer.compile()
    step = compiled.step("called")
    assert (step.kind, step.flow, step.flow_step) == ("flow", "inner", "measure")
    assert (step.over, step.inputs) == (ResultInput(step="names"), {"payload": EachInput()})
    assert (step.deps, step.description) == (("names",), "Each of them.")
    assert step.result_schema == {"type": "array", "items": {"type": "integer"}}
    parts = compiled.step("of_parts")
    assert parts.over == PayloadInput(path=("orders",))
    assert parts.inputs == {"payload": EachInput(path=("name",))}
    assert parts.result_schema["items"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    manifest = Manifest(flows=(inner.compile(), compiled))
    assert load_manifest(dump_manifest(manifest)) == manifest


def test_each_item_has_a_run_in_memory() -> None:
    run = outer.test(orders("a", "bcd"))
    assert run.result(called) == [1, 3]
    assert run.result(total) == (4, ["A", "BCD"])
    assert run.result(twice) == [2, 6]


def test_empty_list_is_an_empty_list() -> None:
    run = outer.test(orders())
    assert (run.result(called), run.result(total)) == ([], (0, []))


def test_first_run_that_fails_fails_the_step_and_the_item_is_named() -> None:
    why = r"'called' failed at item 1: .*it is bad"
    with pytest.raises(FlowTestFailedError, match=why) as told:
        outer.test(orders("a", "bad", "c"))
    assert (told.value.step_slug, told.value.task_index) == ("called", 1)
    assert isinstance(told.value.__cause__, SubFlowError)
    assert told.value.run is not None
    assert told.value.run.statuses["called"] == "failed"


gappy = Flow("gappy", payload=list[str])
some = gappy.map_sub_flow(
    "some", inner, payload=each[gappy.payload], result=shout, on_failure="skip"
)


def test_run_that_may_fail_leaves_none_in_the_list() -> None:
    run = gappy.test(["a", "bad", "c"])
    assert run.result(some) == ["A", None, "C"]
    assert [failure.task_index for failure in run.failures["some"]] == [1]


def test_cascade_skips_the_map_and_what_follows_and_ends_the_other_runs() -> None:
    flow = Flow("cascading", payload=list[str])
    slow = Flow("slow", payload=str)

    @slow.step
    def check(text: str = slow.payload) -> str:
        if text == "bad":
            raise GiveUp("it is bad")
        return text

    gate = slow.signal("gate", int, after=(check,))
    step = flow.map_sub_flow(
        "step", slow, payload=each[flow.payload], result=gate, on_failure="skip_cascade"
    )

    @flow.step
    def after(numbers: list[int] = step.result) -> int:
        return sum(numbers)

    run = flow.test(["a", "bad"])
    assert run.statuses == {"step": "skipped", "after": "skipped"}
    assert run.skip_reasons == {"step": "handler_failed", "after": "dependency_skipped"}


def test_condition_decides_about_the_whole_map() -> None:
    flow = Flow("conditional", payload=Orders)
    step = flow.map_sub_flow(
        "step",
        inner,
        payload=each[flow.payload.orders].name,
        result=shout,
        when=flow.payload.single == "yes",
    )

    @flow.step
    def after(texts: list[str] | None = step.result) -> int:
        return -1 if texts is None else len(texts)

    assert flow.compile().step("step").when is not None
    assert flow.test(orders("a")).result(after) == -1
    assert flow.test(orders("a").model_copy(update={"single": "yes"})).result(after) == 1


def test_function_in_its_place_is_called_for_each_item() -> None:
    run = outer.test(orders("a", "bcd"), replace={called: lambda payload: 10 * len(payload)})
    assert run.result(called) == [10, 30]

    def fails_once(payload: str) -> str:
        if payload == "a":
            raise GiveUp("no")
        return payload

    run = outer.test(orders("a", "b"), replace={of_parts: fails_once})
    assert run.result(of_parts) == [None, "b"]


def test_maps_inside_maps_run_in_memory() -> None:
    flow = Flow("nested", payload=list[list[str]])
    step = flow.map_sub_flow("step", gappy, payload=each[flow.payload], result=some)
    assert flow.test([["a"], [], ["bad", "b"]]).result(step) == [["A"], [], [None, "B"]]


def test_runs_inside_each_other_have_a_bottom() -> None:
    endless = Flow("endless", payload=list[int])

    @endless.step
    def wrap(numbers: list[int] = endless.payload) -> list[list[int]]:
        return [numbers]

    endless.map_sub_flow("again", endless, payload=wrap.each, result=wrap)
    with pytest.raises(FlowTestFailedError, match="16 deep"):
        endless.test([1])


def wrong_flow() -> Flow[Orders]:
    return Flow("wrong", payload=Orders)


def test_payload_is_an_item() -> None:
    wrong = wrong_flow()
    for payload in ("text", wrong.payload.single):
        with pytest.raises(HandlerSignatureError, match="must be an item of a list"):
            wrong.map_sub_flow("called", inner, payload=payload, result=shout)


def test_item_has_the_type_of_the_payload() -> None:
    wrong = wrong_flow()
    with pytest.raises(HandlerSignatureError, match="'payload' is annotated `str`"):
        wrong.map_sub_flow(
            "called",
            inner,
            payload=each[wrong.payload.orders].number,  # type: ignore[misc]
            result=shout,
        )


def test_list_is_one() -> None:
    wrong = wrong_flow()
    with pytest.raises(HandlerSignatureError, match="no list"):
        wrong.map_sub_flow(
            "called",
            inner,
            payload=each[wrong.payload.single],  # type: ignore[index]
            result=shout,
        )
    with pytest.raises(HandlerSignatureError, match="can be None"):
        wrong.map_sub_flow(
            "called",
            inner,
            payload=each[wrong.payload.names],  # type: ignore[index]
            result=shout,
        )


def test_item_of_an_item_is_refused() -> None:
    nested = Flow("nested", payload=list[list[str]])
    with pytest.raises(HandlerSignatureError, match="one list"):
        nested.map_sub_flow("called", inner, payload=each[each[nested.payload]], result=shout)


def test_list_and_result_are_of_the_right_flows() -> None:
    wrong = wrong_flow()
    with pytest.raises(UnknownDepError, match="payload"):
        wrong.map_sub_flow("called", inner, payload=names.each, result=shout)
    with pytest.raises(UnknownDepError, match="inner"):
        wrong.map_sub_flow("called", inner, payload=each[wrong.payload.orders].name, result=names)


def test_slug_and_policy_are_checked_as_of_any_step() -> None:
    wrong = wrong_flow()
    item = each[wrong.payload.orders].name
    wrong.map_sub_flow("called", inner, payload=item, result=shout)
    with pytest.raises(DuplicateStepError, match=r"test_sub_flow_maps\.py"):
        wrong.map_sub_flow("called", inner, payload=item, result=shout)
    policy: Any = "ignore"
    with pytest.raises(OptionOutOfRangeError, match="on_failure"):
        wrong.map_sub_flow("other", inner, payload=item, result=shout, on_failure=policy)


def test_one_run_takes_no_item_and_says_what_does() -> None:
    wrong = wrong_flow()
    with pytest.raises(HandlerSignatureError, match="map_sub_flow"):
        wrong.sub_flow("called", inner, payload=each[wrong.payload.orders].name, result=shout)
