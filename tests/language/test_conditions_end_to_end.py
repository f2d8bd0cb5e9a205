"""Conditions, from their file to the screen: skipped, skipped with what waits, and failed."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.fix_project import Project

from pgflow_cli import exit_codes
from pgflow_client import RunFailedError

FLOW = Path(__file__).parent / "flows" / "calls.py"


@pytest.fixture(autouse=True)
def worker(project: Project) -> None:
    project.take(FLOW)
    project.worker()


def test_steps_run_whose_conditions_hold(project: Project) -> None:
    payload: Any = {"kind": "audio", "words": ["buy", "two"]}
    ended = project.ended(project.client.start("calls", payload))
    output = {"answer": "well said", "confirm": "buy two: done", "comfort": None}
    assert ended.output == output
    assert ended.step("comfort").skip_reason == "condition_unmet"
    assert project.in_memory("calls", payload).output == output


def test_skip_lets_the_dependents_go_on_and_cascade_skips_them(project: Project) -> None:
    payload: Any = {"kind": "text", "words": ["hello"]}
    run = project.client.start("calls", payload)
    ended = project.ended(run)
    output = {"answer": "thank you", "confirm": None, "comfort": "next time"}
    assert ended.output == output
    assert (ended.result("praise"), ended.result("order")) == (None, None)
    reasons = {step.slug: step.skip_reason for step in ended.steps if step.skip_reason}
    assert reasons == {
        "praise": "condition_unmet",
        "order": "condition_unmet",
        "confirm": "dependency_skipped",
    }
    text = project.shown(run.run_id)
    assert "praise skipped, its condition does not hold" in text
    assert "confirm skipped, a step that it waits for was" in text

    here = project.in_memory("calls", payload)
    assert (here.output, here.skip_reasons) == (output, reasons)


def test_run_fails_whose_condition_must_hold(project: Project) -> None:
    told = project.command(
        *("run", "calls", '{"kind": "text", "words": []}', "--watch", "--json"),
        code=exit_codes.FAILED,
    )
    assert told.document["error"]["code"] == "PF610"
    handle = project.client.handle(told.document["run_id"])
    with pytest.raises(RunFailedError, match=r"step 'score' failed.*PF610"):
        handle.output()
    assert "[PF610]" in project.shown(handle.run_id)
    statuses = {step.slug: step.status for step in handle.get().steps}
    assert statuses["score"] == "failed"
    assert statuses["answer"] == "cancelled"

    here = project.in_memory("calls", {"kind": "text", "words": []})
    assert here.error is not None
    assert (here.error.code, here.error.step) == ("PF610", "score")
    assert here.error.message == told.document["error"]["message"]
