"""Functions stand in for handlers and take what they name."""

import dataclasses
from typing import Any
from unittest.mock import Mock

import pytest
from pydantic import BaseModel

from pgflow_dsl import (
    Flow,
    FlowTestFailedError,
    Step,
    StepContext,
)
from pgflow_manifest import (
    DefinitionError,
    HandlerSignatureError,
    ResultNotSerializableError,
)


class Memo(BaseModel):
    name: str
    lang: str = "en"


class Text(BaseModel):
    text: str


@dataclasses.dataclass(frozen=True)
class Example:
    flow: Flow[Memo]
    transcribe: Step[Text]
    summarize: Step[str]
    capitalize: Step[str]
    merge: Step[tuple[str, str]]


@pytest.fixture
def memo() -> Example:
    flow = Flow("memo", payload=Memo)

    @flow.step
    async def transcribe(memo: Memo = flow.payload) -> Text:
        return Text(text=f"hello {memo.name}")

    @flow.step
    async def summarize(t: Text = transcribe.result, lang: str = flow.payload.lang) -> str:
        return f"{t.text[:5]} ({lang})"

    @flow.step
    def capitalize(text: str = transcribe.result.text) -> str:
        return text.upper()

    @flow.step
    def merge(s: str = summarize.result, loud: str = capitalize.result) -> tuple[str, str]:
        return s, loud

    return Example(flow, transcribe, summarize, capitalize, merge)


def test_replacements_take_the_arguments_they_name(memo: Example) -> None:
    async def fake_summarize(lang: str) -> str:
        return f"short ({lang})"

    run = memo.flow.test(
        Memo(name="you"),
        replace={
            memo.transcribe: lambda: Text(text="fake"),
            memo.summarize: fake_summarize,
            memo.capitalize: lambda **arguments: str(arguments),
        },
    )
    assert run.result(memo.merge) == ("short (en)", "{'text': 'fake'}")


def test_a_mock_is_called_as_the_handler_would_be(memo: Example) -> None:
    mock = Mock(return_value="mocked")
    memo.flow.test(Memo(name="you"), replace={memo.summarize: mock})
    mock.assert_called_once_with(t=Text(text="hello you"), lang="en")


def test_an_awaitable_of_a_replacement_is_awaited(memo: Example) -> None:
    async def later() -> str:
        return "later"

    run = memo.flow.test(
        Memo(name="you"),
        replace={
            memo.summarize: lambda: later()  # noqa: PLW0108 - not a coroutine function
        },
    )
    assert run.result(memo.summarize) == "later"


def test_a_replacement_with_defaults_of_its_own_is_fine(memo: Example) -> None:
    def fake(text: str, volume: int = 3) -> str:
        return text + "!" * volume

    run = memo.flow.test(Memo(name="you"), replace={memo.capitalize: fake})
    assert run.result(memo.capitalize) == "hello you!!!"


def test_a_replacement_that_asks_for_what_there_is_not_is_refused(memo: Example) -> None:
    def unknown(tekst: str) -> str:
        return tekst

    def positional(text: str, /) -> str:
        return text

    value: Any = "a value"
    for fake, text in [
        (unknown, "takes 'tekst', which the handler does not"),
        (positional, "takes 'text', which the handler does not by name"),
        (value, "by a `str`, which cannot be called"),
    ]:
        with pytest.raises(HandlerSignatureError) as caught:
            memo.flow.test(Memo(name="you"), replace={memo.capitalize: fake})
        assert text in str(caught.value)
        assert "step 'capitalize'" in str(caught.value)


def test_a_replacement_of_something_else_than_a_step_is_refused(memo: Example) -> None:
    other = Flow("other", payload=Memo)

    @other.step(slug="transcribe")
    def stranger() -> str:
        return ""

    wrong: Any
    for wrong in ("transcribe", stranger):
        with pytest.raises(DefinitionError, match="not a step of the flow") as caught:
            memo.flow.test(Memo(name="you"), replace={wrong: lambda: ""})
        assert "the flow has transcribe, summarize, capitalize, merge" in str(caught.value)


def test_the_result_of_a_replacement_must_fit_as_well(memo: Example) -> None:
    with pytest.raises(
        FlowTestFailedError, match="step 'transcribe' failed after 1 attempt: "
    ) as c:
        memo.flow.test(Memo(name="you"), replace={memo.transcribe: lambda: "no text"})
    assert isinstance(c.value.__cause__, ResultNotSerializableError)
    assert c.value.attempts == 1


def flow_raising(*errors: BaseException, **options: Any) -> tuple[Flow[Memo], list[StepContext]]:
    flow = Flow("unsteady", payload=Memo, max_attempts=2)
    left, contexts = list(errors), []

    @flow.step(**options)
    def work(ctx: StepContext = flow.context) -> int:
        contexts.append(ctx)
        if left:
            raise left.pop(0)
        return ctx.attempt

    @flow.step
    def after_it(n: int = work.result) -> int:
        return n

    return flow, contexts


def test_a_replacement_may_take_the_context() -> None:
    flow, _ = flow_raising()
    run = flow.test(Memo(name=""), replace={flow.steps["work"]: lambda ctx: ctx.max_attempts})
    assert run.results["work"] == 2
