"""Every mistake in a definition is refused at import, with the line, the step and the mend."""

import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from tests.support.dsl_flows import Custom, Memo, Text, define, flow_of_one_step, refused

from pgflow_dsl import Flow, Step, StepContext
from pgflow_manifest import (
    DefinitionError,
    DependencyCycleError,
    DuplicateStepError,
    HandlerSignatureError,
    InvalidSlugError,
    OptionOutOfRangeError,
    UnknownDepError,
)


def test_an_error_names_file_line_flow_step_and_mend() -> None:
    flow, _ = flow_of_one_step()

    def shorten(text: str) -> str:
        return text

    error = refused(HandlerSignatureError, define(flow, shorten))
    line = inspect.getsourcelines(shorten)[1]
    assert error.message.endswith(
        f"test_signature_errors.py:{line}: step 'shorten' of flow 'memo': "
        "argument 'text' has no source"
    )
    assert error.hint == "write `text: T = <step>.result`, `flow.payload` or `flow.context`"
    assert error.details == {
        "file": __file__,
        "line": line,
        "flow": "memo",
        "step": "shorten",
        "argument": "text",
    }


def test_a_plain_default_is_no_source_and_its_value_is_not_shown() -> None:
    flow, _ = flow_of_one_step()

    def call(key: str = "s3cret") -> str:
        return key

    error = refused(HandlerSignatureError, define(flow, call), "'key' has no source", "plain `str`")
    assert "s3cret" not in str(error)


def test_a_step_or_a_flow_as_default_is_told_apart() -> None:
    flow, transcribe = flow_of_one_step()

    def one(text: Any = transcribe) -> str:
        return str(text)

    def two(text: Any = flow) -> str:
        return str(text)

    refused(
        HandlerSignatureError, define(flow, one), "step 'transcribe' itself", "transcribe.result"
    )
    refused(HandlerSignatureError, define(flow, two), "the flow itself", "flow.payload")


def test_arguments_that_cannot_be_passed_by_name_are_refused() -> None:
    flow, _ = flow_of_one_step()

    def stars(*texts: str) -> str:
        return "".join(texts)

    def keywords(**texts: str) -> str:
        return "".join(texts)

    def positional(memo: Memo = flow.payload, /) -> str:
        return memo.name

    refused(HandlerSignatureError, define(flow, stars), "`*texts` has no source")
    refused(HandlerSignatureError, define(flow, keywords), "`**texts` has no source")
    refused(HandlerSignatureError, define(flow, positional), "'memo' is positional-only", "`/`")


def test_the_name_of_an_argument_must_be_a_slug() -> None:
    flow, _ = flow_of_one_step()

    def one(größe: Memo = flow.payload) -> str:  # noqa: PLC2401 - what is refused
        return größe.name

    def two(run: Memo = flow.payload) -> str:
        return run.name

    refused(InvalidSlugError, define(flow, one), "argument 'größe'")
    refused(InvalidSlugError, define(flow, two), "argument 'run' is reserved")


def test_generators_and_things_that_are_no_functions_are_refused() -> None:
    flow, _ = flow_of_one_step()

    def number() -> int:
        return 1

    def many() -> Iterator[int]:
        yield 1

    async def many_async() -> AsyncIterator[int]:
        yield 1

    @functools.wraps(number)
    def wrapping() -> Iterator[int]:
        yield number()

    refused(HandlerSignatureError, define(flow, many), "cannot be a generator", "return that")
    refused(HandlerSignatureError, define(flow, many_async), "cannot be a generator")
    refused(HandlerSignatureError, define(flow, wrapping), "cannot be a generator")
    refused(HandlerSignatureError, define(flow, Custom), "a `type` is not a function")
    refused(
        HandlerSignatureError,
        define(flow, functools.partial(many), slug="partly"),
        "a `partial` is not a function",
    )


def test_a_lambda_has_no_name_to_be_called_by() -> None:
    flow, _ = flow_of_one_step()
    refused(InvalidSlugError, define(flow, lambda: 1), "'<lambda>' is not a slug")


def test_a_source_of_another_flow_is_refused() -> None:
    flow, transcribe = flow_of_one_step()
    other = Flow("other", payload=Memo)
    twin = Flow("memo", payload=Memo)

    def takes_step(text: Text = transcribe.result) -> str:
        return text.text

    def takes_payload(memo: Memo = flow.payload) -> str:
        return memo.name

    def takes_context(ctx: StepContext = flow.context) -> str:
        return ctx.step_slug

    refused(UnknownDepError, define(other, takes_step), "'transcribe' belongs to flow 'memo'")
    refused(UnknownDepError, define(twin, takes_step), "another flow that is also called 'memo'")
    refused(UnknownDepError, define(other, takes_payload), "`flow.payload` of flow 'memo'")
    refused(UnknownDepError, define(other, takes_context), "`flow.context` of flow 'memo'")


def test_two_steps_with_one_slug_are_refused_with_both_places() -> None:
    flow, transcribe = flow_of_one_step()

    def transcribe_again() -> str:
        return ""

    refused(
        DuplicateStepError,
        define(flow, transcribe_again, slug="transcribe"),
        "already has a step 'transcribe'",
        transcribe.location.at,
        "another_slug",
    )


@pytest.mark.parametrize("slug", ["", "1st", "a-b", "run", "x" * 129, "naïve", "a\n"])
def test_a_bad_slug_is_refused(slug: str) -> None:
    flow, _ = flow_of_one_step()

    def fine() -> str:
        return ""

    refused(InvalidSlugError, lambda: Flow(slug, payload=Memo))
    refused(InvalidSlugError, define(flow, fine, slug=slug))


def test_a_slug_that_is_no_text_is_refused() -> None:
    not_a_text: Any = 5
    refused(InvalidSlugError, lambda: Flow(not_a_text, payload=Memo), "5 is not a text")


def test_the_context_can_be_taken_once_and_whole_and_as_a_context() -> None:
    flow, _ = flow_of_one_step()

    def twice(a: StepContext = flow.context, b: StepContext = flow.context) -> str:
        return a.step_slug + b.step_slug

    def a_part(attempt: int = flow.context.attempt) -> int:
        return attempt

    def wrong(ctx: Memo = flow.context) -> str:  # type: ignore[assignment]
        return ctx.name

    def payload(ctx: StepContext = flow.payload) -> str:  # type: ignore[assignment]
        return ctx.step_slug

    refused(HandlerSignatureError, define(flow, twice), "'a' and 'b' both take `flow.context`")
    refused(HandlerSignatureError, define(flow, a_part), "a part of the context", "`ctx.attempt`")
    refused(HandlerSignatureError, define(flow, wrong), "annotated `Memo`", "ctx: StepContext")
    refused(HandlerSignatureError, define(flow, payload), "annotated `StepContext`")


def test_the_context_may_be_annotated_as_optional() -> None:
    flow, _ = flow_of_one_step()

    @flow.step
    def fine(ctx: StepContext | None = flow.context) -> str:
        return ctx.step_slug if ctx else ""

    assert fine.context_parameter == "ctx"
    assert fine.sources == {}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("max_attempts", 0),
        ("max_attempts", 1001),
        ("max_attempts", "3"),
        ("max_attempts", True),
        ("base_delay", -1),
        ("max_delay", float("inf")),
        ("jitter", 1.5),
        ("jitter", float("nan")),
        ("timeout", 0),
        ("timeout", "30s"),
    ],
)
def test_an_option_out_of_range_is_refused(option: str, value: Any) -> None:
    flow, _ = flow_of_one_step()

    def fine() -> str:
        return ""

    expected = f"{option}={value!r} is out of range"
    options: Any = {option: value}
    refused(OptionOutOfRangeError, define(flow, fine, **options), expected, f"{option} takes")
    refused(OptionOutOfRangeError, lambda: Flow("f", payload=Memo, **options), expected)
    assert "fine" not in flow.steps


def test_after_takes_steps_of_the_same_flow() -> None:
    flow, transcribe = flow_of_one_step()
    other = Flow("other", payload=Memo)
    lone: Any = transcribe
    result: Any = transcribe.result

    def fine() -> str:
        return ""

    refused(HandlerSignatureError, define(flow, fine, after=lone), "not a tuple", "after=(first,)")
    refused(HandlerSignatureError, define(flow, fine, after=(result,)), "a `Ref`, which is not a")
    refused(HandlerSignatureError, define(flow, fine, after=("transcribe",)), "holds a `str`")
    refused(UnknownDepError, define(other, fine, after=(transcribe,)), "belongs to flow 'memo'")


def test_a_flow_without_steps_is_refused_by_check() -> None:
    refused(DefinitionError, Flow("empty", payload=Memo).check, "no steps", "@flow.step")


def test_a_circle_made_by_force_is_refused() -> None:
    flow, transcribe = flow_of_one_step()

    @flow.step
    def last(text: Text = transcribe.result) -> str:
        return text.text

    transcribe.after = (last,)
    refused(DependencyCycleError, flow.compile, "in a circle: ", "transcribe", "last")


def test_a_decorated_handler_is_read_through_its_wrapper() -> None:
    flow, transcribe = flow_of_one_step()

    def traced(fn: Callable[..., Awaitable[str]]) -> Callable[..., Awaitable[str]]:
        @functools.wraps(fn)
        def wrapper(*args: Any, **kwargs: Any) -> Awaitable[str]:
            return fn(*args, **kwargs)

        return wrapper

    @traced
    async def inner(text: Text = transcribe.result) -> str:
        """Say it.

        At length.
        """
        return text.text

    made: Step[Any] = flow.step(inner)
    assert made.slug == "inner"
    assert made.is_async
    assert made.deps == ("transcribe",)
    assert made.description == "Say it."
    assert flow.test(Memo(name="x")).results["inner"] == "x"


def test_steps_and_flows_show_themselves() -> None:
    flow, transcribe = flow_of_one_step()
    assert repr(flow) == "<flow 'memo'>"
    assert repr(transcribe) == "<step 'transcribe' of flow 'memo'>"
    assert transcribe.fn(Memo(name="a")) == Text(text="a")
    assert not callable(transcribe)
    assert list(flow.steps.values()) == [transcribe]
    assert transcribe.flow_slug == "memo"
    assert not transcribe.is_async
