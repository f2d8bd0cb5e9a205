"""What comes to runs from outside and with time: signals, and what is due."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from tests.support.model.course import Course
from tests.support.model.shapes import fits
from tests.support.model.state import TimerKey

NO_RUNS: frozenset[UUID] = frozenset()


class Timed(Course):
    """The part of the oracle that is about waiting without a task."""

    def send_signal(self, run_id: UUID, slug: str, payload: Any) -> str:
        """Return the answer, or the error."""
        run = self.runs.get(run_id)
        if run is None:
            return "PF102"
        step = next((step for step in run.flow.steps if step.slug == slug), None)
        if step is None or step.kind != "signal":
            return "PF103"
        if not fits(step.result_schema, payload):
            return "PF202"
        if (run_id, slug) in self.signals:
            return "repeated" if self.signals[run_id, slug] == payload else "PF305"
        if run.status != "started":
            return "PF302"
        state = run.steps.get(slug)
        if state is not None and state.status != "started":
            return "PF306"
        self.signals[run_id, slug] = payload
        if state is None:
            return "kept"
        state.status, state.result = "completed", payload
        self.timers.pop((run_id, slug, "signal"), None)
        self.settle(run_id)
        return "completed"

    def due_runs(self) -> list[UUID]:
        """Return the runs of which a timer is due, by time."""
        due = sorted((at, key[0]) for key, at in self.timers.items() if at <= self.now)
        return [*dict.fromkeys(run_id for _, run_id in due)]

    def fire(self, limit: int, busy: frozenset[UUID] = NO_RUNS) -> int:
        """Let happen what is due in runs that nobody is at; return how much that was.

        A sweep may come late, and then takes what was due in the meantime in the order of kinds.
        """
        chosen = {run_id for run_id in self.due_runs()[:limit] if run_id not in busy}
        fired = [key for key, at in self.timers.items() if at <= self.now and key[0] in chosen]
        for key in fired:
            del self.timers[key]
        waits = [key for key in fired if key[2] in ("sleep", "signal")]
        for run_id, slug, _ in waits:
            self.runs[run_id].steps[slug].status = "completed"
        for run_id in dict.fromkeys(run_id for run_id, _, _ in waits):
            self.settle(run_id)
        events: dict[str, Callable[[list[TimerKey]], None]] = {
            "sub_flow": self._end_sub_flows,
            "start": self._begin_runs,
            "deadline": lambda keys: self._end(keys, "failed"),
            "parent": lambda keys: self._end(keys, "cancelled"),
        }
        for kind, happens in events.items():
            happens([key for key in fired if key[2] == kind and self._is_live(key[0])])
        return len(fired)

    def _is_live(self, run_id: UUID) -> bool:
        return self.runs[run_id].status == "started"

    def _begin_runs(self, keys: list[TimerKey]) -> None:
        for run_id, _, _ in keys:
            self.begin_run(run_id)

    def _end(self, keys: list[TimerKey], status: str) -> None:
        for run_id, _, _ in keys:
            self.end_run(run_id, status, ())

    def _end_sub_flows(self, keys: list[TimerKey]) -> None:
        """Sub-runs have ended: so do the steps that have started them."""
        failing: dict[UUID, dict[str, str]] = {run_id: {} for run_id, _, _ in keys}
        for run_id, slug, _ in keys:
            step, state = self.runs[run_id].flow.step(slug), self.runs[run_id].steps[slug]
            sub_run = self.runs[self.sub_runs[run_id, slug]]
            output = sub_run.output
            if output is None:
                failing[run_id][slug] = "PF630"
                continue
            result = output if step.flow_step is None else sub_run.steps[step.flow_step].result
            if fits(step.result_schema, result):
                state.status, state.result = "completed", result
            else:
                failing[run_id][slug] = "PF606"
        for run_id, codes in failing.items():
            self.fail_steps(run_id, codes)
            self.settle(run_id)
