"""Conditions become data, and what makes no sense is refused where it is written."""

import datetime as dt
import decimal
import enum
from collections.abc import Callable
from typing import Annotated, Any, Literal, NotRequired

import pytest
from annotated_types import Ge, Le
from pydantic import BaseModel, TypeAdapter
from typing_extensions import TypedDict

from pgflow_dsl import (
    Flow,
    Step,
    contains,
    each,
    is_null,
    length,
    not_,
    one_of,
    or_else,
)
from pgflow_manifest import (
    Condition,
    DefinitionError,
    HandlerSignatureError,
    OptionOutOfRangeError,
    UnknownDepError,
)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Call(BaseModel):
    kind: Literal["audio", "text"]
    urgent: bool
    share: Annotated[float, Ge(0), Le(1)]
    count: int
    colour: Colour
    day: dt.date
    at: dt.datetime
    price: decimal.Decimal
    prices: list[decimal.Decimal]
    tags: list[str]
    pages: Annotated[list[int], Le(3)] | None = None
    note: str | None = None
    lang: str = "en"
    spam: Literal[False] = False


flow = Flow("calls", payload=Call)
payload: Any = flow.payload


@flow.step(slug="classify")
def classify_it() -> Call:
    raise NotImplementedError


classify: Any = classify_it
"""Of no type, as is the payload: what is refused here a checker would have refused before."""


def step_when(condition: Any, **options: Any) -> Step[Any]:
    """Return a step with *condition*, of the flow above without what other tests left."""
    flow.steps.pop("guarded", None)

    def guarded() -> int:
        return 1

    decorate: Callable[..., Step[Any]] = flow.step(when=condition, **options)
    return decorate(guarded)


def data(condition: Any) -> Any:
    found = step_when(condition).condition
    return TypeAdapter[Any](Condition).dump_python(found, mode="json")


def part(*path: str | int) -> dict[str, Any]:
    return {"source": "payload", "path": list(path)}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (
            payload.kind == "audio",
            {"op": "==", "left": part("kind"), "right": {"value": "audio"}},
        ),
        (payload.kind != "audio", {"op": "!=", "left": part("kind"), "right": {"value": "audio"}}),
        (payload.count > 5, {"op": ">", "left": part("count"), "right": {"value": 5}}),
        (payload.urgent, {"op": "is_true", "of": part("urgent")}),
        (is_null(payload.note), {"op": "is_null", "of": part("note")}),
        (not_(payload.urgent), {"op": "not", "of": {"op": "is_true", "of": part("urgent")}}),
        (
            one_of(payload.colour, [Colour.RED]),
            {"op": "in", "left": part("colour"), "values": ["red"]},
        ),
        (
            contains(payload.tags, "a"),
            {"op": "contains", "left": part("tags"), "right": {"value": "a"}},
        ),
        (
            length(payload.tags) >= 2,
            {"op": ">=", "left": {"length": part("tags")}, "right": {"value": 2}},
        ),
        (
            or_else(payload.note, "") == "x",
            {"op": "==", "left": {"or_else": [part("note"), ""]}, "right": {"value": "x"}},
        ),
        (
            payload.day < dt.date(2026, 1, 1),
            {"op": "<", "left": part("day"), "right": {"value": "2026-01-01"}},
        ),
        (
            payload.lang == "de",
            {"op": "==", "left": {"or_else": [part("lang"), "en"]}, "right": {"value": "de"}},
        ),
        (
            classify.result.count > payload.count,
            {
                "op": ">",
                "left": {"source": "result", "step": "classify", "path": ["count"]},
                "right": part("count"),
            },
        ),
        (
            (payload.count > 1) & payload.urgent & (payload.count < 9),
            {
                "op": "and",
                "of": [
                    {"op": ">", "left": part("count"), "right": {"value": 1}},
                    {"op": "is_true", "of": part("urgent")},
                    {"op": "<", "left": part("count"), "right": {"value": 9}},
                ],
            },
        ),
    ],
)
def test_what_is_written_becomes_data(condition: Any, expected: Any) -> None:
    assert data(condition) == expected


def test_steps_of_a_condition_are_deps() -> None:
    assert step_when(classify.result.count > 1).deps == ("classify",)
    assert step_when(payload.count > 1).deps == ()


def test_refs_are_still_keys_by_identity() -> None:
    ref = payload.kind
    assert {ref: 1}[ref] == 1
    assert len({payload.kind, payload.kind}) == 2


@pytest.mark.parametrize(
    "ask",
    [
        lambda: payload.urgent and payload.count > 1,
        lambda: payload.count > 1 or payload.urgent,
        lambda: not payload.urgent,
        lambda: 1 < payload.count < 5,
        lambda: 1 if payload.count > 1 else 2,
    ],
)
def test_what_python_would_decide_at_once_names_what_to_write(ask: Callable[[], object]) -> None:
    with pytest.raises(HandlerSignatureError, match="exists only while a step runs") as caught:
        ask()
    hint = caught.value.hint or ""
    assert "(a > 1) & (b == 2)" in hint
    assert "not_(a)" in hint
    assert "test_conditions.py:" in caught.value.message


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (lambda: payload.kind == "video", "never holds"),
        (lambda: payload.kind != "video", "always holds"),
        (lambda: one_of(payload.kind, ["audio", "video"]), "never 'video'"),
        (lambda: one_of(payload.kind, ["audio", "text"]), "always holds"),
        (lambda: payload.share > 1.5, "never holds"),
        (lambda: payload.share <= 1, "always holds"),
        (lambda: payload.count == "5", "never holds"),
        (lambda: payload.count < "5", "never holds"),
        (lambda: payload.tags > 1, "never holds"),
        (lambda: payload.colour == "green", "never holds"),
        (lambda: payload.kind == payload.count, "never holds"),
        (lambda: payload.spam, "never holds"),
        (lambda: payload.kind, "never exactly true"),
        (lambda: is_null(payload.kind), "never holds"),
        (lambda: payload.kind == None, "never holds"),  # noqa: E711 - what a user may write
        (lambda: contains(payload.tags, 1), "never holds"),
        (lambda: contains(payload.urgent, "x"), "never holds"),
        (lambda: length(payload.count) > 1, "has no length"),
        (lambda: length(payload.tags) >= 0, "always holds"),
        (lambda: payload.at > dt.datetime.now(dt.UTC), "no useful order"),
        (lambda: payload.at == dt.datetime.now(dt.UTC), "several forms"),
        (lambda: contains(payload.prices, decimal.Decimal(1)), "several forms"),
        (lambda: payload.prices == [decimal.Decimal(1)], "several forms"),
        (lambda: payload.price > decimal.Decimal(1), "no useful order"),
        (lambda: payload.price == decimal.Decimal(1), "several forms"),
        (lambda: payload.share > float("inf"), "JSON does not have"),
        (lambda: payload.note == {1, 2}, "never holds"),
        (lambda: payload.note == object(), "JSON does not have"),
        (lambda: payload.knd == "audio", "`Call` has no field 'knd'"),
        (lambda: classify.result.tags[-1] == "a", "no item that can be picked"),
        (lambda: True, "does not depend on the run"),
        (lambda: "audio", "does not depend on the run"),
        (lambda: flow.context.attempt > 1, "a part of the context"),
        (lambda: flow.error.code == "PF603", "not known before the step starts"),
        (lambda: classify.if_completed == 1, "not known before the step starts"),
        (lambda: each[payload.tags] == "a", "not known before the step starts"),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(
    condition: Callable[[], Any], text: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        step_when(condition())
    assert text in caught.value.message
    assert "step 'guarded' of flow 'calls'" in caught.value.message
    assert caught.value.hint
    assert "guarded" not in flow.steps


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: ~(payload.count > 1), "`~` is not for conditions"),
        (lambda: payload.urgent & True, "True is no condition"),
        (lambda: (payload.count > 1) == (payload.urgent), "compares with a condition"),
        (lambda: payload.count == (payload.count > 1), "compares with a condition"),
        (lambda: is_null("text"), "was given the constant 'text'"),
        (lambda: one_of(payload.kind, []), "no list of constants"),
        (lambda: one_of(payload.kind, [payload.kind]), "constants only"),
        (lambda: or_else(payload.note, payload.kind), "the default of `or_else` is a constant"),
        (lambda: not_(True), "True is no condition"),
    ],
)
def test_what_no_condition_can_be_made_of_names_the_line(
    make: Callable[[], object], text: str
) -> None:
    with pytest.raises(HandlerSignatureError) as caught:
        make()
    assert text in caught.value.message
    assert "test_conditions.py:" in caught.value.message
    assert caught.value.hint


def test_a_step_of_another_flow_is_refused() -> None:
    other = Flow("other", payload=Call)
    with pytest.raises(UnknownDepError, match=r"the condition looks at `flow\.payload\.kind`"):
        step_when(other.payload.kind == "audio")


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"when_unmet": "stop"}, "when_unmet"),
        ({"on_failure": "ignore"}, "on_failure"),
        ({"backoff": "linear"}, "backoff"),
        ({"start_delay": -1}, "start_delay"),
        ({"start_delay": 1e9}, "start_delay"),
    ],
)
def test_an_option_out_of_range_is_refused(options: dict[str, Any], name: str) -> None:
    with pytest.raises(OptionOutOfRangeError, match=f"{name}=") as caught:
        step_when(payload.count > 1, **options)
    assert name in (caught.value.hint or "")


def test_a_path_without_a_condition_is_refused() -> None:
    with pytest.raises(HandlerSignatureError, match="has no condition that could be unmet"):
        step_when(None, when_unmet="fail")


class Loose(TypedDict):
    kind: NotRequired[str]
    name: str


def test_what_may_be_missing_is_null() -> None:
    loose = Flow("loose", payload=Loose)

    @loose.step(when=is_null(loose.payload["kind"]))
    def unnamed() -> int:
        return 1

    assert loose.test({"name": "a"}).statuses["unnamed"] == "completed"
    assert loose.test({"name": "a", "kind": "b"}).statuses["unnamed"] == "skipped"


def test_a_default_stands_for_what_is_missing() -> None:
    class Spoken(BaseModel):
        lang: str = "en"

    spoken = Flow("spoken", payload=Spoken)

    @spoken.step(when=spoken.payload.lang == "en")
    def english() -> int:
        return 1

    missing: Any = {}
    assert spoken.test(missing).statuses["english"] == "completed"
    assert spoken.test(Spoken(lang="de")).statuses["english"] == "skipped"


def test_dependents_of_what_can_be_skipped_take_none() -> None:
    some = Flow("some", payload=Call)

    @some.step(when=some.payload.urgent)
    def maybe() -> list[int]:
        return [1]

    @some.map(on_failure="skip")
    def gaps(tag: str = each[some.payload.tags]) -> int:
        return len(tag)

    with pytest.raises(HandlerSignatureError, match=r"is `list\[int\] \| None`"):

        @some.step
        def whole(it: list[int] = maybe.result) -> int:  # type: ignore[assignment]
            return it[0]

    with pytest.raises(HandlerSignatureError, match="can be None, over which no map can go"):

        @some.map
        def over(it: int = maybe.each) -> int:  # type: ignore[misc]
            return it

    with pytest.raises(HandlerSignatureError, match=r"is `list\[int \| None\]`"):

        @some.step
        def items(it: list[int] = gaps.result) -> int:  # type: ignore[assignment]
            return it[0]

    with pytest.raises(HandlerSignatureError, match="can be None, which has no"):

        @some.step(when=maybe.result[0] > 1)  # type: ignore[index]
        def asks() -> int:
            return 1
