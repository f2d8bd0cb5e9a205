"""A flow runs in memory as it would in production, without database and without waiting."""

import asyncio
import contextvars
import threading
from typing import Any

import pytest
from pydantic import BaseModel, Field
from tests.support.dsl_flows import Memo, MemoFlow, Text, memo_flow

from pgflow_dsl import (
    Flow,
    FlowTestFailedError,
)
from pgflow_manifest import (
    ArgumentsInvalidError,
    PayloadInvalidError,
    PgflowError,
)


@pytest.fixture
def memo() -> MemoFlow:
    return memo_flow()


def test_every_result_and_the_run_output_are_given(memo: MemoFlow) -> None:
    run = memo.flow.test(Memo(name="you"))
    assert run.results == {
        "transcribe": Text(text="hello you"),
        "summarize": "hello (en)",
        "capitalize": "HELLO YOU",
        "merge": ("hello (en)", "HELLO YOU"),
    }
    assert list(run.results) == list(memo.flow.steps)
    assert run.output == {"merge": ("hello (en)", "HELLO YOU")}
    assert run.result(memo.transcribe).text == "hello you"
    assert run.attempts == dict.fromkeys(memo.flow.steps, 1)


async def test_async_code_awaits_the_run(memo: MemoFlow) -> None:
    run = await memo.flow.test_async(Memo(name="you", lang="de"))
    assert run.result(memo.summarize) == "hello (de)"


async def test_the_blocking_form_is_refused_in_async_code(memo: MemoFlow) -> None:
    with pytest.raises(PgflowError, match=r"await flow\.test_async"):
        memo.flow.test(Memo(name="you"))


def test_a_result_of_another_flow_is_refused(memo: MemoFlow) -> None:
    other = Flow("other", payload=Memo)

    @other.step(slug="transcribe")
    def step() -> str:
        return ""

    with pytest.raises(KeyError, match="not a step of the flow"):
        memo.flow.test(Memo(name="you")).result(step)


def test_steps_that_are_free_run_at_the_same_time() -> None:
    flow = Flow("together", payload=Memo)
    arrived: list[str] = []
    both = asyncio.Event()

    async def meet(name: str) -> str:
        arrived.append(name)
        if len(arrived) == 2:
            both.set()
        await asyncio.wait_for(both.wait(), 5)
        return name

    @flow.step
    async def left() -> str:
        return await meet("left")

    @flow.step
    async def right() -> str:
        return await meet("right")

    assert flow.test(Memo(name="")).results == {"left": "left", "right": "right"}


def test_a_sync_handler_runs_in_a_thread_with_the_context_variables() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("seen")
    flow = Flow("threads", payload=Memo)

    @flow.step
    def work() -> tuple[bool, str]:
        return threading.current_thread() is threading.main_thread(), variable.get()

    assert flow.test(Memo(name="")).results["work"] == (False, "seen")


def test_the_order_of_after_is_kept() -> None:
    flow = Flow("ordered", payload=Memo)
    order: list[str] = []

    @flow.step
    async def slow() -> None:
        await asyncio.sleep(0)
        order.append("slow")

    @flow.step(after=(slow,))
    async def quick() -> None:
        order.append("quick")

    run = flow.test(Memo(name=""))
    assert order == ["slow", "quick"]
    assert run.output == {"quick": None}


def test_plain_json_is_taken_as_another_client_would_send_it(memo: MemoFlow) -> None:
    document: Any = {"name": "you"}
    assert memo.flow.test(document).results["summarize"] == "hello (en)"


class Foreign(BaseModel):
    name: str = Field(validation_alias="Name")


def test_a_payload_whose_aliases_differ_is_given_as_plain_json() -> None:
    flow = Flow("foreign", payload=Foreign)

    @flow.step
    def work(name: str = flow.payload.name, whole: Foreign = flow.payload) -> str:
        return name + whole.name

    document: Any = {"Name": "a"}
    assert flow.test(document).results["work"] == "aa"
    with pytest.raises(PayloadInvalidError, match="/Name: Field required"):
        flow.test(Foreign.model_validate(document))


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ({"nam": "a"}, "does not fit its type: /name: Field required"),
        (["a"], "does not fit its type"),
        ("a", "the payload cannot be stored as `Memo`: it is a `str`"),
        (Memo(name="\0"), "\\u0000"),
        (Memo(name="\ud800"), "lone surrogate"),
        (None, "the payload cannot be stored as `Memo`: it is None"),
    ],
)
def test_a_payload_that_does_not_fit_is_refused(memo: MemoFlow, payload: Any, text: str) -> None:
    with pytest.raises(PayloadInvalidError) as caught:
        memo.flow.test(payload)
    assert str(caught.value).startswith("[PF202] flow 'memo': ")
    assert text in str(caught.value)


def test_a_key_that_the_result_does_not_have_is_null_as_in_the_engine() -> None:
    flow = Flow("keys", payload=Memo)

    @flow.step
    def counts() -> dict[str, list[int]]:
        return {"a": [1]}

    @flow.step
    def optional(
        n: int | None = counts.result["a"][3], m: int | None = counts.result["b"][0]
    ) -> str:
        return f"{n} {m}"

    @flow.step
    def required(n: int = counts.result["a"][0]) -> int:
        return n

    @flow.step
    def missing(n: int = counts.result["b"][0]) -> int:
        return n

    with pytest.raises(
        FlowTestFailedError, match="step 'missing' failed after 1 attempt"
    ) as caught:
        flow.test(Memo(name=""))
    assert isinstance(caught.value.__cause__, ArgumentsInvalidError)
    run = flow.test(Memo(name=""), replace={counts: lambda: {"a": [1], "b": [2]}})
    assert run.results["optional"] == "None 2"
