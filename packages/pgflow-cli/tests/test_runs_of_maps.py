"""How `runs show` and `run --watch` tell how far a map is, and which item failed."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from pgflow_cli.progress import RunProgress, step_text, text_of
from pgflow_client import ErrorReport, RunSnapshot, StepProgressed, StepSnapshot, TaskCounts
from pgflow_manifest import RunId

RUN_ID = RunId(UUID(int=1))
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
NO_LUCK = ErrorReport(code="PF603", type="ValueError", message="no luck", task_index=7)


def a_map(completed: int, running: int, **more: Any) -> StepSnapshot:
    """Return the map step `double` of a hundred items."""
    fields: dict[str, Any] = {
        "slug": "double",
        "kind": "map",
        "status": "started",
        "result": None,
        "error": None,
        "attempts": 0,
        "started_at": NOON,
        "ended_at": None,
        "running": running > 0,
        "worker": None,
        "retry_at": None,
        "tasks": TaskCounts(
            total=100, completed=completed, running=running, waiting=100 - completed - running
        ),
        **more,
    }
    return StepSnapshot(**fields)


def progressed(step: StepSnapshot) -> StepProgressed:
    assert step.tasks is not None
    run = RunSnapshot(
        run_id=RUN_ID,
        flow_slug="mapped",
        version=1,
        status="started",
        payload=None,
        output_or_none=None,
        error=None,
        owner=None,
        started_at=NOON,
        ended_at=None,
        steps=(step,),
    )
    return StepProgressed(
        run_id=RUN_ID,
        flow_slug="mapped",
        at=None,
        snapshot=run,
        step_slug=step.slug,
        tasks=step.tasks,
        error=step.error,
    )


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (a_map(37, 5), "double 37/100, 5 run"),
        (a_map(37, 0), "double 37/100, waits for a worker"),
        (
            a_map(37, 5, error=NO_LUCK, retry_at=NOON),
            "double 37/100, 5 run; item 7: [PF603] ValueError: no luck is tried again at ",
        ),
        (
            a_map(100, 0, status="completed", ended_at=NOON, result=[]),
            "double completed in 0 ms, 100/100 items",
        ),
        (
            a_map(37, 0, status="failed", ended_at=NOON, error=NO_LUCK),
            "double failed in 0 ms, 37/100 items: item 7: [PF603] ValueError: no luck",
        ),
        (a_map(0, 0, status="created", started_at=None, tasks=None), "double waits"),
        (a_map(37, 5, kind="flow"), "double 37/100, 5 run"),
        (a_map(0, 0, kind="flow"), "double 0/100"),
    ],
)
def test_step_tells_how_far_it_is(step: StepSnapshot, text: str) -> None:
    assert step_text(step).startswith(text)


def test_progress_is_one_line_a_while_and_not_one_for_each_item(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with RunProgress() as progress:
        for completed in range(100):
            progress.tell(progressed(a_map(completed, 1)))
    assert capsys.readouterr().err.count("double") <= 1


def test_event_in_one_line() -> None:
    assert text_of(progressed(a_map(37, 5))) == "double 37/100"
    failed = progressed(a_map(37, 5, error=NO_LUCK))
    assert text_of(failed) == "double 37/100 (item 7: [PF603] ValueError: no luck)"
