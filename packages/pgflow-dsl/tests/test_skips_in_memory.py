"""Conditions, skips, failure policies and delays in memory are those of the engine."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from pgflow_dsl import (
    Flow,
    FlowTestFailedError,
    GiveUp,
    Retry,
    RunError,
    Step,
    StepContext,
    contains,
    each,
    is_null,
)
from pgflow_manifest import ConditionUnmetError, DefinitionError


class Work(BaseModel):
    score: float
    words: list[str]


def a_work(score: float = 0.5, words: Sequence[str] = ()) -> Work:
    return Work(score=score, words=list(words))


def test_a_step_whose_condition_does_not_hold_is_skipped_and_its_result_is_none() -> None:
    flow = Flow("f", payload=Work)
    seen: list[float | None] = []

    @flow.step(when=flow.payload.score > 0.8)
    def praise() -> str:
        return "well done"

    @flow.step(when=is_null(praise.result))
    def blame(score: float = flow.payload.score) -> str:
        seen.append(score)
        return "try again"

    @flow.step
    def both(
        first: str | None = praise.result, second: str | None = blame.result
    ) -> list[str | None]:
        return [first, second]

    low, high = flow.test(a_work(score=0.1)), flow.test(a_work(score=0.9))
    assert low.output == {"both": [None, "try again"]}
    assert high.output == {"both": ["well done", None]}
    assert low.skip_reasons == {"praise": "condition_unmet"}
    assert (low.statuses["praise"], low.attempts["praise"]) == ("skipped", 0)
    assert low.result(praise) is None
    assert seen == [0.1]


def test_a_cascade_reaches_what_waits_even_where_its_own_condition_holds() -> None:
    flow = Flow("f", payload=Work)

    @flow.step(when=flow.payload.score > 0.8, when_unmet="skip_cascade")
    def first() -> int:
        return 1

    @flow.step(when=flow.payload.score < 0.8, when_unmet="fail", after=(first,))
    def second() -> int:
        return 2

    @flow.map(after=(second,))
    def third(word: str = each[flow.payload.words]) -> str:
        return word

    @flow.step
    def beside() -> int:
        return 4

    run = flow.test(a_work(score=0.1, words=["a"]))
    assert run.skip_reasons == {
        "first": "condition_unmet",
        "second": "dependency_skipped",
        "third": "dependency_skipped",
    }
    assert run.output == {"third": None, "beside": 4}


def test_a_skip_without_cascade_ends_with_the_step() -> None:
    flow = Flow("f", payload=Work)

    @flow.step(when=flow.payload.score > 0.8)
    def first() -> int:
        return 1

    @flow.step(after=(first,))
    def second() -> int:
        return 2

    assert flow.test(a_work()).output == {"second": 2}


def test_an_unmet_condition_can_fail_the_run_and_tells_the_values() -> None:
    flow = Flow("f", payload=Work)

    @flow.step(when=flow.payload.score > 0.8, when_unmet="fail", on_failure="skip")
    def strict() -> int:
        return 1

    with pytest.raises(FlowTestFailedError, match=r"score > 0\.8 is false") as caught:
        flow.test(a_work(score=0.25))
    cause = caught.value.__cause__
    assert isinstance(cause, ConditionUnmetError)
    assert cause.details["unmet"] == [
        {"at": "", "message": "flow.payload.score > 0.8 is false: flow.payload.score is 0.25"}
    ]
    assert caught.value.attempts == 0


@pytest.mark.parametrize(("policy", "output"), [("skip", None), ("skip_cascade", "skipped")])
def test_a_step_that_fails_is_skipped_if_that_is_its_policy(policy: Any, output: Any) -> None:
    flow = Flow("f", payload=Work, max_attempts=2)

    def risky_handler() -> int:
        raise ValueError("no luck")

    decorate: Callable[..., Step[int | None]] = flow.step(slug="risky", on_failure=policy)
    risky = decorate(risky_handler)

    @flow.step
    def after_it(it: int | None = risky.result) -> str:
        return f"{it}"

    run = flow.test(a_work())
    assert run.statuses["risky"] == "skipped"
    assert run.skip_reasons["risky"] == "handler_failed"
    assert run.attempts["risky"] == 2
    (failure,) = run.failures["risky"]
    assert isinstance(failure.__cause__, ValueError)
    assert run.output["after_it"] == (None if output == "skipped" else "None")


def test_items_of_a_map_that_fail_leave_none_in_their_place() -> None:
    flow = Flow("f", payload=Work, max_attempts=2)

    @flow.map(on_failure="skip")
    def shout(word: str = each[flow.payload.words]) -> str:
        if "!" in word:
            raise GiveUp("too loud")
        return word.upper()

    @flow.step
    def joined(words: list[str | None] = shout.result) -> str:
        return ",".join(word or "?" for word in words)

    run = flow.test(a_work(words=["a", "b!", "c"]))
    assert run.output == {"joined": "A,?,C"}
    assert run.statuses["shout"] == "completed"
    assert [failure.task_index for failure in run.failures["shout"]] == [1]


def test_a_map_can_be_skipped_with_all_that_follows_at_the_first_item_that_fails() -> None:
    flow = Flow("f", payload=Work)

    @flow.map(on_failure="skip_cascade")
    def shout(word: str = each[flow.payload.words]) -> str:
        raise GiveUp("no")

    @flow.step
    def joined(words: list[str] = shout.result) -> int:
        return len(words)

    run = flow.test(a_work(words=["a"]))
    assert run.output == {"joined": None}
    assert run.skip_reasons == {"shout": "handler_failed", "joined": "dependency_skipped"}


def test_delays_pass_on_the_clock_of_the_run_only() -> None:
    flow = Flow("f", payload=Work, max_attempts=4, base_delay=10, max_delay=25)
    attempts: list[int] = []

    @flow.step(start_delay=3_600)
    def slow(ctx: StepContext = flow.context) -> int:
        attempts.append(ctx.attempt)
        if ctx.attempt < 4:
            raise ValueError
        return 1

    @flow.step(backoff="fixed")
    def fixed(ctx: StepContext = flow.context) -> int:
        if ctx.attempt < 3:
            raise ValueError
        return 1

    @flow.step
    def told(ctx: StepContext = flow.context, n: int = fixed.result) -> int:
        if ctx.attempt == 1:
            raise Retry("later", after=100)
        return n

    before = time.monotonic()
    run = flow.test(a_work())
    assert time.monotonic() - before < 2
    assert run.attempt_seconds["slow"] == [3600, 3610, 3630, 3655]
    assert run.attempt_seconds["fixed"] == [0, 10, 20]
    assert run.attempt_seconds["told"] == [20, 120]
    assert run.elapsed == 3655
    assert attempts == [1, 2, 3, 4]


def test_the_failure_handler_gets_the_error_and_what_there_is_of_results() -> None:
    flow = Flow("f", payload=Work, max_attempts=2, base_delay=5)
    told: list[Any] = []

    @flow.step
    def first() -> int:
        return 1

    @flow.step
    def second(n: int = first.result) -> int:
        raise ValueError("broken")

    @flow.step
    def third(n: int = second.result) -> int:
        return n

    @flow.on_failure
    def tell(
        error: RunError = flow.error,
        code: str | None = flow.error.code,
        work: Work = flow.payload,
        one: int | None = first.if_completed,
        three: int | None = third.if_completed,
    ) -> str:
        told.append((error.step, error.type, error.message, code, work.score, one, three))
        return "told"

    with pytest.raises(FlowTestFailedError, match="broken") as caught:
        flow.test(a_work())
    assert told == [("second", "ValueError", "broken", "PF603", 0.5, 1, None)]
    run = caught.value.run
    assert run is not None
    assert run.result(tell) == "told"
    assert run.output == {}
    assert run.statuses == {
        "first": "completed",
        "second": "failed",
        "third": "cancelled",
        "tell": "completed",
    }
    assert run.attempt_seconds["tell"] == [5]


def test_a_failure_handler_that_fails_changes_nothing() -> None:
    flow = Flow("f", payload=Work, max_attempts=1)

    @flow.map
    def first(word: str = each[flow.payload.words]) -> str:
        raise ValueError("the first")

    @flow.on_failure(max_attempts=2)
    def tell(index: int | None = flow.error.task_index) -> None:
        raise KeyError(f"the second, of {index}")

    with pytest.raises(FlowTestFailedError, match="the first") as caught:
        flow.test(a_work(words=["a"]))
    run = caught.value.run
    assert run is not None
    assert (run.statuses["tell"], run.attempts["tell"]) == ("failed", 2)
    assert "the second, of 0" in str(run.failures["tell"][0])


def test_the_failure_handler_does_not_run_when_nothing_failed() -> None:
    flow = Flow("f", payload=Work)

    @flow.step
    def first() -> int:
        return 1

    @flow.on_failure
    def tell() -> None:
        raise AssertionError("nothing failed")

    run = flow.test(a_work())
    assert (run.output, run.statuses["tell"]) == ({"first": 1}, "created")
    spec = flow.compile()
    assert [(step.slug, step.kind) for step in spec.steps] == [
        ("first", "single"),
        ("tell", "failure"),
    ]
    assert spec.leaf_slugs == ("first",)


def test_conditions_look_at_what_unannotated_handlers_return() -> None:
    flow = Flow("f", payload=Work)

    @flow.step
    def guess():  # type: ignore[no-untyped-def]
        return {"labels": ["a", "b"]}

    result: Any = guess.result

    @flow.step(when=contains(result["labels"], "b"))
    def with_b() -> int:
        return 1

    @flow.step(when=contains(result["labels"], "c"))
    def with_c() -> int:
        return 1

    assert flow.test(a_work()).output == {"with_b": 1, "with_c": None}


@pytest.mark.parametrize(
    ("define", "text"),
    [
        (lambda f, s: f.on_failure(_first) and f.on_failure(_second), "already has a fail"),
        (lambda f, s: f.on_failure(_taking(s.result)), "need not have completed"),
        (lambda f, s: f.on_failure(_taking(s.each)), "runs the handler once"),
        (lambda f, s: f.step(_taking(s.if_completed)), "is for the failure handler"),
        (lambda f, s: f.step(_taking(f.error)), "only once the run has failed"),
        (lambda f, s: f.step(_taking(f.on_failure(_second).result)), "for which no step waits"),
        (lambda f, s: f.on_failure(_taking(s.if_completed, int)), "is annotated `int`"),
    ],
)
def test_misuse_of_the_failure_handler_is_refused(define: Any, text: str) -> None:
    flow = Flow("f", payload=Work)

    @flow.step
    def first() -> list[int]:
        return [1]

    with pytest.raises(DefinitionError) as caught:
        define(flow, first)
    assert text in caught.value.message
    assert caught.value.hint


def test_null_is_read_as_none_where_a_step_can_be_skipped_and_nowhere_else() -> None:
    flow = Flow("f", payload=Work)

    @flow.step(on_failure="skip_cascade")
    def first() -> int:
        return 1

    @flow.step
    def second(n: int = first.result) -> str:
        return f"{n}"

    @flow.step(on_failure="skip")
    def beside() -> int:
        return 1

    @flow.step
    def plain(n: int | None = beside.result) -> int:
        return n or 0

    assert [step.decode_result("null") for step in (first, second, beside)] == [None] * 3
    assert second.decode_result('"1"') == "1"
    with pytest.raises(ValidationError):
        plain.decode_result("null")


def _first() -> None:
    return None


def _second() -> None:
    return None


def _taking(source: Any, annotation: Any = list[int]) -> Any:
    def handler(it: Any = source) -> None:
        return None

    handler.__annotations__["it"] = annotation
    return handler


def test_a_flow_of_a_failure_handler_alone_has_no_steps() -> None:
    flow = Flow("f", payload=Work)
    flow.on_failure(_second)
    with pytest.raises(DefinitionError, match="the flow has no steps"):
        flow.compile()
