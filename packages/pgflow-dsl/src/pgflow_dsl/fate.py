"""What becomes of a step: it starts, is skipped, or fails its run. Pure, without input or output.

The rules of docs/state_machine.md, in the order in which they apply, for `flow.test`, and as the
oracle of the tests of the engine. Next: `in_memory.py`, which acts on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pgflow_dsl.evaluate import Lookup, holds, unmet_parts
from pgflow_manifest import (
    Backoff,
    Condition,
    ConditionUnmetError,
    OnFailure,
    StepStatus,
    WhenUnmet,
)

SkipReason = Literal["condition_unmet", "dependency_skipped", "handler_failed"]
"""Why a step was skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a step ended."""

    status: StepStatus
    skip_reason: SkipReason | None = None
    cascades: bool = False
    """Whether the steps that wait for it are skipped as well."""


COMPLETED = Ended(status="completed")
FAILED = Ended(status="failed")


def fate_when_ready(
    step_slug: str,
    deps: Iterable[Ended],
    *,
    when: Condition | None,
    when_unmet: WhenUnmet,
    lookup: Lookup,
) -> Ended | None:
    """Return how a step ends all of whose deps have ended; None when it starts.

    Raises:
        ConditionUnmetError: its condition does not hold, and the run is to fail then.
    """
    if any(dep.cascades for dep in deps):
        return Ended(status="skipped", skip_reason="dependency_skipped", cascades=True)
    if when is None or holds(when, lookup):
        return None
    if when_unmet == "fail":
        unmet = unmet_parts(when, lookup)
        raise ConditionUnmetError(
            f"the condition of step {step_slug!r} does not hold: "
            + "; ".join(told for _, told in unmet),
            hint="start the run with what the condition asks for, or let the step be skipped",
            details={"unmet": [{"at": at, "message": told} for at, told in unmet]},
        )
    return Ended(
        status="skipped",
        skip_reason="condition_unmet",
        cascades=when_unmet == "skip_cascade",
    )


def fate_when_failed(on_failure: OnFailure, *, is_map: bool) -> Ended | Literal["gap"]:
    """Return how a step ends one of whose tasks, or of whose sub-runs, failed for good.

    "gap" is for a map that goes on: null stands in the list in place of that item.
    """
    if on_failure == "fail":
        return FAILED
    if on_failure == "skip" and is_map:
        return "gap"
    return Ended(
        status="skipped", skip_reason="handler_failed", cascades=on_failure == "skip_cascade"
    )


def retry_delay(attempt: int, *, backoff: Backoff, base: float, most: float) -> float:
    """Return the seconds between *attempt*, which failed, and the next one, without jitter."""
    factor = 1.0 if backoff == "fixed" else 2.0 ** min(attempt - 1, 60)
    return min(most, base * factor)
