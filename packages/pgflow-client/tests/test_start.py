"""Starting, reading, listing and cancelling runs on a connection of the client's own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from pydantic import BaseModel

from pgflow_client import (
    AsyncClient,
    Client,
    ClientClosedError,
    FlowRef,
    RunNotCompletedError,
    StepNotCompletedError,
)
from pgflow_manifest import (
    FlowNotFoundError,
    InvalidArgumentError,
    Manifest,
    NotStorableError,
    OptionOutOfRangeError,
    PayloadInvalidError,
    RunFinishedError,
    RunIdTakenError,
    RunNotFoundError,
    SchemaVersionError,
    SlugInvalidError,
    StepNotFoundError,
)

MEMO = {"object_name": "a.wav", "owner": {"id": 3}}


def test_a_started_run_can_be_read_at_once(client: Client) -> None:
    run = client.start("memo", MEMO)

    snapshot = run.get()
    assert snapshot.run_id == run.run_id
    assert snapshot.flow_slug == "memo"
    assert snapshot.version == 1
    assert snapshot.status == run.status() == "started"
    assert snapshot.payload == MEMO
    assert snapshot.output_or_none is None
    assert snapshot.started_at is not None
    assert snapshot.ended_at is None
    assert [(step.slug, step.status) for step in snapshot.steps] == [
        ("transcribe", "started"),
        ("capitalize", "created"),
        ("summarize", "created"),
        ("merge", "created"),
    ]


def test_a_run_gives_its_results_and_its_output(client: Client, worker: Any) -> None:
    run = client.start("memo", MEMO)
    worker.finish()

    assert run.output(timeout=5) == {"merge": "merge"}
    assert run.result("transcribe") == "transcribe"
    assert run.get().step("merge").attempts == 1
    with pytest.raises(StepNotFoundError, match="'nope'") as caught:
        run.result("nope")
    assert caught.value.hint == "its steps are transcribe, capitalize, summarize, merge"


def test_a_step_that_has_not_completed_has_no_result(client: Client) -> None:
    run = client.start("memo", MEMO)

    with pytest.raises(StepNotCompletedError, match="'merge' created"):
        run.result("merge")
    with pytest.raises(RunNotCompletedError, match="has not ended"):
        assert run.get().output is None


def test_a_model_is_a_payload_too(client: Client) -> None:
    class Owner(BaseModel):
        id: int

    class Memo(BaseModel):
        object_name: str
        owner: Owner

    run = client.start("memo", Memo(object_name="a.wav", owner=Owner(id=3)))

    assert run.get().payload == MEMO


@pytest.mark.parametrize(
    "value",
    [None, 0, "", [], {}, 10**4000, 2**64 + 1, 0.1, "ü\U0001f600\\u0041", {"a": [True, None]}],
)
def test_every_value_comes_back_as_it_was_sent(client: Client, value: object) -> None:
    assert client.start("anything", value).get().payload == value


def test_a_number_longer_than_python_parses_is_read_all_the_same(
    client: Client, deployed: psycopg.Connection
) -> None:
    row = deployed.execute("select pgflow.start_flow('anything', '1e5000')").fetchone()

    assert row is not None
    assert client.get(row[0]).payload == 10**5000


def test_many_runs_start_in_the_order_of_their_payloads(
    client: Client, count_runs: Callable[[], int]
) -> None:
    runs = client.start_many("anything", ({"n": n} for n in range(100)))

    assert [run.get().payload for run in runs[::33]] == [{"n": n} for n in (0, 33, 66, 99)]
    assert count_runs() == 100
    assert client.start_many("anything", []) == []


def test_many_runs_start_all_or_none(client: Client, count_runs: Callable[[], int]) -> None:
    with pytest.raises(PayloadInvalidError, match="payload 1"):
        client.start_many("memo", [MEMO, {"object_name": 3}])
    with pytest.raises(NotStorableError, match="/tags/0"):
        client.start_many("memo", [MEMO, {"object_name": "a", "tags": ["\x00"]}])

    assert count_runs() == 0


def test_a_run_id_of_your_choice_is_used_once(
    client: Client, count_runs: Callable[[], int]
) -> None:
    run_id = uuid4()

    assert client.start("anything", 1, run_id=run_id).run_id == run_id
    with pytest.raises(RunIdTakenError) as caught:
        client.start("anything", 1, run_id=str(run_id))
    assert caught.value.code == "PF303"
    assert caught.value.details["run_id"] == str(run_id)
    assert isinstance(caught.value.__cause__, psycopg.Error)
    assert count_runs() == 1


def test_a_flow_that_was_not_deployed_is_refused_by_the_database(
    database_url: str, manifest: Manifest
) -> None:
    with Client(database_url, manifest=manifest) as client, pytest.raises(FlowNotFoundError) as e:
        client.start("memo", MEMO)

    assert e.value.hint is not None
    assert "deploy" in e.value.hint


def test_a_database_without_pgflow_says_so(empty_database_url: str, manifest: Manifest) -> None:
    with (
        Client(empty_database_url, manifest=manifest) as client,
        pytest.raises(SchemaVersionError, match="no pgflow schema") as caught,
    ):
        client.start("memo", MEMO)

    assert caught.value.hint is not None
    assert "pgflow migrate" in caught.value.hint


def test_an_unknown_run_is_an_error_everywhere(client: Client, deployed: object) -> None:
    for call in (client.get, client.cancel, client.wait, lambda run: list(client.watch(run))):
        with pytest.raises(RunNotFoundError):
            call(uuid4())
        with pytest.raises(InvalidArgumentError, match="'nope' is not a run id"):
            call("nope")


def test_a_handle_of_an_old_run_needs_only_its_id(client: Client, worker: Any) -> None:
    run_id = client.start("anything", 1).run_id
    worker.finish()

    assert client.handle(str(run_id)).output(timeout=5) == {"only": "only"}
    assert FlowRef[int, dict[str, str]]("anything").handle(run_id, client=client).status() == (
        "completed"
    )


def test_runs_are_listed_newest_first(client: Client, worker: Any) -> None:
    # Ids of the engine's own making sort by time only from one millisecond to the next.
    first = client.start("anything", 1, run_id=UUID(int=1))
    worker.finish()
    second = client.start("memo", MEMO, run_id=UUID(int=2))
    third = client.start("anything", 3, run_id=UUID(int=3))

    def ids(**filters: Any) -> list[UUID]:
        return [run.run_id for run in client.list(**filters)]

    assert ids() == [third.run_id, second.run_id, first.run_id]
    assert ids(flow="anything") == [third.run_id, first.run_id]
    assert ids(status="completed") == [first.run_id]
    assert ids(flow="memo", status="completed") == []
    assert ids(limit=1) == [third.run_id]
    assert client.list()[2].ended_at is not None
    with pytest.raises(InvalidArgumentError, match="'done' is not the status"):
        client.list(status="done")  # type: ignore[arg-type]
    with pytest.raises(OptionOutOfRangeError):
        client.list(limit=0)
    with pytest.raises(SlugInvalidError):
        client.list(flow="\x00")


def test_a_run_is_cancelled_once(client: Client, worker: Any) -> None:
    run = client.start("memo", MEMO)

    assert run.cancel("not needed") == "cancelled"
    assert run.cancel() == "cancelled"
    snapshot = run.get()
    assert snapshot.status == "cancelled"
    assert snapshot.error is not None
    assert snapshot.error.message == "not needed"
    assert worker.claim() == {}


def test_a_completed_run_cannot_be_cancelled(client: Client, worker: Any) -> None:
    run = client.start("anything", 1)
    worker.finish()

    with pytest.raises(RunFinishedError) as caught:
        run.cancel()
    assert caught.value.details["status"] == "completed"


def test_a_reason_that_cannot_be_stored_is_refused(client: Client) -> None:
    run = client.start("memo", MEMO)

    with pytest.raises(NotStorableError, match=r"the reason cannot be stored: .*u0000"):
        run.cancel("a\x00b")
    assert run.status() == "started"


def test_a_closed_client_says_so(client: Client) -> None:
    client.close()
    client.close()

    with pytest.raises(ClientClosedError):
        client.list()


def test_the_client_notices_that_its_connection_was_ended(
    client: Client, deployed: psycopg.Connection
) -> None:
    for value in (1, 2):
        assert client.start("anything", value).get().payload == value
        deployed.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
            "where application_name = 'pgflow-client'"
        )
    assert client.start("anything", 3).get().payload == 3


def test_the_default_manifest_and_url_are_found(
    deployed: object,
    database_url: str,
    manifest: Manifest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    from pgflow_manifest import write_manifest

    write_manifest(manifest, tmp_path / "flows.manifest.json")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database_url)
    with Client() as client:
        assert client.start("anything", 1).status() == "started"


@pytest.fixture
def async_client(deployed: object, database_url: str, manifest: Manifest) -> AsyncClient:
    return AsyncClient(database_url, manifest=manifest)


async def test_the_asynchronous_client_does_the_same(
    async_client: AsyncClient, worker: Any
) -> None:
    async with async_client as client:
        run = await client.start("memo", MEMO)
        many = await client.start_many("anything", [1, 2])
        assert await run.status() == "started"
        assert (await many[1].get()).payload == 2
        assert await many[0].cancel("no") == "cancelled"
        run_two = await FlowRef[int, dict[str, str]]("anything").run(5, client=client)
        assert await client.handle(run_two.run_id).status() == "started"
        worker.conn.execute("select pgflow.cancel_run(%s)", (many[1].run_id,))
        cancelled = await client.list(status="cancelled")
        assert {summary.run_id for summary in cancelled} == {handle.run_id for handle in many}
        while tasks := worker.claim():
            for task in tasks.values():
                worker.complete(task, task.step_slug)
        assert await run.result("merge") == "merge"
        assert await run.output(timeout=5) == {"merge": "merge"}
        with pytest.raises(RunNotFoundError):
            await client.get(uuid4())
        with pytest.raises(PayloadInvalidError):
            await client.start("memo", {})
        worker.conn.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
            "where application_name = 'pgflow-client'"
        )
        assert await run.status() == "completed"
    with pytest.raises(ClientClosedError):
        await client.list()
