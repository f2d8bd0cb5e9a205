"""Correct uses of the typed client; never executed, must be clean under every type checker."""

from collections.abc import AsyncIterator, Iterator
from typing import TypedDict, assert_type

import psycopg
from pgflow_client import (
    AsyncClient,
    AsyncRunHandle,
    Client,
    FlowRef,
    Json,
    RunCompleted,
    RunEvent,
    RunHandle,
    RunSnapshot,
    StepProgressed,
    StepRetrying,
    TaskCounts,
)
from pydantic import BaseModel


class Memo(TypedDict):
    object_name: str
    owner_id: int


class Output(TypedDict):
    merge: str


class MemoModel(BaseModel):
    object_name: str


voice_memo: FlowRef[Memo, Output] = FlowRef("voice_memo")
by_model: FlowRef[MemoModel, Output] = FlowRef("voice_memo")


def synchronous(client: Client, conn: psycopg.Connection) -> None:
    run = voice_memo.run({"object_name": "a", "owner_id": 1}, client=client)
    assert_type(run, RunHandle[Output])
    assert_type(run.output()["merge"], str)
    assert_type(run.wait(timeout=3), RunSnapshot[Output])
    assert_type(run.wait().output["merge"], str)
    assert_type(run.get().output_or_none, Output | None)
    assert_type(run.result("merge"), Json)
    assert_type(run.watch(), Iterator[RunEvent])
    assert_type(
        voice_memo.run_many([{"object_name": "a", "owner_id": 1}], client=client),
        list[RunHandle[Output]],
    )
    assert_type(by_model.run(MemoModel(object_name="a"), client=client), RunHandle[Output])
    assert_type(voice_memo.handle(run.run_id, client=client), RunHandle[Output])

    assert_type(client.start(voice_memo, {"object_name": "a", "owner_id": 1}), RunHandle[Output])
    assert_type(client.start("voice_memo", {"object_name": "a"}), RunHandle[Json])
    assert_type(client.start("voice_memo", {}).output(), Json)
    assert_type(client.handle(run.run_id), RunHandle[Json])
    assert_type(client.handle(run.run_id, voice_memo), RunHandle[Output])
    assert_type(client.start_many(voice_memo, []), list[RunHandle[Output]])
    client.list(voice_memo, status="completed")
    Client(conn)

    for event in run.watch():
        match event:
            case StepRetrying(step_slug=slug, attempt=attempt):
                assert_type(slug, str)
                assert_type(attempt, int)
            case StepProgressed(tasks=tasks):
                assert_type(tasks, TaskCounts)
                assert_type(event.snapshot.step("m").tasks, TaskCounts | None)
            case RunCompleted():
                assert_type(event.output, Json)
            case _:
                assert_type(event.snapshot, RunSnapshot)


async def asynchronous(client: AsyncClient, conn: psycopg.AsyncConnection) -> None:
    run = await voice_memo.run({"object_name": "a", "owner_id": 1}, client=client)
    assert_type(run, AsyncRunHandle[Output])
    assert_type((await run.output())["merge"], str)
    assert_type((await run.wait()).output["merge"], str)
    assert_type(await run.result("merge"), Json)
    assert_type(run.watch(), AsyncIterator[RunEvent])
    assert_type(await client.start("voice_memo", {}), AsyncRunHandle[Json])
    assert_type(await client.start(voice_memo, {}), AsyncRunHandle[Output])
    assert_type(voice_memo.handle(run.run_id, client=client), AsyncRunHandle[Output])
    AsyncClient(conn)
