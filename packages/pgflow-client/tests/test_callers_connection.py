"""Runs that start in the caller's own transaction, on a connection that is left as it was."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row, scalar_row

from pgflow_client import AsyncClient, Client, InsideTransactionError
from pgflow_manifest import Manifest, PayloadInvalidError, RunNotFoundError

CountRuns = Callable[[], int]


@pytest.fixture
def mine(deployed: object, database_url: str) -> Iterator[psycopg.Connection]:
    """The connection of the caller: not in autocommit, as psycopg makes it."""
    with psycopg.connect(database_url) as conn:
        yield conn


def test_a_run_exists_only_once_the_caller_commits(
    mine: psycopg.Connection, manifest: Manifest, count_runs: CountRuns
) -> None:
    client = Client(mine, manifest=manifest)

    run = client.start("anything", 1)
    assert count_runs() == 0
    assert run.status() == "started", "the transaction itself sees it"
    mine.commit()

    assert count_runs() == 1


def test_a_rollback_takes_the_run_back(
    mine: psycopg.Connection, manifest: Manifest, count_runs: CountRuns
) -> None:
    client = Client(mine, manifest=manifest)

    client.start_many("anything", [1, 2])
    mine.rollback()
    with mine.transaction(force_rollback=True):
        client.start("anything", 3)
    mine.commit()

    assert count_runs() == 0


def test_a_refused_payload_leaves_the_transaction_usable(
    mine: psycopg.Connection, manifest: Manifest, count_runs: CountRuns
) -> None:
    client = Client(mine, manifest=manifest)
    mine.execute("create temporary table kept as select 1 as one")

    with pytest.raises(PayloadInvalidError):
        client.start("memo", {})
    client.start("anything", 1)
    mine.commit()

    assert count_runs() == 1


def test_a_refusal_of_the_engine_can_be_caught_by_a_savepoint(
    mine: psycopg.Connection, manifest: Manifest, count_runs: CountRuns
) -> None:
    client = Client(mine, manifest=manifest)
    run = client.start("anything", 1)

    with pytest.raises(RunNotFoundError), mine.transaction():
        client.get("0190a5a0-0000-7000-8000-000000000000")
    assert run.status() == "started"
    mine.commit()

    assert count_runs() == 1


@pytest.mark.parametrize("autocommit", [True, False])
@pytest.mark.parametrize("row_factory", [dict_row, scalar_row])
@pytest.mark.parametrize("cursor_factory", [psycopg.RawCursor, psycopg.ClientCursor])
@pytest.mark.parametrize("encoding", ["utf8", "latin1", "sql_ascii"])
def test_whatever_the_connection_is_set_to_stays_so_and_does_not_disturb(  # noqa: PLR0917
    mine: psycopg.Connection,
    manifest: Manifest,
    worker: Any,
    autocommit: bool,
    row_factory: Any,
    cursor_factory: Any,
    encoding: str,
) -> None:
    mine.autocommit = autocommit
    mine.row_factory = row_factory
    mine.cursor_factory = cursor_factory
    mine.execute(f"set client_encoding to {encoding}")
    mine.commit()
    client = Client(mine, manifest=manifest)

    run = client.start("memo", {"object_name": "ü\U0001f600"})
    many = client.start_many("anything", [1, 2])
    assert len(client.list()) == 3
    assert many[1].cancel("enough ü") == "cancelled"
    status = mine.info.transaction_status
    assert status is (TransactionStatus.IDLE if autocommit else TransactionStatus.INTRANS)
    mine.commit()
    worker.finish()
    for task in worker.claim().values():
        worker.complete(task, task.step_slug)

    assert run.wait(timeout=5).payload == {"object_name": "ü\U0001f600"}
    assert mine.info.transaction_status is TransactionStatus.IDLE
    assert mine.autocommit is autocommit
    assert mine.row_factory is row_factory
    assert mine.cursor_factory is cursor_factory
    with psycopg.Cursor(mine) as cursor:
        cursor.execute("select 1 from pg_prepared_statements where statement ~ 'pgflow'")
        assert cursor.fetchall() == []
    client.close()
    assert not mine.closed


def test_waiting_inside_the_transaction_is_refused(
    mine: psycopg.Connection, manifest: Manifest
) -> None:
    client = Client(mine, manifest=manifest)
    run = client.start("anything", 1)

    with pytest.raises(InsideTransactionError) as caught:
        run.wait(timeout=5)
    with pytest.raises(InsideTransactionError):
        next(run.watch())

    assert caught.value.hint is not None
    assert "commit" in caught.value.hint
    assert mine.info.transaction_status is TransactionStatus.INTRANS


def test_a_caller_in_autocommit_cannot_wait_inside_a_transaction_block_either(
    mine: psycopg.Connection, manifest: Manifest
) -> None:
    mine.autocommit = True
    client = Client(mine, manifest=manifest)

    with mine.transaction():
        run = client.start("anything", 1)
        with pytest.raises(InsideTransactionError):
            run.output()


def test_waiting_after_the_commit_leaves_no_transaction_open(
    mine: psycopg.Connection, manifest: Manifest, worker: Any
) -> None:
    with Client(mine, manifest=manifest) as client:
        run = client.start("anything", 1)
        mine.commit()
        events = run.watch(timeout=10)
        next(events)
        assert mine.info.transaction_status is TransactionStatus.IDLE
        worker.finish()

        assert run.output(timeout=10) == {"only": "only"}
        assert type(list(events)[-1]).__name__ == "RunCompleted"
        assert mine.info.transaction_status is TransactionStatus.IDLE


def test_settings_of_the_callers_session_apply_to_waiting(
    mine: psycopg.Connection, manifest: Manifest, worker: Any
) -> None:
    """Behind a gateway the owner of the run is a setting of the session, not the login."""
    mine.execute("set role pgflow_client")
    mine.commit()
    with Client(mine, manifest=manifest) as client:
        run = client.start("anything", 1)
        mine.commit()
        worker.finish()

        assert run.wait(timeout=10).owner == "pgflow_client"


async def test_the_asynchronous_client_keeps_to_the_same_rules(
    deployed: object, database_url: str, manifest: Manifest, worker: Any, count_runs: CountRuns
) -> None:
    async with (
        await psycopg.AsyncConnection.connect(database_url, row_factory=dict_row) as mine,
        AsyncClient(mine, manifest=manifest) as client,
    ):
        await client.start("anything", 0)
        await mine.rollback()
        run = await client.start("anything", 1)
        assert count_runs() == 0
        with pytest.raises(InsideTransactionError):
            await run.wait()
        with pytest.raises(InsideTransactionError):
            await anext(run.watch())
        await mine.commit()
        assert count_runs() == 1
        worker.finish()

        assert await run.output(timeout=10) == {"only": "only"}
        assert mine.info.transaction_status is TransactionStatus.IDLE
        await client.close()
        assert not mine.closed
