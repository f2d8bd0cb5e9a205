"""A map step runs in memory as in production: one task for each item, the results in order."""

import asyncio
from collections import defaultdict
from typing import Any

import pytest
from pydantic import BaseModel

from pgflow_dsl import Flow, FlowTestFailedError, GiveUp, Retry, StepContext, each
from pgflow_manifest import ArgumentsInvalidError, HandlerTimeoutError, ResultNotSerializableError


class Word(BaseModel):
    """An item."""

    text: str
    marks: list[str] = []


class Sheet(BaseModel):
    """What the flow starts with."""

    words: list[Word]
    end: str = "."


def sheet(*texts: str) -> Sheet:
    return Sheet(words=[Word(text=text) for text in texts])


def words_flow() -> Flow[Sheet]:
    flow = Flow("words", payload=Sheet)

    @flow.map
    async def shout(word: Word = each[flow.payload.words], end: str = flow.payload.end) -> Word:
        return Word(text=word.text.upper() + end)

    @flow.map
    def spell(text: str = shout.each.text) -> list[str]:
        return list(text)

    @flow.step
    def join(letters: list[list[str]] = spell.result, words: list[Word] = shout.result) -> str:
        return f"{len(words)}:" + "".join(letter for each in letters for letter in each)

    return flow


def test_maps_over_maps_give_lists_in_the_order_of_the_items() -> None:
    run = words_flow().test(sheet("a", "bc"))
    assert run.results == {
        "shout": [Word(text="A."), Word(text="BC.")],
        "spell": [["A", "."], ["B", "C", "."]],
        "join": "2:A.BC.",
    }
    assert run.attempts == {"shout": 2, "spell": 2, "join": 1}
    assert run.output == {"join": "2:A.BC."}


def test_maps_of_no_items_complete_without_a_task() -> None:
    run = words_flow().test(sheet())
    assert run.results == {"shout": [], "spell": [], "join": "0:"}
    assert run.attempts == {"shout": 0, "spell": 0, "join": 1}


def test_results_are_in_order_whatever_ends_first() -> None:
    flow = Flow("backwards", payload=list[int])
    ended = [asyncio.Event() for _ in range(5)]

    @flow.map
    async def wait(n: int = each[flow.payload]) -> int:
        if n < 4:
            await ended[n + 1].wait()
        ended[n].set()
        return n

    assert flow.test([0, 1, 2, 3, 4]).result(wait) == [0, 1, 2, 3, 4]


def test_every_item_has_its_own_attempts_and_its_own_context() -> None:
    flow = Flow("own", payload=list[str], max_attempts=3)
    seen: dict[int, list[StepContext]] = defaultdict(list)

    @flow.map(timeout=60)
    def work(item: str = each[flow.payload], ctx: StepContext = flow.context) -> str:
        seen[ctx.task_index].append(ctx)
        if item == "unsteady" and ctx.attempt < 3:
            raise Retry("again")
        return item

    run = flow.test(["steady", "unsteady", "steady"])
    assert run.result(work) == ["steady", "unsteady", "steady"]
    assert {index: [ctx.attempt for ctx in seen[index]] for index in range(3)} == {
        0: [1],
        1: [1, 2, 3],
        2: [1],
    }
    assert run.attempts == {"work": 5}
    assert [ctx.idempotency_key for ctx in seen[1]] == [f"{run.run_id}/work/1"] * 3
    assert seen[2][0].log.extra is not None
    assert seen[2][0].log.extra["task_index"] == 2
    assert seen[2][0].max_attempts == 3


def test_an_item_that_uses_up_its_attempts_fails_the_step_and_is_named() -> None:
    flow = Flow("fails", payload=list[int], max_attempts=2, base_delay=0)
    stopped: list[int] = []

    @flow.map
    async def work(n: int = each[flow.payload]) -> int:
        if n == 13:
            raise ValueError("unlucky")
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(n)
        return n

    with pytest.raises(FlowTestFailedError) as caught:
        flow.test([1, 13, 2])
    error = caught.value
    assert error.message == (
        "flow 'fails': step 'work' failed at item 1 after 2 attempts: ValueError: unlucky"
    )
    assert (error.step_slug, error.task_index, error.attempts) == ("work", 1, 2)
    assert error.details == {"flow": "fails", "step": "work", "task_index": 1, "attempts": 2}
    assert isinstance(error.__cause__, ValueError)
    assert sorted(stopped) == [1, 2]


def test_what_is_not_retried_fails_the_step_at_once() -> None:
    flow = Flow("at_once", payload=list[str], max_attempts=9)

    @flow.map
    def work(text: str = each[flow.payload]) -> str:
        if text == "give up":
            raise GiveUp("hopeless")
        return text

    with pytest.raises(FlowTestFailedError, match="at item 1 after 1 attempt: GiveUp: hopeless"):
        flow.test(["fine", "give up"])
    with pytest.raises(FlowTestFailedError, match="at item 0 after 1 attempt") as caught:
        flow.test(["\0"], replace={work: lambda: "a\0b"})
    assert isinstance(caught.value.__cause__, ResultNotSerializableError)


def test_a_timeout_is_that_of_one_item() -> None:
    flow = Flow("slow", payload=list[int], max_attempts=1)

    @flow.map(timeout=0.01)
    async def work(n: int = each[flow.payload]) -> int:
        if n:
            await asyncio.Event().wait()
        return n

    with pytest.raises(FlowTestFailedError, match="at item 2 after 1 attempt") as caught:
        flow.test([0, 0, 1])
    assert isinstance(caught.value.__cause__, HandlerTimeoutError)


def test_a_replacement_is_called_for_each_item() -> None:
    flow = words_flow()

    def fake(word: Word) -> Word:
        return Word(text=word.text * 2)

    run = flow.test(sheet("a", "b"), replace={flow.steps["shout"]: fake})
    assert run.results["join"] == "2:aabb"
    quiet = flow.test(sheet("a", "b"), replace={flow.steps["spell"]: lambda: ["x"]})
    assert quiet.results["join"] == "2:xx"


def test_many_items_are_fine() -> None:
    flow = Flow("many", payload=list[int])

    @flow.map
    async def double(n: int = each[flow.payload]) -> int:
        return 2 * n

    assert flow.test(list(range(2_000))).result(double) == list(range(0, 4_000, 2))


def test_a_list_that_is_not_there_fails_the_step_without_an_attempt() -> None:
    flow = Flow("missing", payload=list[list[int]])

    @flow.map
    def work(n: int = each[flow.payload[3]]) -> int:
        return n

    assert flow.test([[], [], [], [1, 2]]).result(work) == [1, 2]
    with pytest.raises(
        FlowTestFailedError, match=r"before its first.*`flow\.payload\[3\]`"
    ) as caught:
        flow.test([[]])
    assert isinstance(caught.value.__cause__, ArgumentsInvalidError)
    assert caught.value.attempts == 0


def test_items_of_a_handler_without_annotation_are_handed_on_as_they_are() -> None:
    flow = Flow("untyped", payload=Sheet)

    @flow.step
    def split(sheet=flow.payload):  # type: ignore[no-untyped-def]  # what is tested
        return [Word(text=word.text, marks=["m"]) for word in sheet.words]

    @flow.map
    def mark(word=split.each, text=split.each.text, ctx=flow.context):  # type: ignore[no-untyped-def]  # what is tested
        word.marks.append(text)
        return {"word": word, "index": ctx.task_index}

    @flow.step
    def join(marked=mark.result, before=split.result, first=mark.result[0]["index"]):  # type: ignore[no-untyped-def]  # what is tested
        marks = [each["word"].marks for each in marked]
        return marks, [word.marks for word in before], first

    run = flow.test(sheet("a", "b"))
    assert run.results["join"] == ([["m", "a"], ["m", "b"]], [["m"], ["m"]], 0)
    assert run.attempts == {"split": 1, "mark": 2, "join": 1}


def test_what_an_unannotated_handler_returns_must_be_a_list_to_go_over() -> None:
    flow = Flow("no_list", payload=list[int])

    @flow.step
    def count(ns=flow.payload):  # type: ignore[no-untyped-def]  # what is tested
        return len(ns)

    anything: Any = count

    @flow.map
    def work(n=anything.each):  # type: ignore[no-untyped-def]  # what is tested
        return n

    with pytest.raises(FlowTestFailedError, match=r"goes over `count\.result`.*`int`"):
        flow.test([1])
    del work
