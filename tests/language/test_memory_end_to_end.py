"""The same flow files, in memory and through worker and database: the same ends, in every point."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.support.fix_project import Project

from pgflow_client import RunHandle, RunSnapshot
from pgflow_dsl import TestRun

FLOWS = Path(__file__).parent / "flows"
_RUN_ID = re.compile(r"[0-9a-f-]{36}")
PAST = "2020-01-01T00:00:00Z"
YES: Mapping[str, Any] = {"approved": True, "by": "Ada"}


@dataclass(frozen=True)
class Case:
    """A run: of which flow, with what payload, and what is sent to it at its start."""

    flow: str
    payload: Any
    signals: Mapping[str, Any] = field(default_factory=dict[str, Any])


CASES = [
    *(Case("images", images) for images in (["a"], ["a.gif", "shy"], ["b.gif"], [])),
    *(Case("strict_images", images) for images in (["a", "b"], ["a", "b.gif"], [])),
    *(
        Case("calls", {"kind": kind, "words": words, "note": note})
        for kind, words, note in (
            ("audio", ["buy", "it"], None),
            ("audio", ["buy"], "sad"),
            ("text", ["no"], "glad"),
            ("text", [], None),
        )
    ),
    *(Case("bank", {"cents": 500, "troubles": troubles}) for troubles in range(4)),
    Case("bank", {"cents": 500, "refused": True}),
    *(Case("nights", {"dawn": PAST, "naps": naps}) for naps in (0.1, -5)),
    Case("slow", 1),
    Case("approvals", "", {"approval": YES}),
    Case("brief", "", {"closing": "bye"}),
    Case("brief", "", {"closing": "bye", "answer": 7}),
    *(Case("letters", city) for city in ("Oslo, Rome", "")),
    *(Case("tolerant", city) for city in ("Bern", "")),
]


def seen(run: TestRun | RunSnapshot) -> dict[str, Any]:
    """Return what both know: how steps ended and why, results, and the error of the run.

    A step that never began is `created` in memory when it is a failure handler, which the database
    leaves out then.
    """
    ended: Mapping[str, str]
    output: Any
    if isinstance(run, TestRun):
        ended = {slug: status for slug, status in run.statuses.items() if status != "created"}
        results = {
            slug: run.steps[slug].result_json_type().adapter.dump_python(value, mode="json")
            for slug, value in run.results.items()
            if ended.get(slug) == "completed"
        }
        reasons, output = dict(run.skip_reasons), dict(run.output) or None
        step = run.error and run.error.step
    else:
        ended = {step.slug: step.status for step in run.steps}
        results = {step.slug: step.result for step in run.steps if step.status == "completed"}
        reasons = {step.slug: step.skip_reason for step in run.steps if step.skip_reason}
        step = next((step.slug for step in run.steps if step.status == "failed"), None)
        output = run.output_or_none
    error = run.error and (run.error.code, step, _RUN_ID.sub("…", run.error.message))
    return {
        "statuses": ended,
        "results": results,
        "skip_reasons": reasons,
        "output": output,
        "error": error,
    }


def start(project: Project, case: Case) -> RunHandle[Any, Any]:
    run = project.client.start(case.flow, case.payload)
    for slug, payload in case.signals.items():
        run.signal(slug, payload)
    return run


def has_ended(run: RunHandle[Any, Any]) -> bool:
    """Tell whether nothing of the run will change: its failure handler has ended, too."""
    snapshot = run.get()
    return snapshot.is_terminal and all(step.is_terminal for step in snapshot.steps)


@pytest.mark.parametrize("options", [(), ("--concurrency", "1")], ids=["many", "one"])
def test_runs_end_in_memory_as_through_the_database(
    project: Project, options: tuple[str, ...]
) -> None:
    project.take(*FLOWS.glob("*.py"))
    runs = [(case, start(project, case)) for case in CASES]
    project.worker(*options)
    for case, run in runs:
        project.until(lambda run=run: has_ended(run))  # type: ignore[misc]
        there = seen(run.get())
        here = seen(project.in_memory(case.flow, case.payload, case.signals))
        assert here == there, case
