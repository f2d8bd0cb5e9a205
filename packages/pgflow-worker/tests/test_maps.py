"""Map steps in a worker: arguments of each item, result of one task, index in context and log."""

import json
import logging

import pytest
from pydantic import BaseModel
from tests.support.fix_worker import Engine, Serve

from pgflow_dsl import Flow, GiveUp, Retry, StepContext, each


class Word(BaseModel):
    text: str
    tags: list[str] = []


class Book(BaseModel):
    title: str
    words: list[Word]


def book_flow() -> Flow[Book]:
    flow = Flow("book", payload=Book, base_delay=0)

    @flow.map
    async def measure(
        word: Word = each[flow.payload.words],
        title: str = flow.payload.title,
        ctx: StepContext = flow.context,
    ) -> dict[str, str | int]:
        return {"word": word.text, "of": title, "index": ctx.task_index}

    @flow.map
    def shout(
        text: str = each[flow.payload.words].text, tags: list[str] = each[flow.payload.words].tags
    ) -> Word:
        return Word(text=text.upper(), tags=tags)

    @flow.map
    def again(word: Word = shout.each) -> str:
        return word.text + "!"

    @flow.step
    def end(words: list[Word] = shout.result, marks: list[str] = again.result) -> list[str]:
        return [word.text for word in words] + marks

    return flow


BOOK = {"title": "T", "words": [{"text": "a", "tags": ["x"]}, {"text": "b"}, {"text": "c"}]}


async def test_items_reach_the_handler_typed_and_results_come_in_order(
    engine: Engine, serve: Serve
) -> None:
    async with serve(book_flow()):
        run = await engine.ended(engine.start("book", BOOK))
    results = {step["slug"]: step["result"] for step in run["steps"]}
    assert results == {
        "measure": [{"word": word, "of": "T", "index": index} for index, word in enumerate("abc")],
        "shout": [
            {"text": "A", "tags": ["x"]},
            {"text": "B", "tags": []},
            {"text": "C", "tags": []},
        ],
        "again": ["A!", "B!", "C!"],
        "end": ["A", "B", "C", "A!", "B!", "C!"],
    }


async def test_empty_lists_pass_without_a_handler(engine: Engine, serve: Serve) -> None:
    async with serve(book_flow()):
        run = await engine.ended(engine.start("book", {"title": "T", "words": []}))
    assert run["output"] == {"measure": [], "end": []}
    assert engine.value("select count(*) from pgflow.attempts") == 1


async def test_more_items_than_the_worker_runs_at_once(engine: Engine, serve: Serve) -> None:
    flow = Flow("many", payload=list[int])
    running: set[str] = set()
    most = 0

    @flow.map
    def square(n: int = each[flow.payload], ctx: StepContext = flow.context) -> int:
        nonlocal most
        running.add(ctx.idempotency_key)
        most = max(most, len(running))
        running.discard(ctx.idempotency_key)
        return n * n

    async with serve(flow, concurrency=7):
        run = await engine.ended(engine.start("many", list(range(1_000))))
    assert run["output"] == {"square": [n * n for n in range(1_000)]}
    assert most <= 7


async def test_item_is_retried_alone_and_its_key_stays(engine: Engine, serve: Serve) -> None:
    flow = Flow("retried", payload=list[str], base_delay=0)
    keys: list[str] = []

    @flow.map
    def once_more(word: str = each[flow.payload], ctx: StepContext = flow.context) -> str:
        if word == "b":
            keys.append(ctx.idempotency_key)
            if ctx.attempt == 1:
                raise Retry("not yet", after=0)
        return word

    async with serve(flow):
        run_id = engine.start("retried", ["a", "b", "c"])
        run = await engine.ended(run_id)
    assert run["output"] == {"once_more": ["a", "b", "c"]}
    assert keys == [f"{run_id}/once_more/1"] * 2
    assert len(engine.attempts(run_id, "once_more")) == 4


async def test_item_that_fails_for_good_is_named(
    engine: Engine, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    flow = Flow("failing", payload=list[int])

    @flow.map
    def check(n: int = each[flow.payload]) -> int:
        if n == 0:
            raise GiveUp("nothing here")
        return n

    with caplog.at_level(logging.INFO):
        async with serve(flow):
            run = await engine.ended(engine.start("failing", [1, 2, 0, 3]))
    assert run["status"] == "failed"
    assert (run["error"]["step"], run["error"]["task_index"]) == ("check", 2)
    [told] = [record for record in caplog.records if vars(record).get("reason") == "nothing here"]
    assert vars(told)["task_index"] == 2


async def test_log_lines_of_a_handler_name_its_item(
    engine: Engine, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    from pgflow_worker.logs import ConsoleFormatter, JsonFormatter

    flow = Flow("logging_map", payload=list[str])
    lines: list[tuple[str, str]] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append((JsonFormatter("w").format(record), ConsoleFormatter().format(record)))

    @flow.map
    def tell(word: str = each[flow.payload], ctx: StepContext = flow.context) -> None:
        logging.getLogger("mine").warning("seen %s", word)

    keep = Keep()
    logging.getLogger("mine").addHandler(keep)
    try:
        async with serve(flow):
            await engine.ended(engine.start("logging_map", ["a", "b"]))
    finally:
        logging.getLogger("mine").removeHandler(keep)
    told = {json.loads(text)["task_index"]: console for text, console in lines}
    assert set(told) == {0, 1}
    assert "logging_map.tell[1] seen b" in told[1]
    assert "task_index" not in told[1]
