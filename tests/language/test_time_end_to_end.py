"""Time, from its file to the screen: delays, sleeps, later starts, timeouts and deadlines."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from tests.support.fix_project import Project

from pgflow_cli import exit_codes
from pgflow_client import RunFailedError, StepSnapshot

FLOW = Path(__file__).parent / "flows" / "nights.py"


@pytest.fixture(autouse=True)
def worker(project: Project) -> None:
    project.take(FLOW)
    # the lease is extended every third of it, which is when a handler is told that its run ended
    project.worker("--lease", "1")


def took(step: StepSnapshot) -> timedelta:
    assert step.started_at is not None
    assert step.ended_at is not None
    return step.ended_at - step.started_at


def test_delays_and_sleeps_take_their_time(project: Project) -> None:
    dawn = datetime.now(UTC) + timedelta(seconds=1)
    payload = {"dawn": dawn.isoformat(), "naps": 0.2}
    run = project.client.start("nights", payload)
    ended = project.ended(run)
    assert ended.output == {"get_up": "up"}
    assert took(ended.step("lie_down")) >= timedelta(seconds=0.4)
    assert took(ended.step("nap")) >= timedelta(seconds=0.2)
    assert took(ended.step("dream")) >= timedelta(seconds=0.3)
    woken = ended.step("dawn").ended_at
    assert woken is not None
    assert woken >= dawn
    assert "dream completed in " in project.shown(run.run_id)

    here = project.in_memory("nights", payload)
    assert here.output == ended.output
    waited = [here.times[slug].took for slug in ("lie_down", "nap", "dream")]
    assert waited == pytest.approx([0.4, 0.2, 0.3])


def test_time_that_is_past_ends_a_sleep_at_once(project: Project) -> None:
    payload = {"dawn": "2020-01-01T05:00:00+01:00", "naps": -5}
    told = project.command("run", "nights", json.dumps(payload), "--watch").document
    assert told == project.in_memory("nights", payload).output == {"get_up": "up"}


def test_run_begins_at_a_time(project: Project) -> None:
    begins = datetime.now(UTC) + timedelta(seconds=1)
    run = project.client.start("slow", 1, at=begins)
    by_command = project.command("run", "slow", "1", "--at", begins.isoformat()).out.strip()
    distant = project.command("run", "slow", "1", "--at", "2999-01-01T00:00:00Z").out.strip()
    assert run.get().step("hurry").status == "created"
    for handle in (run, project.client.handle(by_command)):
        ended = project.ended(handle)
        first = ended.step("hurry").started_at
        assert first is not None
        assert first >= begins
        assert ended.output == {"tell": "attempt 2"}
    assert project.client.get(distant).step("hurry").status == "created"
    reason = project.command("runs", "explain", distant).out
    assert "the run begins at 2999-01-01 00:00:00 UTC" in reason
    assert project.client.cancel(distant) == "cancelled"


def test_attempt_that_takes_too_long_is_tried_again(
    project: Project, conn: psycopg.Connection
) -> None:
    run = project.client.start("slow", 1)
    assert project.ended(run).output == {"tell": "attempt 2"}
    outcomes = conn.execute(
        "select outcome, error ->> 'code' from pgflow.attempts"
        " where run_id = %s and step_slug = 'hurry' order by attempt",
        [run.run_id],
    ).fetchall()
    assert outcomes == [("failed", "PF602"), ("completed", None)]
    assert "hurry completed" in project.shown(run.run_id)
    assert ", attempt 2" in project.shown(run.run_id)


def test_run_that_has_not_ended_by_its_deadline_fails(project: Project, tmp_path: Path) -> None:
    run = project.client.start("late", str(tmp_path))
    with pytest.raises(RunFailedError, match="PF620"):
        run.output(20)
    project.until((tmp_path / "was_told").exists)
    statuses = {step.slug: step.status for step in run.get().steps}
    assert set(statuses.values()) == {"cancelled"}
    told = project.command(
        *("run", "late", json.dumps(str(tmp_path)), "--watch"), code=exit_codes.FAILED
    )
    assert told.out == ""
    assert ": [PF620] " in told.err
    assert "error    [PF620] " in project.shown(run.run_id)
