"""Steps that are skipped: what a snapshot says of them and which events they have."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from pgflow_client import RunEvent, StepSkipped, TaskCounts
from pgflow_client.calls import parse_run
from pgflow_client.events import EventTracker

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
BOOM = {"code": "PF603", "type": "ValueError", "message": "boom"}


def a_step(slug: str, **more: Any) -> dict[str, Any]:
    return {
        "slug": slug,
        "kind": "single",
        "status": "skipped",
        "skip_reason": "condition_unmet",
        "result": None,
        "error": None,
        "attempts": 0,
        "started_at": NOON.isoformat(),
        "ended_at": NOON.isoformat(),
        "running": False,
        "worker": None,
        "retry_at": None,
        "tasks": None,
        **more,
    }


def events_of(*steps: dict[str, Any]) -> list[RunEvent]:
    run = parse_run(
        orjson.dumps(
            {
                "run_id": "01890000-0000-7000-8000-000000000000",
                "flow_slug": "f",
                "version": 1,
                "status": "completed",
                "owner": "ada",
                "payload": None,
                "output": {},
                "error": None,
                "started_at": NOON.isoformat(),
                "ended_at": NOON.isoformat(),
                "steps": list(steps),
            }
        )
    )
    return list(EventTracker().update(run))


@pytest.mark.parametrize("reason", ["condition_unmet", "dependency_skipped"])
def test_step_that_never_began_has_one_event(reason: str) -> None:
    events = events_of(a_step("a", skip_reason=reason))
    assert [type(event).__name__ for event in events] == [
        "RunStarted",
        "StepSkipped",
        "RunCompleted",
    ]
    assert isinstance(events[1], StepSkipped)
    assert (events[1].step_slug, events[1].reason, events[1].error) == ("a", reason, None)
    assert events[1].snapshot.step("a").is_terminal


def test_step_that_failed_and_was_skipped_tells_its_attempts_and_the_error() -> None:
    events = events_of(
        a_step("a", skip_reason="handler_failed", attempts=2, error=BOOM),
        a_step("b", skip_reason="dependency_skipped"),
    )
    assert [type(event).__name__ for event in events] == [
        "RunStarted",
        "StepStarted",
        "StepRunning",
        "StepRetrying",
        "StepRunning",
        "StepSkipped",
        "StepSkipped",
        "RunCompleted",
    ]
    skipped = events[5]
    assert isinstance(skipped, StepSkipped)
    assert str(skipped.error) == "[PF603] ValueError: boom"


def test_items_that_were_skipped_are_counted() -> None:
    tasks = {"total": 3, "completed": 2, "skipped": 1, "running": 0, "waiting": 0}
    step = a_step("m", kind="map", status="completed", skip_reason=None, tasks=tasks)
    events = events_of(step)
    assert events[0].snapshot.step("m").tasks == TaskCounts(**tasks)
    assert str(TaskCounts(**tasks)) == "2/3 (1 skipped)"


def test_item_that_was_skipped_is_progress() -> None:
    tasks = {"total": 3, "completed": 0, "skipped": 1, "running": 0, "waiting": 2}
    step = a_step("m", kind="map", status="started", skip_reason=None, ended_at=None, tasks=tasks)
    assert "StepProgressed" in [type(event).__name__ for event in events_of(step)]
