"""Failures, from their file to the screen: attempts, policies, the failure handler."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from tests.support.fix_project import Project

from pgflow_cli import exit_codes
from pgflow_client import RunFailedError

FLOW = Path(__file__).parent / "flows" / "bank.py"
Conn = psycopg.Connection[Any]


@pytest.fixture(autouse=True)
def worker(project: Project) -> None:
    project.take(FLOW)
    project.worker()


def attempts(conn: Conn, run_id: UUID, step: str) -> list[tuple[Any, ...]]:
    """Return number, outcome, error and times of each attempt of a step, in order."""
    return conn.execute(
        "select attempt, outcome, error, started_at, ended_at from pgflow.attempts"
        " where run_id = %s and step_slug = %s order by attempt",
        [run_id, step],
    ).fetchall()


def test_attempts_wait_as_the_handler_says_and_are_kept_with_tracebacks(
    project: Project, conn: Conn
) -> None:
    run = project.client.start("bank", {"cents": 500, "troubles": 2})
    ended = project.ended(run)
    assert ended.step("charge").attempts == 3
    first, second, third = attempts(conn, run.run_id, "charge")
    assert [each[1] for each in (first, second, third)] == ["failed", "failed", "completed"]
    assert second[3] - first[4] >= timedelta(seconds=0.3)
    assert (second[2]["code"], second[2]["type"]) == ("PF603", "ConnectionError")
    assert second[2]["message"] == "no answer, attempt 2"
    assert "bank.py" in second[2]["traceback"]
    assert 'raise ConnectionError(f"no answer' in second[2]["traceback"]
    assert third[2] is None

    text = project.command("runs", "show", str(run.run_id), "--attempts").out
    assert "charge attempt 1 failed after " in text
    assert ": [PF603] ConnectionError: no answer, attempt 2\n    Traceback " in text
    assert "charge attempt 3 completed after " in text
    shown = project.command("runs", "show", str(run.run_id), "--attempts", "--json").document
    told = [(each["attempt"], each["outcome"]) for each in shown["attempts"] if each["error"]]
    assert told[:2] == [(1, "failed"), (2, "failed")]

    here = project.in_memory("bank", {"cents": 500, "troubles": 2})
    assert (here.output, here.attempts["charge"]) == (ended.output, 3)
    assert here.attempt_seconds["charge"] == [0.0, 0.3, 0.4]


def test_policies_skip_a_step_or_what_waits_for_it_too(project: Project, conn: Conn) -> None:
    told = project.command("run", "bank", '{"cents": 500}', "--watch", "--json").document
    assert told["output"] == {"receipt": "charged 500, bye", "sell": None}
    reasons = {step["slug"]: step["skip_reason"] for step in told["steps"] if step["skip_reason"]}
    assert reasons == {
        "thank": "handler_failed",
        "advertise": "handler_failed",
        "sell": "dependency_skipped",
    }
    # one said that no other attempt can help, the other has used up its two
    assert len(attempts(conn, told["run_id"], "thank")) == 1
    assert len(attempts(conn, told["run_id"], "advertise")) == 2
    text = project.shown(told["run_id"])
    assert "thank skipped, it failed: [PF603] GiveUp: no words" in text
    assert "undo" not in text

    here = project.in_memory("bank", {"cents": 500})
    assert (here.output, here.skip_reasons) == (told["output"], reasons)


def test_failure_handler_runs_once_the_run_has_failed(project: Project, conn: Conn) -> None:
    refused = {"cents": 500, "refused": True}
    run = project.client.start("bank", refused)
    with pytest.raises(RunFailedError, match=r"after 1 attempt: .*the card was refused"):
        run.output(20)
    project.until(lambda: any(s.slug == "undo" and s.is_terminal for s in run.get().steps))
    undone = "charge [PF603] the card was refused: gave back 5, None"
    assert run.get().step("undo").result == undone
    assert run.status() == "failed"
    assert len(attempts(conn, run.run_id, "charge")) == 1
    assert [each[1] for each in attempts(conn, run.run_id, "undo")] == ["failed", "completed"]

    text = project.shown(run.run_id)
    assert "status   failed" in text
    assert "GiveUp: the card was refused" in text
    assert 'raise GiveUp("the card was refused")' in text
    assert undone in text
    text = project.command("runs", "show", str(run.run_id), "--attempts").out
    assert "undo attempt 1 failed after " in text
    assert "ConnectionError: the ledger is closed" in text
    told = project.command(
        *("run", "bank", '{"cents": 500, "refused": true}', "--watch"), code=exit_codes.FAILED
    )
    assert (told.out, "the card was refused" in told.err) == ("", True)

    here = project.in_memory("bank", refused)
    assert here.results["undo"] == undone
    assert (here.error and here.error.step, here.attempts["undo"]) == ("charge", 2)
