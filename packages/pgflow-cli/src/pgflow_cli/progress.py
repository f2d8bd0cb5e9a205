"""Show a run while it happens: a block that is drawn again on a terminal, else line by line."""

import shutil
import sys
import threading
import time
from datetime import datetime
from types import TracebackType
from typing import Final, Self, assert_never

from pgflow_cli.terminal import SPINNER, Colour, duration, fit, is_live, paint, say
from pgflow_client import (
    Client,
    ErrorReport,
    RunCancelled,
    RunCompleted,
    RunEvent,
    RunFailed,
    RunSnapshot,
    RunStarted,
    RunSummary,
    StepCancelled,
    StepCompleted,
    StepFailed,
    StepProgressed,
    StepRetrying,
    StepRunning,
    StepSkipped,
    StepSnapshot,
    StepStarted,
    TaskCounts,
)
from pgflow_manifest import RunId, SkipReason, StepKind

_TICK_SECONDS: Final = 0.1
_SILENCE_SECONDS: Final = 1.0
_REMINDER_SECONDS: Final = 10.0
_MARKS: Final[dict[str, tuple[str, Colour]]] = {
    "completed": ("✓", "green"),
    "failed": ("✗", "red"),
    "cancelled": ("-", "yellow"),
    "skipped": ("-", "dim"),
    "created": ("·", "dim"),
}

_WAITS: Final[dict[StepKind, str]] = {
    "signal": "waits for the signal",
    "sleep": "sleeps",
    "flow": "waits for its run",
}
"""What a step that has no task is doing."""
_SKIPPED: Final[dict[SkipReason, str]] = {
    "condition_unmet": "its condition does not hold",
    "dependency_skipped": "a step that it waits for was",
    "handler_failed": "it failed",
}


def watch(client: Client, run_id: RunId, *, timeout: float | None = None) -> RunSnapshot:
    """Show the run on stderr until it has ended, and return it.

    Raises:
        WaitTimeoutError: it has not ended after *timeout* seconds.
    """
    ended: RunSnapshot | None = None
    with RunProgress() as progress:
        for event in client.watch(run_id, timeout):
            progress.tell(event)
            ended = event.snapshot
    assert ended is not None
    return ended


class RunProgress:
    """Tells on stderr what `watch` yields; use it as a context manager around the loop."""

    def __init__(self) -> None:
        self._live = is_live(sys.stderr)
        self._snapshot: RunSnapshot | None = None
        self._seen_running: dict[tuple[str, int], float] = {}
        self._drawn: list[str] = []
        self._last_line = time.monotonic()
        self._patience = _SILENCE_SECONDS
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Self:
        self._ticker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._ticker.join()
        with self._lock:
            self._redraw()

    def tell(self, event: RunEvent) -> None:
        """Show that *event* has happened."""
        with self._lock:
            if self._snapshot is None:
                # What has scrolled out of the window cannot be drawn again.
                rows = shutil.get_terminal_size().lines
                self._live = self._live and len(event.snapshot.steps) < rows
            self._snapshot = event.snapshot
            for step in event.snapshot.steps:
                if step.running:
                    self._seen_running.setdefault((step.slug, step.attempts), time.monotonic())
            if self._live:
                self._draw(event)
            elif isinstance(event, StepProgressed):
                # A map of many items would tell thousands of lines; the ticker tells one a while.
                self._patience = _SILENCE_SECONDS
            elif not isinstance(event, StepStarted):
                # That a step could begin is told only if it then has to wait, by the ticker.
                self._line(text_of(event))

    def _line(self, text: str) -> None:
        say(text)
        self._last_line = time.monotonic()
        self._patience = _SILENCE_SECONDS

    def _tick(self) -> None:
        while not self._over.wait(_TICK_SECONDS):
            with self._lock:
                if self._live:
                    self._redraw()
                elif time.monotonic() - self._last_line >= self._patience:
                    self._line(f"… {self._awaited()}")
                    self._patience = _REMINDER_SECONDS

    def _awaited(self) -> str:
        run = self._snapshot
        if run is None:
            return "waiting for the run to begin"
        awaited = [self._state(step) for step in run.steps if step.status == "started"]
        return "; ".join(awaited) or f"run {run.run_id} is {run.status}"

    def _draw(self, event: RunEvent) -> None:
        if isinstance(event, RunStarted):
            say(text_of(event))
        self._redraw()
        if isinstance(event, RunCompleted | RunFailed | RunCancelled):
            say(text_of(event))

    def _redraw(self) -> None:
        if not self._live or self._snapshot is None:
            return
        lines = [self._step_line(step) for step in self._snapshot.steps]
        if lines == self._drawn:
            return
        up = f"\x1b[{len(self._drawn)}A" if self._drawn else ""
        sys.stderr.write(up + "".join(f"\r\x1b[K{line}\n" for line in lines))
        sys.stderr.flush()
        self._drawn = lines

    def _step_line(self, step: StepSnapshot) -> str:
        assert self._snapshot is not None
        width = max(len(each.slug) for each in self._snapshot.steps)
        if step.status in _MARKS:
            mark, colour = _MARKS[step.status]
        else:
            turn = int(time.monotonic() / _TICK_SECONDS)
            mark, colour = (SPINNER[turn % len(SPINNER)] if step.running else "…"), "blue"
        state = self._state(step).removeprefix(step.slug).strip()
        # Cut before it is painted: a wrapped line would spoil the redrawing.
        text = fit(f"{step.slug.ljust(width)}  {state}", sys.stderr, reserve=4)
        return f"  {paint(mark, colour, sys.stderr)} {text}"

    def _state(self, step: StepSnapshot) -> str:
        if not step.running or step.tasks is not None:
            return step_text(step)
        since = self._seen_running.get((step.slug, step.attempts), time.monotonic())
        ran = duration(time.monotonic() - since)
        return f"{step.slug} runs, {ran}{_attempts(step.attempts)}"


def text_of(event: RunEvent) -> str:
    """Say *event* in one line, without colours."""
    match event:
        case RunStarted():
            return f"run {event.run_id} of {event.flow_slug} started"
        case StepStarted():
            return f"{event.step_slug} is ready"
        case StepRunning():
            return f"{event.step_slug} runs{_attempts(event.attempt)}"
        case StepRetrying():
            reason = f": {_short(event.error)}" if event.error else ""
            again = f"; again at {_clock(event.retry_at)}" if event.retry_at else ""
            return f"{event.step_slug} failed, attempt {event.attempt}{reason}{again}"
        case StepProgressed():
            again = f" ({_short(event.error)})" if event.error else ""
            return f"{event.step_slug} {event.tasks}{again}"
        case StepCompleted() | StepFailed() | StepSkipped() | StepCancelled():
            return f"{event.step_slug} {_ending(event.snapshot.step(event.step_slug))}"
        case RunCompleted() | RunFailed() | RunCancelled():
            error = error_of_no_step(event.snapshot)
            why = f": {_short(error)}" if error else ""
            return f"run {event.run_id} {event.snapshot.status}{run_duration(event.snapshot)}{why}"
        case _:
            assert_never(event)


def step_text(step: StepSnapshot) -> str:
    """Say how a step stands: `merge completed in 12 ms`."""
    if step.is_terminal:
        return f"{step.slug} {_ending(step)}"
    if step.tasks is not None:
        return f"{step.slug} {_items(step, step.tasks)}"
    if step.status == "created":
        return f"{step.slug} waits"
    if step.running:
        return f"{step.slug} runs{_attempts(step.attempts)}"
    if step.attempts:
        reason = f" ({_short(step.error)})" if step.error else ""
        again = f"; again at {_clock(step.retry_at)}" if step.retry_at else ", will be tried again"
        return f"{step.slug} failed{_attempts(step.attempts)}{reason}{again}"
    return f"{step.slug} {_WAITS.get(step.kind, 'waits for a worker')}"


def run_duration(run: RunSnapshot | RunSummary) -> str:
    """Return ` in 1.2 s` for a run that has ended, else nothing."""
    if run.started_at is None or run.ended_at is None:
        return ""
    return f" in {duration((run.ended_at - run.started_at).total_seconds())}"


def error_of_no_step(run: RunSnapshot) -> ErrorReport | None:
    """Return why the run failed when none of its steps tells it, as with a deadline."""
    told = any(step.status == "failed" and step.kind != "failure" for step in run.steps)
    return None if told or run.status != "failed" else run.error


def _ending(step: StepSnapshot) -> str:
    took = ""
    if step.started_at is not None and step.ended_at is not None:
        took = f" in {duration((step.ended_at - step.started_at).total_seconds())}"
    error = f": {_short(step.error)}" if step.status in ("failed", "skipped") and step.error else ""
    if step.skip_reason is not None:
        return f"skipped, {_SKIPPED[step.skip_reason]}{error}"
    items = f", {step.tasks} items" if step.tasks is not None else ""
    return f"{step.status}{took}{items}{_attempts(step.attempts)}{error}"


def _items(step: StepSnapshot, tasks: TaskCounts) -> str:
    """Say how far a map is: `37/100, 5 run; item 7: [PF603] … is tried again at 12:00:01`."""
    runs = f", {tasks.running} run" if tasks.running else ""
    is_idle = step.kind == "map" and tasks.waiting and not tasks.running
    waits = ", waits for a worker" if is_idle else ""
    if step.retry_at is None:
        return f"{tasks}{runs}{waits}"
    return f"{tasks}{runs}; {_short(step.error)} is tried again at {_clock(step.retry_at)}"


def _attempts(attempts: int) -> str:
    return f", attempt {attempts}" if attempts else ""


def _short(error: ErrorReport | None) -> str:
    text = str(error).strip().split("\n", 1)[0]
    return text if len(text) <= 200 else f"{text[:199]}…"


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone():%H:%M:%S}"
