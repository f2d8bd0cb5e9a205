"""How `runs show` and `run --watch` tell why a step was skipped."""

from datetime import UTC, datetime

import pytest

from pgflow_cli.progress import step_text
from pgflow_client import ErrorReport, StepSnapshot
from pgflow_manifest import SkipReason

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
NO_LUCK = ErrorReport(code="PF603", type="ValueError", message="no luck")


@pytest.mark.parametrize(
    ("reason", "error", "text"),
    [
        ("condition_unmet", None, "notify skipped, its condition does not hold"),
        ("dependency_skipped", None, "notify skipped, a step that it waits for was"),
        ("handler_failed", NO_LUCK, "notify skipped, it failed: [PF603] ValueError: no luck"),
    ],
)
def test_skipped_step_tells_why(reason: SkipReason, error: ErrorReport | None, text: str) -> None:
    step = StepSnapshot(
        slug="notify",
        kind="single",
        status="skipped",
        result=None,
        error=error,
        attempts=0,
        started_at=NOON,
        ended_at=NOON,
        running=False,
        worker=None,
        retry_at=None,
        tasks=None,
        skip_reason=reason,
    )
    assert step_text(step) == text
