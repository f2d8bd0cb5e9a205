"""Wrong uses of the typed client; never executed. Every ignore must be needed by every checker."""

from typing import TypedDict

import psycopg
from pgflow_client import AsyncClient, Client, FlowRef, RunHandle


class Memo(TypedDict):
    object_name: str


class Output(TypedDict):
    merge: str


voice_memo: FlowRef[Memo, Output] = FlowRef("voice_memo")


def synchronous(client: Client, conn: psycopg.AsyncConnection) -> None:
    run = voice_memo.run({"object_name": "a"}, client=client)
    run.output()["mergee"]  # type: ignore[typeddict-item]
    voice_memo.run({}, client=client)  # type: ignore[call-overload]
    voice_memo.run({"object_name": 1}, client=client)  # type: ignore[call-overload]
    voice_memo.run({"object_name": "a", "b": 1}, client=client)  # type: ignore[call-overload]
    voice_memo.run_many([{}], client=client)  # type: ignore[typeddict-item]
    _other: RunHandle[int] = run  # type: ignore[assignment]
    client.start(3, {})  # type: ignore[call-overload]
    client.list(status="done")  # type: ignore[arg-type]
    client.start("voice_memo", {}).output()["merge"]  # type: ignore[index, call-overload]
    Client(conn)  # type: ignore[arg-type]


async def asynchronous(client: AsyncClient) -> None:
    voice_memo.run({"object_name": "a"}, client=client).output()  # type: ignore[attr-defined]
    _handle: RunHandle[Output] = await voice_memo.run({"object_name": "a"}, client=client)  # type: ignore[assignment]
