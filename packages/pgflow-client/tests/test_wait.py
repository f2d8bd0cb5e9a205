"""Waiting for the end of a run: how it is noticed, how it is told, what it survives."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg import sql

from pgflow_client import (
    AsyncClient,
    Client,
    DatabaseUnreachableError,
    RunCancelledError,
    RunFailedError,
    RunSnapshot,
    WaitTimeoutError,
    wait,
)
from pgflow_manifest import Manifest

MEMO = {"object_name": "a.wav"}


@pytest.fixture
def in_background() -> Iterator[Callable[..., Future[Any]]]:
    with ThreadPoolExecutor(max_workers=32) as executor:
        yield executor.submit


def until_listening(conn: psycopg.Connection, count: int = 1) -> None:
    """Return once *count* connections LISTEN for runs and rest."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        row = conn.execute(
            "select count(*) from pg_stat_activity "
            "where query like 'listen%%pgflow_run_%%' and state = 'idle'"
        ).fetchone()
        if row == (count,):
            return
        time.sleep(0.005)
    raise TimeoutError


def until_no_session_is_left(conn: Any) -> None:
    """Wait until the server has ended the sessions of closed connections."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        row = conn.execute(
            "select count(*) from pg_stat_activity "
            "where application_name = 'pgflow-client' and datname = current_database()"
        ).fetchone()
        if row == (0,):
            return
        time.sleep(0.005)
    raise TimeoutError


@pytest.fixture
def without_polling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let only a notification end a wait in time."""
    for name in ("_FIRST_DELAY", "_LONGEST_DELAY", "_LONGEST_DELAY_WHEN_NOTIFIED"):
        monkeypatch.setattr(wait, name, 60.0)


def test_a_run_that_has_ended_is_returned_at_once(client: Client, worker: Any) -> None:
    run = client.start("anything", 1)
    worker.finish()

    assert run.wait(timeout=0).status == "completed"
    row = worker.conn.execute("select count(*) from pgflow.watches").fetchone()
    assert row == (0,), "nothing was to be watched"


@pytest.mark.usefixtures("without_polling")
def test_a_notification_ends_the_wait(
    client: Client, worker: Any, in_background: Callable[..., Future[RunSnapshot]]
) -> None:
    run = client.start("anything", 1)
    waiting = in_background(run.wait, 30)
    until_listening(worker.conn)

    worker.finish()

    assert waiting.result(timeout=5).status == "completed"


def test_behind_a_pooler_without_listen_polling_ends_the_wait(
    deployed: psycopg.Connection,
    url_for: Callable[[str], str],
    manifest: Manifest,
    worker: Any,
    in_background: Callable[..., Future[RunSnapshot]],
) -> None:
    """Such a client gets one connection and no more."""
    url = url_for("pgflow_client")
    role = psycopg.conninfo.conninfo_to_dict(url)["user"]
    deployed.execute(sql.SQL("alter role {} connection limit 1").format(sql.Identifier(str(role))))
    with Client(url, manifest=manifest) as client:
        run = client.start("anything", 1)
        waiting = in_background(run.wait, 30)
        until_watched(deployed)

        worker.finish()

        assert waiting.result(timeout=5).status == "completed"


def until_watched(conn: psycopg.Connection, count: int = 1) -> None:
    """Return once *count* runs are watched."""
    deadline = time.monotonic() + 10
    while conn.execute("select count(*) from pgflow.watches").fetchone() != (count,):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_time_that_is_up_is_told_with_every_unfinished_step(
    client: Client, worker: Any
) -> None:
    run = client.start("memo", MEMO)
    worker.complete(worker.claim()["transcribe"])
    tasks = worker.claim()
    worker.fail(tasks["summarize"])

    with pytest.raises(WaitTimeoutError) as caught:
        run.wait(timeout=0.01)

    assert isinstance(caught.value, TimeoutError)
    message = caught.value.message
    assert f"run {run.run_id} of flow 'memo' has not ended after 0.01 s: status started" in message
    assert "step 'capitalize' started, attempt 1 running on worker 'hand'" in message
    assert "step 'summarize' started, attempt 1, again at" in message
    assert "step 'merge' created" in message
    assert "transcribe" not in message
    assert caught.value.details["unfinished"] == {
        "capitalize": "started",
        "summarize": "started",
        "merge": "created",
    }


def test_a_timeout_of_zero_looks_once(client: Client) -> None:
    with pytest.raises(WaitTimeoutError, match="waiting for a worker"):
        client.start("anything", 1).wait(timeout=0)


def test_a_failed_run_tells_step_error_and_attempts(client: Client, worker: Any) -> None:
    run = client.start("memo", MEMO)
    worker.complete(worker.claim()["transcribe"])
    for _ in range(3):
        task = worker.claim().get("summarize") or worker.claim()["summarize"]
        worker.fail(task, message="no luck")

    assert run.wait(timeout=5).status == "failed"
    with pytest.raises(RunFailedError) as caught:
        run.output(timeout=5)

    assert caught.value.message == (
        f"run {run.run_id} of flow 'memo' failed: step 'summarize' failed after 3 attempts: "
        "[PF603] ValueError: no luck"
    )
    assert caught.value.details["steps"] == [
        {
            "step": "summarize",
            "attempts": 3,
            "code": "PF603",
            "type": "ValueError",
            "message": "no luck",
            "errors": [],
        }
    ]


def test_a_result_that_does_not_fit_is_told_with_its_json_pointers(
    client: Client, worker: Any
) -> None:
    run = client.start("labels", None)
    worker.complete(worker.claim()["write"], {"object_name": 1, "tags": ["a", 2]})

    error = run.wait(timeout=5).step("write").error
    assert error is not None
    assert error.code == "PF606"
    assert sorted(map(str, error.faults)) == [
        "at /object_name, expected string, got number",
        "at /tags/1, expected string, got number",
    ]
    with pytest.raises(RunFailedError) as caught:
        run.output(timeout=5)
    [step] = caught.value.details["steps"]
    assert {fault["at"] for fault in step["errors"]} == {"/object_name", "/tags/1"}
    assert {fault["keyword"] for fault in step["errors"]} == {"type"}


def test_a_failure_does_not_print_a_huge_message(client: Client, worker: Any) -> None:
    run = client.start("one_try", 1)
    worker.fail(worker.claim()["first"], message="x" * 100_000)

    with pytest.raises(RunFailedError, match="after 1 attempt:") as caught:
        run.output(timeout=5)
    assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize(
    ("reason", "told"), [(None, "was cancelled$"), ("too late", "was cancelled: too late$")]
)
def test_a_cancelled_run_has_no_output(
    client: Client, worker: Any, reason: str | None, told: str
) -> None:
    run = client.start("memo", MEMO)
    run.cancel(reason)

    assert run.wait(timeout=5).status == "cancelled"
    with pytest.raises(RunCancelledError) as caught:
        run.output(timeout=5)
    assert caught.value.message.startswith(f"run {run.run_id} of flow 'memo' was cancelled")
    assert caught.value.message.endswith(told.removesuffix("$"))


@pytest.mark.usefixtures("without_polling")
def test_many_waits_share_one_connection(
    client: Client, worker: Any, in_background: Callable[..., Future[RunSnapshot]]
) -> None:
    runs = client.start_many("anything", range(20))
    waits = [in_background(run.wait, 30) for run in [*runs, runs[0]]]
    until_watched(worker.conn, 20)
    until_listening(worker.conn)

    worker.conn.execute("select pgflow.cancel_run(run_id) from pgflow.runs")

    assert {done.result(timeout=10).status for done in waits} == {"cancelled"}


def test_nothing_is_left_behind_by_a_closed_client(client: Client, worker: Any) -> None:
    events = client.start("anything", 1).watch(timeout=30)
    next(events)
    next(events)
    reader = threading.Thread(target=lambda: list(events))
    reader.start()
    until_listening(worker.conn)
    worker.finish()
    reader.join()

    client.close()

    assert not [thread for thread in threading.enumerate() if "pgflow" in thread.name]
    until_no_session_is_left(worker.conn)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_of_the_database_is_waited_out(  # noqa: PLR0917
    client: Client,
    pg_server: Any,
    database_url: str,
    worker: Any,
    in_background: Callable[..., Future[RunSnapshot]],
    mode: str,
) -> None:
    run = client.start("anything", 1)
    waiting = in_background(run.wait, 60)
    until_listening(worker.conn)

    worker.conn.execute("checkpoint")  # the server of the tests is not durable
    pg_server.restart(mode)
    with psycopg.connect(database_url, autocommit=True) as conn:
        assert not waiting.done()
        worker.conn = conn
        worker.finish()

        assert waiting.result(timeout=20).status == "completed"


def test_a_database_that_stays_away_ends_in_the_timeout(
    client: Client, pg_server: Any, in_background: Callable[..., Future[RunSnapshot]], worker: Any
) -> None:
    run = client.start("anything", 1)
    waiting = in_background(run.wait, 1)
    until_listening(worker.conn)
    pg_server.stop("fast")
    try:
        with pytest.raises(WaitTimeoutError, match="cannot connect") as caught:
            waiting.result(timeout=20)
        assert "status started" in caught.value.message
        with pytest.raises(DatabaseUnreachableError) as lost:
            run.status()
        assert lost.value.was_reachable
    finally:
        pg_server.start()


@pytest.mark.usefixtures("without_polling")
async def test_the_asynchronous_client_is_notified_too(
    deployed: object, database_url: str, manifest: Manifest, worker: Any
) -> None:
    async with AsyncClient(database_url, manifest=manifest) as client:
        runs = await client.start_many("anything", range(20))
        waits = [asyncio.create_task(run.wait(30)) for run in runs]
        await asyncio.to_thread(until_watched, worker.conn, 20)
        await asyncio.to_thread(until_listening, worker.conn)

        worker.conn.execute("select pgflow.cancel_run(run_id) from pgflow.runs")

        async with asyncio.timeout(10):
            assert {run.status for run in await asyncio.gather(*waits)} == {"cancelled"}


async def test_the_asynchronous_client_waits_out_a_restart(
    deployed: object, database_url: str, manifest: Manifest, worker: Any, pg_server: Any
) -> None:
    async with AsyncClient(database_url, manifest=manifest) as client:
        run = await client.start("anything", 1)
        with pytest.raises(WaitTimeoutError, match="'only' started"):
            await run.output(timeout=0.01)
        waiting = asyncio.create_task(run.wait(60))
        await asyncio.to_thread(until_listening, worker.conn)
        await asyncio.to_thread(pg_server.restart, "fast")
        with psycopg.connect(database_url, autocommit=True) as conn:
            worker.conn = conn
            worker.finish()
            assert (await waiting).status == "completed"


async def test_a_wait_that_is_cancelled_leaves_the_client_usable(
    deployed: object, database_url: str, manifest: Manifest, worker: Any
) -> None:
    async with AsyncClient(database_url, manifest=manifest) as client:
        run = await client.start("anything", 1)
        for seconds in (0.001, 0.01, 0.05):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(seconds):
                    await run.wait()
        worker.finish()
        assert await run.output(timeout=10) == {"only": "only"}
