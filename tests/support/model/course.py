"""What follows inside runs from what has happened to them: beginnings, skips and ends."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from tests.support.model.conditions import holds
from tests.support.model.shapes import PAYLOAD, fits
from tests.support.model.state import (
    Ended,
    Options,
    Run,
    StepState,
    TaskKey,
    Waiting,
    World,
    contract_of,
)

from pgflow_manifest import PayloadInput, ResultInput, StepSpec

AT_ONCE: Final = ("single", "map", "signal", "sleep", "flow")
"""In which order steps begin that are ready at once.

It shows only when one of them fails the run: then those of the other kinds do not begin any more.
The documentation leaves open which ones these are.
"""


class Course(World):
    """The part of the oracle that is about runs."""

    def begin_run(self, run_id: UUID) -> None:
        """Begin what waits for nothing; from now on counts the deadline."""
        run = self.runs[run_id]
        run.has_begun = True
        deadline = self.deadlines[run.flow.digest]
        if deadline is not None:
            self.set_timer(run_id, "", "deadline", deadline)
        self.settle(run_id)

    def settle(self, run_id: UUID) -> None:
        """Begin what is ready, wave after wave; complete the run when all its leaves have ended."""
        run = self.runs[run_id]
        while run.status == "started" and run.has_begun:
            ready = [step for step in run.flow.steps if run.is_ready(step)]
            if not ready:
                break
            self._begin_wave(run_id, ready)
        if run.status == "started" and all(run.has_ended(slug) for slug in run.flow.leaf_slugs):
            run.status = "completed"
            self._drop_timers(run_id)
            self._tell_parent(run)

    def _begin_wave(self, run_id: UUID, ready: Sequence[StepSpec]) -> None:
        run = self.runs[run_id]
        fates = {step.slug: self._fate(run, step) for step in ready}
        for slug, fate in fates.items():
            if fate in ("cascade", "skip", "skip_cascade"):
                run.steps[slug] = StepState(
                    status="skipped",
                    skip_reason="dependency_skipped" if fate == "cascade" else "condition_unmet",
                    cascades=fate != "skip",
                )
        for kind in AT_ONCE:
            if run.status == "started":
                begun = [s for s in ready if s.kind == kind and fates[s.slug] == "start"]
                codes = {s.slug: code for s in begun if (code := self._begin(run_id, s))}
                self.fail_steps(run_id, codes)
        if run.status == "started":
            unmet = [slug for slug, fate in fates.items() if fate == "fail"]
            run.steps |= {slug: StepState() for slug in unmet}
            self.fail_steps(run_id, dict.fromkeys(unmet, "PF610"), always=True)

    def _fate(self, run: Run, step: StepSpec) -> str:
        """Return what becomes of a step whose deps have all ended."""
        if any(run.steps[dep].cascades for dep in step.deps):
            return "cascade"
        if step.when is None or holds(step.when, run.value):
            return "start"
        return step.when_unmet

    def _begin(self, run_id: UUID, step: StepSpec) -> str | None:
        """Return why the step cannot begin, if so."""
        run = self.runs[run_id]
        state = run.steps[step.slug] = StepState()
        match step.kind:
            case "single":
                self._queue((run_id, step.slug, 0), step)
            case "map":
                assert step.over is not None
                return self._begin_map(run_id, step, state, run.value(step.over))
            case "signal":
                self._begin_signal(run_id, step, state)
            case "sleep":
                return self._begin_sleep(run_id, step, state)
            case _:
                assert step.kind == "flow"
                return self._begin_sub_run(run_id, step)
        return None

    def _begin_map(
        self, run_id: UUID, step: StepSpec, state: StepState, items: object
    ) -> str | None:
        if not isinstance(items, list):
            return "PF609"
        state.items = [*items]
        for index in range(len(state.items)):
            self._queue((run_id, step.slug, index), step)
        if not state.items:
            self.gather(state)
        return None

    def _begin_signal(self, run_id: UUID, step: StepSpec, state: StepState) -> None:
        seconds = self._options(self.runs[run_id], step).signal_seconds
        if (run_id, step.slug) in self.signals:
            state.status, state.result = "completed", self.signals[run_id, step.slug]
        elif seconds is not None:
            self.set_timer(run_id, step.slug, "signal", seconds)

    def _begin_sleep(self, run_id: UUID, step: StepSpec, state: StepState) -> str | None:
        seconds = step.seconds
        if step.until is not None:
            seconds = self.runs[run_id].value(step.until)
        if not isinstance(seconds, int | float):
            return "PF621"
        if seconds > 0:
            self.set_timer(run_id, step.slug, "sleep", seconds)
        else:
            state.status = "completed"
        return None

    def _begin_sub_run(self, run_id: UUID, step: StepSpec) -> str | None:
        assert step.flow is not None
        source = step.inputs["payload"]
        assert isinstance(source, PayloadInput | ResultInput)
        payload = self.runs[run_id].value(source)
        if step.flow not in self.flows or not fits(PAYLOAD, payload):
            return "PF630"
        sub_run_id = self.sub_runs[run_id, step.slug] = self.find_sub_run((run_id, step.slug))
        self.runs[sub_run_id] = Run(
            flow=self.flows[step.flow], payload=payload, parent=(run_id, step.slug)
        )
        self.begin_run(sub_run_id)
        return None

    def _options(self, run: Run, step: StepSpec) -> Options:
        return self.options[contract_of(run.flow, step)]

    def _queue(self, key: TaskKey, step: StepSpec) -> None:
        contract = contract_of(self.runs[key[0]].flow, step)
        delay = timedelta(seconds=self.options[contract].start_delay_seconds)
        self.tasks[key] = Waiting(
            contract=contract, attempts_count=0, available_at=self.now + delay
        )

    def gather(self, state: StepState) -> None:
        """Complete a map."""
        state.status = "completed"
        state.result = [state.results[index] for index in range(len(state.results))]

    def give_up(self, run_id: UUID, codes: Mapping[TaskKey, str]) -> None:
        """End what had its last attempt: null stands for an item that is skipped."""
        run = self.runs[run_id]
        failing: dict[str, str] = {}
        for key, code in codes.items():
            step, state = run.flow.step(key[1]), run.steps[key[1]]
            if step.kind == "map" and step.on_failure == "skip":
                assert state.items is not None
                state.results[key[2]] = None
                if len(state.results) == len(state.items):
                    self.gather(state)
            else:
                failing.setdefault(key[1], code)
        self.fail_steps(run_id, failing)
        self.settle(run_id)

    def fail_steps(self, run_id: UUID, codes: Mapping[str, str], *, always: bool = False) -> None:
        """Fail steps and their run, or skip them where that is their policy."""
        run = self.runs[run_id]
        failing: set[str] = set()
        for slug, code in codes.items():
            step, state = run.flow.step(slug), run.steps[slug]
            state.code = code
            # the list of a map is promised, whatever becomes of its items
            is_kept = step.kind == "map" and step.on_failure == "skip"
            if step.on_failure != "fail" and not (always or is_kept):
                state.status, state.skip_reason = "skipped", "handler_failed"
                state.cascades = step.on_failure == "skip_cascade"
                state.results = {}
                self._drop_tasks(run_id, slug)
                continue
            state.status = "failed"
            if step.kind != "failure":
                failing.add(slug)
        if failing:
            self.end_run(run_id, "failed", failing)

    def end_run(self, run_id: UUID, status: str, failed_by: Iterable[str]) -> None:
        """End a run early: of what it did nothing is left, and its relatives are told."""
        run = self.runs[run_id]
        assert run.status == "started"
        run.status, run.failed_by = status, frozenset(failed_by)
        for state in run.steps.values():
            if state.status == "started":
                state.status = "cancelled"
            if state.status != "completed":
                state.results = {}
        self._drop_tasks(run_id)
        self._drop_timers(run_id)
        self._tell_parent(run)
        for (parent_id, _), sub_run_id in self.sub_runs.items():
            if parent_id == run_id and self.runs[sub_run_id].status == "started":
                self.set_timer(sub_run_id, "", "parent", 0)
        handler = run.flow.steps[-1]
        if status == "failed" and handler.kind == "failure":
            run.steps[handler.slug] = StepState()
            self._queue((run_id, handler.slug, 0), handler)

    def _drop_timers(self, run_id: UUID) -> None:
        for key in [key for key in self.timers if key[0] == run_id]:
            del self.timers[key]

    def _drop_tasks(self, run_id: UUID, slug: str | None = None) -> None:
        """Of a run, or of a step of it."""
        for key in [key for key in self.tasks if key[0] == run_id and slug in (None, key[1])]:
            del self.tasks[key]
        for key in [key for key in self.leases if key[0] == run_id and slug in (None, key[1])]:
            self.log(key, "cancelled")

    def _tell_parent(self, run: Run) -> None:
        if run.parent is not None and self.runs[run.parent[0]].status == "started":
            self.set_timer(*run.parent, "sub_flow", 0)

    def set_timer(self, run_id: UUID, slug: str, kind: str, seconds: float) -> None:
        """Let something happen so long from now, unless it is set already."""
        self.timers.setdefault((run_id, slug, kind), self.now + timedelta(seconds=seconds))

    def log(self, key: TaskKey, outcome: str, code: str | None = None) -> None:
        """End an attempt."""
        lease = self.leases.pop(key)
        self.attempts.setdefault(key, []).append(
            Ended(attempt=lease.attempt, outcome=outcome, lease_id=lease.lease_id, code=code)
        )
