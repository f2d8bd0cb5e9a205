"""Wrong payloads, clients and uses of results: every checker must report each line."""

from __future__ import annotations

from pgflow_client import AsyncClient, Client
from run_ok import flow, transcribe, words
from shared import Summary, VoiceMemo

memo = VoiceMemo(object_name="a", owner_id="b")


def blocking(client: Client) -> None:
    flow.run({"object_name": "a"}, client=client)  # error
    flow.run(client=client)  # error
    flow.run(memo)  # error
    flow.run(memo, client="postgresql:///app")  # error
    run = flow.run(memo, client=client)
    summary: Summary = run.result(transcribe)  # error
    number: int = run.result(words)[0]  # error
    run.result("transcribe")  # error
    run.wait(timeout="30s")  # error


async def awaiting(client: AsyncClient) -> None:
    await flow.run({"object_name": "a"}, client=client)  # error
    run = await flow.run(memo, client=client)
    summary: Summary = await run.result(transcribe)  # error
    not_awaited: list[str] = run.result(words)  # error
    unstarted = flow.run(memo, client=client)
    unstarted.run_id  # error
