"""A flow at hand starts runs typed by its payload, and by its steps: nothing is reported."""

from __future__ import annotations

import uuid

from pgflow_client import AsyncClient, Client
from pgflow_dsl import AsyncStartedRun, Flow, StartedRun
from shared import Transcription, VoiceMemo
from typing_extensions import assert_type

flow = Flow("voice_memo", payload=VoiceMemo)


@flow.step
async def transcribe(memo: VoiceMemo = flow.payload) -> Transcription:
    return Transcription(transcription=memo.object_name, seconds=1.5)


@flow.step
def words(t: Transcription = transcribe.result) -> list[str]:
    return t.transcription.split()


def blocking(client: Client) -> None:
    run = flow.run(VoiceMemo(object_name="a", owner_id="b"), client=client)
    assert_type(run, StartedRun)
    assert_type(run.run_id, uuid.UUID)
    assert_type(run.wait(30).result(transcribe), Transcription)
    assert_type(run.result(words, timeout=3), list[str])


async def awaiting(client: AsyncClient) -> None:
    run = await flow.run(
        VoiceMemo(object_name="a", owner_id="b"), client=client, run_id=uuid.uuid4()
    )
    assert_type(run, AsyncStartedRun)
    assert_type(await run.result(transcribe), Transcription)
    assert_type(await (await run.wait()).result(words), list[str])
