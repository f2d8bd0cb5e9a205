"""Flows and checks that the tests of the DSL share."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, cast

import pytest
from pydantic import BaseModel
from typing_extensions import TypeVar

from pgflow_dsl import Flow, Step, StepContext, StepDecorator
from pgflow_manifest import PgflowError

T = TypeVar("T")


class Memo(BaseModel):
    """What the flows start with."""

    name: str
    lang: str = "en"


class Text(BaseModel):
    """What the first step gives."""

    text: str


class Model(BaseModel):
    """A payload or result like any other."""

    n: int
    text: str | None = None


class Page(BaseModel, Generic[T]):
    """A generic model."""

    items: list[T]


class Custom:
    """A class that pydantic knows nothing about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoFlow:
    """A diamond of sync and async steps that take wholes and parts."""

    flow: Flow[Memo]
    transcribe: Step[Text]
    summarize: Step[str]
    capitalize: Step[str]
    merge: Step[tuple[str, str]]


def memo_flow() -> MemoFlow:
    """Return the diamond, made anew."""
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

    return MemoFlow(
        flow=flow, transcribe=transcribe, summarize=summarize, capitalize=capitalize, merge=merge
    )


def flow_of_one_step() -> tuple[Flow[Memo], Step[Text]]:
    """Return a flow, and its only step so far."""
    flow = Flow("memo", payload=Memo)

    @flow.step
    def transcribe(memo: Memo = flow.payload) -> Text:
        return Text(text=memo.name)

    return flow, transcribe


def flow_raising(*errors: BaseException, **options: Any) -> tuple[Flow[Memo], list[StepContext]]:
    """Return a flow whose step raises *errors*, one an attempt, and the contexts it will see."""
    flow = Flow("unsteady", payload=Memo, max_attempts=2)
    left: list[BaseException] = list(errors)
    contexts: list[StepContext] = []

    # of several overloads that options of any type fit, pyright picks none
    with_options = cast("StepDecorator", flow.step(**options))

    @with_options
    def work(ctx: StepContext = flow.context) -> int:
        contexts.append(ctx)
        if left:
            raise left.pop(0)
        return ctx.attempt

    @flow.step
    def after_it(n: int = work.result) -> int:
        return n

    assert list(flow.steps.values()) == [work, after_it]
    return flow, contexts


def step_returning(annotation: Any) -> tuple[Step[Any], Step[Any]]:
    """Return a step with that result type, and one that takes its result as `it`."""
    flow = Flow("codec", payload=Model)

    def made() -> None: ...

    made.__annotations__["return"] = annotation
    step: Step[Any] = flow.step(made)

    def reader(it: Any = step.result) -> None: ...

    reader.__annotations__["it"] = annotation
    return step, flow.step(reader)


def define(flow: Flow[Any], fn: Callable[..., Any], **options: Any) -> Callable[[], object]:
    """Return what makes *fn* a step of *flow*, to be called by `refused`."""
    if options:
        return lambda: cast("StepDecorator", flow.step(**options))(fn)
    return lambda: flow.step(fn)


def refused(kind: type[PgflowError], define: Callable[[], object], *parts: str) -> PgflowError:
    """Assert that *define* is refused with *parts* in the text, a mend and the file to blame."""
    with pytest.raises(kind) as caught:
        define()
    text = str(caught.value)
    for part in parts:
        assert part in text
    assert "\n  mend: " in text
    caller = inspect.stack()[1].filename
    assert caught.value.details["file"] in (caller, __file__)
    return caught.value
