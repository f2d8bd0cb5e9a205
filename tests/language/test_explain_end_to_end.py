"""Why a run does not go on: every reason, as the client and the command line tell it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.support.fix_project import Project

from pgflow_client import StepReason

FLOW = Path(__file__).parent / "flows" / "reasons.py"


@pytest.fixture(autouse=True)
def deployed(project: Project) -> None:
    project.take(FLOW)


def reasons(project: Project, run_id: UUID) -> Mapping[str, StepReason]:
    """Return the reason of each step, by slug."""
    return {each.step_slug: each for each in project.client.explain(run_id)}


def until(project: Project, run_id: UUID, **expected: str) -> Mapping[str, StepReason]:
    """Wait until these steps have these reasons; return all."""

    def holds() -> bool:
        told = reasons(project, run_id)
        return all(slug in told and told[slug].reason == expected[slug] for slug in expected)

    project.until(holds)
    return reasons(project, run_id)


def lines(project: Project, run_id: UUID) -> dict[str, tuple[str, str]]:
    """Return what `pgflow runs explain` prints: reason and sentence of each step."""
    rows = project.command("runs", "explain", str(run_id)).out.splitlines()[1:]
    parts = [row.split(None, 2) for row in rows]
    return {slug: (reason, why) for slug, reason, why in parts}


def test_every_reason_is_told_by_client_and_command_line(project: Project, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    payload: dict[str, Any] = {"gate": str(gate), "parts": ["a", "b"]}
    run = project.client.start("reasons", payload)
    none = reasons(project, run.run_id)
    assert none["held"].reason == none["lost"].reason == "no_worker"
    assert "start a worker" in none["held"].message

    project.worker("--name", "api-1")
    told = until(project, run.run_id, held="leased", fetch="retry_at", lost="handler_failed")
    assert {slug: each.reason for slug, each in told.items()} == {
        "held": "leased",
        "after_held": "waits_for_steps",
        "fetch": "retry_at",
        "delayed": "delayed_until",
        "asked": "waits_for_signal",
        "paused": "sleeps_until",
        "child": "waits_for_run",
        "unmet": "condition_unmet",
        "lost": "handler_failed",
        "after_lost": "dependency_skipped",
    }
    items = [each.task_index for each in run.explain() if each.step_slug == "fetch"]
    assert items == [0, 1]
    assert "'api-1'" in told["held"].message
    assert told["after_held"].detail == {"steps": ["held"]}
    assert "attempt 2 of 3 begins at" in told["fetch"].message
    assert ": no " in told["fetch"].message
    assert "payload.gate" in told["unmet"].message
    assert "no luck" in told["lost"].message
    detail = told["child"].detail
    assert isinstance(detail, dict)
    sub_run_id = run.get().step("child").sub_run_id
    assert detail["run_id"] == str(sub_run_id)
    assert sub_run_id is not None
    assert reasons(project, sub_run_id)["go"].reason == "waits_for_signal"

    printed = lines(project, run.run_id)
    assert printed.keys() == told.keys() - {"fetch"} | {"fetch[0]", "fetch[1]"}
    for slug, each in told.items():
        if slug not in ("held", "fetch"):  # a lease is extended, and an item names itself
            assert printed[slug] == (each.reason, each.message)
    document = project.command("runs", "explain", str(run.run_id), "--json").document
    assert {each["step_slug"]: each["reason"] for each in document} == {
        slug: each.reason for slug, each in told.items()
    }

    gate.touch()
    project.until_step(run, "after_held", "completed")
    run.cancel()
    assert run.explain() == ()
    ended = project.command("runs", "explain", str(run.run_id))
    assert ended.err == "the run is cancelled: nothing of it waits\n"


def test_busy_and_silent_workers_are_told_apart(project: Project, tmp_path: Path) -> None:
    gate = str(tmp_path / "gate")
    worker = project.worker(
        *("--concurrency", "1", "--lease", "1", "--beat", "0.5", "--name", "small")
    )
    first = project.client.start("busy", gate)
    until(project, first.run_id, hold="leased")
    second = project.client.start("busy", gate)
    told = until(project, second.run_id, hold="waits_for_worker")
    assert "for a worker that is free" in told["hold"].message
    assert lines(project, second.run_id)["hold"][0] == "waits_for_worker"

    worker.process.kill()
    told = until(project, first.run_id, hold="lease_overdue")
    assert "'small'" in told["hold"].message
    assert lines(project, first.run_id)["hold"][0] == "lease_overdue"
    until(project, second.run_id, hold="no_worker")

    Path(gate).touch()
    project.worker("--lease", "1")
    for run in (first, second):
        assert project.ended(run).output == {"hold": "let go"}


def test_run_that_begins_later_is_told(project: Project) -> None:
    payload = '{"gate": "", "parts": []}'
    at = ("--at", "2999-01-31T08:00:00+01:00")
    run_id = UUID(project.command("run", "reasons", payload, *at).out.strip())
    told = reasons(project, run_id)
    assert told["held"].reason == "starts_at"
    why = "the run begins at 2999-01-31 07:00:00 UTC"
    assert lines(project, run_id)["held"] == ("starts_at", why)
