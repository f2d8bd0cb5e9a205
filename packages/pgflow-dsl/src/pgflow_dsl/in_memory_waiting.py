"""What steps without a handler do in memory: wait for a signal, a time, or a run of another flow.

Next: `virtual_clock.py`, on which their times are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pgflow_dsl.in_memory_outcome import step_failure
from pgflow_dsl.in_memory_sub_flows import start_sub_flow
from pgflow_dsl.in_memory_values import NOTHING, Kept
from pgflow_dsl.step import Step
from pgflow_dsl.virtual_clock import Rank
from pgflow_dsl.waiting import LONGEST, UNTIL
from pgflow_manifest import (
    ArgumentsInvalidError,
    RunFinishedError,
    SignalNotAwaitedError,
    SleepInvalidError,
    StepKind,
)

if TYPE_CHECKING:
    from pgflow_dsl.in_memory_run import Run


def deliver(run: Run) -> None:
    """Let the signals of *run* come at their times; none before there is a run to send it to."""
    for step in run.flow.steps.values():
        delivery = run.world.deliveries.get(step)
        if delivery is not None:
            run.signals[step.slug] = RunFinishedError.code or ""  # unless it comes before the end
            _deliver(run, step, delivery.seconds, delivery.payload)


def _deliver(run: Run, step: Step[Any], seconds: float, payload: Kept) -> None:
    def come() -> None:
        if run.has_ended(step):
            run.signals[step.slug] = SignalNotAwaitedError.code or ""
        elif run.is_started(step):
            run.signals[step.slug] = "completed"
            run.complete(step, payload)
        else:
            run.signals[step.slug] = "kept"
            run.kept[step.slug] = payload

    run.clock.call_at(
        max(seconds, run.clock.seconds),
        Rank.SIGNAL,
        come,
        is_wanted=lambda: run.status == "started",
    )


def _start_signal(run: Run, step: Step[Any]) -> None:
    if step.slug in run.kept:
        run.complete(step, run.kept[step.slug])
    elif step.options.timeout_seconds is not None:
        _complete_later(run, step, step.options.timeout_seconds)


def _start_sleep(run: Run, step: Step[Any]) -> None:
    seconds = step.seconds
    if seconds is None:
        try:
            seconds = _seconds_until(run, step)
        except SleepInvalidError as error:
            run.fail(step, step_failure(step, error))
            return
    if seconds <= 0:
        run.complete(step, NOTHING)
    else:
        _complete_later(run, step, min(seconds, LONGEST))


def _complete_later(run: Run, step: Step[Any], seconds: float) -> None:
    run.clock.call_after(
        seconds,
        Rank.TIMER,
        lambda: run.complete(step, NOTHING),
        is_wanted=lambda: run.is_started(step),
    )


def _seconds_until(run: Run, step: Step[Any]) -> float:
    """Return in how many seconds the computed end of a sleep is; raises `SleepInvalidError`."""
    try:
        end = run.values.arguments(step, None)[UNTIL]
    except ArgumentsInvalidError:
        end = None
    if isinstance(end, datetime):
        return ((end if end.tzinfo else end.replace(tzinfo=UTC)) - run.now).total_seconds()
    if isinstance(end, int | float) and not isinstance(end, bool):
        return float(end)
    source = step.sources[UNTIL]
    raise SleepInvalidError(
        f"the sleep shall end at `{source}`, which is neither a number of seconds nor a time"
    )


STARTERS: Final[Mapping[StepKind, Callable[[Run, Step[Any]], None]]] = {
    "signal": _start_signal,
    "sleep": _start_sleep,
    "flow": start_sub_flow,
}
"""How a step of each kind that has no handler starts."""
