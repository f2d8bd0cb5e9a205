"""Functions stand in for handlers and take what they name."""

from typing import Any
from unittest.mock import Mock

import pytest
from tests.support.dsl_flows import Memo, MemoFlow, Text, flow_raising, memo_flow

from pgflow_dsl import (
    Flow,
    FlowTestFailedError,
)
from pgflow_manifest import (
    DefinitionError,
    HandlerSignatureError,
    ResultNotSerializableError,
)


@pytest.fixture
def memo() -> MemoFlow:
    return memo_flow()


def test_replacements_take_the_arguments_they_name(memo: MemoFlow) -> None:
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


def test_a_mock_is_called_as_the_handler_would_be(memo: MemoFlow) -> None:
    mock = Mock(return_value="mocked")
    memo.flow.test(Memo(name="you"), replace={memo.summarize: mock})
    mock.assert_called_once_with(t=Text(text="hello you"), lang="en")


def test_an_awaitable_of_a_replacement_is_awaited(memo: MemoFlow) -> None:
    async def later() -> str:
        return "later"

    run = memo.flow.test(
        Memo(name="you"),
        replace={
            memo.summarize: lambda: later()  # noqa: PLW0108 - not a coroutine function
        },
    )
    assert run.result(memo.summarize) == "later"


def test_a_replacement_with_defaults_of_its_own_is_fine(memo: MemoFlow) -> None:
    def fake(text: str, volume: int = 3) -> str:
        return text + "!" * volume

    run = memo.flow.test(Memo(name="you"), replace={memo.capitalize: fake})
    assert run.result(memo.capitalize) == "hello you!!!"


def test_a_replacement_that_asks_for_what_there_is_not_is_refused(memo: MemoFlow) -> None:
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


def test_a_replacement_of_something_else_than_a_step_is_refused(memo: MemoFlow) -> None:
    other = Flow("other", payload=Memo)

    @other.step(slug="transcribe")
    def stranger() -> str:
        return ""

    wrong: Any
    for wrong in ("transcribe", stranger):
        with pytest.raises(DefinitionError, match="not a step of the flow") as caught:
            memo.flow.test(Memo(name="you"), replace={wrong: lambda: ""})
        assert "the flow has transcribe, summarize, capitalize, merge" in str(caught.value)


def test_the_result_of_a_replacement_must_fit_as_well(memo: MemoFlow) -> None:
    with pytest.raises(
        FlowTestFailedError, match="step 'transcribe' failed after 1 attempt: "
    ) as c:
        memo.flow.test(Memo(name="you"), replace={memo.transcribe: lambda: "no text"})
    assert isinstance(c.value.__cause__, ResultNotSerializableError)
    assert c.value.attempts == 1


def test_a_replacement_may_take_the_context() -> None:
    flow, _ = flow_raising()
    run = flow.test(Memo(name=""), replace={flow.steps["work"]: lambda ctx: ctx.max_attempts})
    assert run.results["work"] == 2
