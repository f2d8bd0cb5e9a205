"""Signals, from their file to the screen: early, awaited, sent twice, refused, timed out."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.fix_project import Project

from pgflow_cli import exit_codes
from pgflow_manifest import (
    PayloadInvalidError,
    RunFinishedError,
    SignalNotAwaitedError,
    SignalSentError,
    StepNotFoundError,
)

FLOW = Path(__file__).parent / "flows" / "approvals.py"
YES: dict[str, Any] = {"approved": True, "by": "Ada"}
NO: dict[str, Any] = {"approved": False, "by": "Eve"}
YES_TEXT = '{"approved": true, "by": "Ada"}'


@pytest.fixture(autouse=True)
def worker(project: Project) -> None:
    project.take(FLOW)
    project.worker()


def test_signal_that_comes_early_is_kept(project: Project, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    run = project.client.start("approvals", str(gate))
    assert run.signal("approval", YES) == "kept"
    assert run.signal("approval", YES) == "repeated"
    with pytest.raises(SignalSentError, match="approval"):
        run.signal("approval", NO)
    assert run.get().step("approval").status == "created"
    gate.touch()
    ended = project.ended(run)
    assert ended.output == {"publish": "prepared, published by Ada"}
    assert ended.result("approval") == YES
    # who does not know whether the first call arrived may ask again, even now
    assert run.signal("approval", YES) == "repeated"
    with pytest.raises((SignalSentError, RunFinishedError)):
        run.signal("approval", NO)
    here = project.in_memory("approvals", str(gate), {"approval": YES})
    assert here.output == ended.output


def test_signal_by_command_line_goes_to_the_step_that_waits(project: Project) -> None:
    run = project.client.start("approvals", "")
    project.until_step(run, "approval", "started")
    run_id = str(run.run_id)
    assert "approval waits for the signal" in project.shown(run.run_id)
    send = ("runs", "signal", run_id, "approval")
    told = project.command(*send, '{"approved": "maybe", "by": "Ada"}', code=exit_codes.FAILED)
    assert "error [PF202]" in told.err
    told = project.command("runs", "signal", run_id, "publish", "1", code=exit_codes.FAILED)
    assert "error [PF" in told.err
    told = project.command("runs", "signal", run_id, "approvl", "1", code=exit_codes.FAILED)
    assert "error [PF103]" in told.err
    assert "completed" in "".join(vars(project.command(*send, YES_TEXT)).values())
    assert project.ended(run).output == {"publish": "prepared, published by Ada"}
    assert project.command(*send, YES_TEXT, "--json").document["outcome"] == "repeated"


def test_signal_that_does_not_fit_is_refused_and_the_step_waits_on(project: Project) -> None:
    run = project.client.start("approvals", "")
    project.until_step(run, "approval", "started")
    with pytest.raises(PayloadInvalidError) as refusal:
        run.signal("approval", {"approved": "maybe", "by": "Ada"})
    assert refusal.value.details["errors"][0]["at"] == "/approved"
    with pytest.raises(StepNotFoundError):
        run.signal("aproval", YES)
    assert run.get().step("approval").status == "started"
    assert run.signal("approval", NO) == "completed"
    assert project.ended(run).output == {"publish": "prepared, refused by Eve"}
    cancelled = project.client.start("approvals", "")
    cancelled.cancel()
    with pytest.raises(RunFinishedError):
        cancelled.signal("approval", YES)


def test_signal_that_does_not_come_in_time_is_none(project: Project) -> None:
    run = project.client.start("brief", "")
    project.until_step(run, "answer", "completed")
    with pytest.raises(SignalNotAwaitedError):
        run.signal("answer", 1)
    told = project.command("runs", "signal", str(run.run_id), "answer", "1", code=exit_codes.FAILED)
    assert "error [PF306]" in told.err
    assert run.signal("closing", "bye") == "completed"
    ended = project.ended(run)
    assert ended.output == {"tell": "None bye"}
    assert ended.result("answer") is None
    assert "answer completed in " in project.shown(run.run_id)

    here = project.in_memory("brief", "", {"closing": "bye"})
    assert here.output == ended.output
    assert here.times["answer"].took == 1
