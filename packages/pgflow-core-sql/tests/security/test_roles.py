"""Each role can do its work and nothing else."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from tests.support.builders import (
    Claimed,
    a_claimed_task,
    a_diamond,
    claim,
    column,
    complete,
    deploy,
    extend,
    fail,
    get_run,
    register_worker,
    release,
    scalar,
    start_run,
    work_off,
)
from tests.support.refusals import denied, refused

Conn = psycopg.Connection[Any]
ActingAs = Callable[[str], AbstractContextManager[str]]


def test_worker_does_all_its_work_with_its_own_role(tx: Conn, acting_as: ActingAs) -> None:
    deploy(tx, a_diamond())
    run_id, cancelled = start_run(tx), start_run(tx)
    with acting_as("pgflow_worker"):
        worker_id = register_worker(tx, a_diamond())
        tx.execute("select pgflow.beat(%s)", [worker_id])
        first, second = claim(tx, worker_id)
        assert extend(tx, [first])[0] is not None
        release(tx, [second])
        complete(tx, [first])
        [again] = [task for task in claim(tx, worker_id) if task.step_slug == "transcribe"]
        fail(tx, [again], retryable=False)
        tx.execute("select * from pgflow.sweep()")
        assert scalar(tx, "select pgflow.schema_version()") >= 1
        tx.execute("select pgflow.stop_worker(%s)", [worker_id])
    assert {get_run(tx, run)["status"] for run in (run_id, cancelled)} == {"started", "failed"}


def worker_forbidden(run_id: UUID) -> list[str]:
    return [
        "select pgflow.deploy('{}')",
        "select pgflow.start_flow('voice_memo', '{}')",
        "select pgflow.start_flows('voice_memo', '{}')",
        f"select pgflow.get_run('{run_id}')",
        "select pgflow.list_runs()",
        f"select pgflow.watch_run('{run_id}')",
        f"select pgflow.cancel_run('{run_id}')",
        "select pgflow.status()",
    ]


def test_worker_cannot_deploy_start_cancel_or_read_runs(tx: Conn, acting_as: ActingAs) -> None:
    _, task = a_claimed_task(tx)
    with acting_as("pgflow_worker"):
        for statement in worker_forbidden(task.run_id):
            with denied(tx):
                tx.execute(statement.encode())


def client_forbidden(task: Claimed, worker_id: UUID) -> list[str]:
    keys = (
        f"array['{task.run_id}'::uuid], array['{task.step_slug}'], array[0],"
        f" array['{task.lease_id}'::uuid]"
    )
    return [
        "select pgflow.deploy('{}')",
        f"select pgflow.claim_tasks('{worker_id}', 1)",
        f"select pgflow.complete_tasks({keys}, array['1'::jsonb])",
        f"select pgflow.exchange_tasks('{worker_id}', {keys}, array['1'::jsonb], 1)",
        f"select pgflow.complete_step('{task.run_id}', 'transcribe', '{task.lease_id}', '1')",
        f"select pgflow.fail_tasks({keys}, array['1'::jsonb], array[true], array[1::float8])",
        f"select pgflow.release_tasks({keys})",
        f"select pgflow.extend_leases({keys})",
        f"select pgflow.register_worker('{worker_id}', 'me', '{{}}', '{{}}', '{{}}')",
        f"select pgflow.beat('{worker_id}')",
        f"select pgflow.stop_worker('{worker_id}')",
        "select pgflow.sweep()",
    ]


@pytest.mark.parametrize("role", ["pgflow_client", "pgflow_viewer"])
def test_client_and_viewer_cannot_claim_complete_or_deploy(
    tx: Conn, acting_as: ActingAs, role: str
) -> None:
    worker_id, task = a_claimed_task(tx)
    with acting_as(role):
        for statement in client_forbidden(task, worker_id):
            with denied(tx):
                tx.execute(statement.encode())
    assert complete(tx, [task]) == ["completed"]


@pytest.mark.parametrize("role", ["pgflow_client", "pgflow_worker"])
def test_client_and_worker_cannot_touch_any_table(
    tx: Conn, acting_as: ActingAs, tables: list[str], role: str
) -> None:
    a_claimed_task(tx)
    with acting_as(role):
        for table in tables:
            for statement in (
                f"select 1 from pgflow.{table}",
                f"insert into pgflow.{table} default values",
                f"delete from pgflow.{table}",
            ):
                with denied(tx):
                    tx.execute(statement.encode())


@pytest.mark.parametrize("role", ["pgflow_viewer", "pgflow_admin"])
def test_viewer_and_admin_read_every_table_and_write_none(
    tx: Conn, acting_as: ActingAs, tables: list[str], role: str
) -> None:
    worker_id, task = a_claimed_task(tx)
    complete(tx, [task])
    work_off(tx, worker_id)
    with acting_as(role):
        for table in ("runs", "step_states", "attempts"):
            assert scalar(tx, f"select count(*) from pgflow.{table}") > 0
        for table in tables:
            tx.execute(f"select 1 from pgflow.{table}".encode())
            for statement in (
                f"insert into pgflow.{table} default values",
                f"delete from pgflow.{table}",
            ):
                with denied(tx):
                    tx.execute(statement.encode())


def test_viewer_reads_all_and_changes_nothing(tx: Conn, acting_as: ActingAs) -> None:
    _, task = a_claimed_task(tx)
    with acting_as("pgflow_viewer"):
        assert get_run(tx, task.run_id)["status"] == "started"
        assert column(tx, "select run_id from pgflow.list_runs()") == [task.run_id]
        tx.execute("select pgflow.watch_run(%s)", [task.run_id])
        assert scalar(tx, "select pgflow.status()")["flows"]
        for statement in (
            "select pgflow.start_flow('voice_memo', '{}')",
            f"select pgflow.cancel_run('{task.run_id}')",
        ):
            with denied(tx):
                tx.execute(statement.encode())


def test_admin_deploys_starts_sees_and_cancels_everything(tx: Conn, acting_as: ActingAs) -> None:
    with acting_as("pgflow_admin"):
        deploy(tx, a_diamond())
        run_id = start_run(tx)
    other = start_run(tx)
    with acting_as("pgflow_admin"):
        assert get_run(tx, run_id)["status"] == "started"
        assert scalar(tx, "select pgflow.cancel_run(%s)", [other]) == "cancelled"
        work_off(tx, register_worker(tx, a_diamond()))
        assert get_run(tx, run_id)["status"] == "completed"


def test_client_starts_only_flows_that_are_marked(tx: Conn, acting_as: ActingAs) -> None:
    deploy(tx, a_diamond("open", client_startable=True), a_diamond("closed"))
    with acting_as("pgflow_client"):
        start_run(tx, "open")
        with refused(tx, "PF401") as refusal:
            start_run(tx, "closed")
        assert refusal.details == {"flow_slug": "closed"}
        with refused(tx, "PF401"):
            tx.execute("select pgflow.start_flows('closed', array['{}'::jsonb])")
        with refused(tx, "PF101"):
            start_run(tx, "nowhere")


@pytest.mark.parametrize(
    "role", ["pgflow_client", "pgflow_worker", "pgflow_viewer", "pgflow_admin"]
)
def test_private_functions_are_denied_to_every_role(
    tx: Conn, acting_as: ActingAs, private_calls: dict[str, str], role: str
) -> None:
    assert len(private_calls) > 20
    with acting_as(role):
        for call in private_calls.values():
            with denied(tx):
                tx.execute(call.encode())
