"""What each call does, and what it answers: the engine as plain Python, without a database."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tests.support.builders import Claimed
from tests.support.model.shapes import fits
from tests.support.model.state import (
    Contract,
    Lease,
    Options,
    Run,
    TaskKey,
    Waiting,
    Worker,
    contract_of,
    key_of,
)
from tests.support.model.timed import NO_RUNS, Timed

from pgflow_manifest import (
    EachInput,
    ErrorInput,
    FlowSpec,
    Input,
    PayloadInput,
    ResultInput,
    StepSpec,
)

BEAT_SECONDS: Final = 10.0
"""Of every worker of the model; one that misses three of them is dead."""

Report = tuple[Claimed, Any]
"""A task and what is reported about it."""


class Oracle(Timed):
    """What the tables must say, and what every function must have answered."""

    def deploy(self, flow: FlowSpec) -> None:
        """New runs take *flow*; its options hold for all runs at once."""
        self.flows[flow.slug] = flow
        self.deadlines[flow.digest] = flow.options.deadline_seconds
        for step in flow.steps:
            said = {**flow.options.model_dump(), **step.options.model_dump(exclude_none=True)}
            self.options[contract_of(flow, step)] = Options(
                max_attempts=said["max_attempts"],
                base_delay_seconds=said["base_delay_seconds"],
                max_delay_seconds=said["max_delay_seconds"],
                start_delay_seconds=step.options.start_delay_seconds,
                signal_seconds=step.options.timeout_seconds if step.kind == "signal" else None,
            )

    def register_worker(self, worker_id: UUID, contracts: Iterable[Contract]) -> None:
        """Also of one that was stopped or declared dead."""
        self.workers[worker_id] = Worker(contracts=frozenset(contracts), last_beat_at=self.now)

    def beat(self, worker_id: UUID) -> str | None:
        """Return the error, if any."""
        worker = self.workers[worker_id]
        if worker.status != "running":
            return "PF104"
        worker.last_beat_at = self.now
        return None

    def stop_worker(self, worker_id: UUID) -> None:
        """What it holds is released."""
        for key, lease in [*self.leases.items()]:
            if lease.worker_id == worker_id:
                self._give_back(key)
        if self.workers[worker_id].status == "running":
            self.workers[worker_id].status = "stopped"

    def start_flow(
        self, run_id: UUID, slug: str, payload: Any, start_at: datetime | None = None
    ) -> str | None:
        """Return the error, if any."""
        if run_id in self.runs:
            return "PF303"
        self.runs[run_id] = Run(flow=self.flows[slug], payload=payload)
        if start_at is None or start_at <= self.now:
            self.begin_run(run_id)
        else:
            self.timers[run_id, "", "start"] = start_at
        return None

    def cancel_run(self, run_id: UUID) -> str | None:
        """Return the error, if any."""
        run = self.runs.get(run_id)
        if run is None:
            return "PF102"
        if run.status in ("completed", "failed"):
            return "PF302"
        if run.status == "started":
            self.end_run(run_id, "cancelled", ())
        return None

    def claimable(self, worker_id: UUID) -> dict[TaskKey, Waiting]:
        """What the worker may take now."""
        served = self.workers[worker_id].contracts
        return {
            key: task
            for key, task in self.tasks.items()
            if task.contract in served and task.available_at <= self.now
        }

    def claim_tasks(
        self,
        worker_id: UUID,
        limit: int,
        claimed: Sequence[Claimed],
        seconds: float,
        handed: frozenset[TaskKey] = frozenset(),
    ) -> None:
        """Check what was taken, which the engine may choose within limits, and take it.

        *handed* are tasks that may have been handed over, and so need not have waited their turn.
        """
        may = self.claimable(worker_id)
        taken = [key_of(task) for task in claimed]
        assert len(taken) == len(set(taken)), f"claimed twice: {claimed}"
        assert may.keys() >= set(taken), f"claimed what was not to be had: {set(taken) - {*may}}"
        assert len(taken) == min(limit, len(may)), f"{len(taken)} of {len(may)} claimed"
        queued = {key: task for key, task in may.items() if key not in handed}
        for contract in {task.contract for task in queued.values()}:
            of_it = {key: task for key, task in queued.items() if task.contract == contract}
            times = [task.available_at for key, task in of_it.items() if key in taken]
            skipped = [
                key
                for key, task in of_it.items()
                if key not in taken and times and task.available_at < max(times)
            ]
            assert not skipped, f"claimed before its turn; should have come first: {skipped}"
        for task in claimed:
            key = key_of(task)
            waiting = self.tasks.pop(key)
            assert task.attempt == waiting.attempts_count + 1
            assert task.args == self._args(key, task.args), f"arguments of {key}"
            self.leases[key] = Lease(
                contract=waiting.contract,
                attempt=task.attempt,
                lease_id=task.lease_id,
                worker_id=worker_id,
                leased_until=self.now + timedelta(seconds=seconds),
            )

    def _args(self, key: TaskKey, told: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a handler."""
        inputs = self._step(key).inputs
        return {name: self._arg(key, source, told.get("failed")) for name, source in inputs.items()}

    def _arg(self, key: TaskKey, source: Input, told_step: str | None) -> Any:
        run = self.runs[key[0]]
        match source:
            case PayloadInput() | ResultInput():
                return run.value(source)
            case EachInput():
                items = run.steps[key[1]].items
                assert items is not None
                return items[key[2]]
            case ErrorInput(path=("code",)) if told_step is not None:
                return run.steps[told_step].code
            case ErrorInput(path=("code",)):
                return "PF620"
            case ErrorInput():
                # of several steps that failed at once, any may be the one that is told
                assert told_step in (run.failed_by or {None})
                return told_step

    def complete_tasks(self, reports: Sequence[Report]) -> list[str]:
        """Return the outcomes; of equal reports of one lease the first is the accepted one."""
        accepted: dict[int, TaskKey] = {}
        unfit: dict[int, TaskKey] = {}
        for ordinal, (task, result) in enumerate(reports):
            key = key_of(task)
            if not self._holds(task) or key in accepted.values() or key in unfit.values():
                continue
            if self._fits(key, result):
                accepted[ordinal] = key
            else:
                unfit[ordinal] = key
        for ordinal, key in accepted.items():
            self._accept(key, reports[ordinal][1])
        for run_id in dict.fromkeys(run_id for run_id, _, _ in accepted.values()):
            self.settle(run_id)
        self._end_attempts(
            [key for ordinal, key in unfit.items() if self._holds(reports[ordinal][0])],
            "failed",
            code="PF606",
            retryable=False,
        )
        return [
            "completed" if ordinal in accepted else self._answer_again(task, result)
            for ordinal, (task, result) in enumerate(reports)
        ]

    def fail_tasks(
        self, tasks: Sequence[Claimed], *, retryable: bool, retry_after: float | None
    ) -> list[str]:
        """Return the outcomes."""
        held = list(dict.fromkeys(key_of(task) for task in tasks if self._holds(task)))
        lease_ids = {self.leases[key].lease_id for key in held}
        self._end_attempts(
            held, "failed", code="PF603", retryable=retryable, retry_after=retry_after
        )
        return [
            "stale"
            if task.lease_id not in lease_ids
            else "retried"
            if key_of(task) in self.tasks
            else "failed"
            for task in tasks
        ]

    def release_tasks(self, tasks: Sequence[Claimed]) -> list[str]:
        """Return the outcomes; of a lease that is named twice the first is released."""
        outcomes: list[str] = []
        for task in tasks:
            held = self._holds(task)
            if held:
                self._give_back(key_of(task))
            outcomes.append("released" if held else "stale")
        return outcomes

    def extend_leases(self, tasks: Sequence[Claimed], seconds: float) -> list[datetime | None]:
        """Return the new ends."""
        until = self.now + timedelta(seconds=seconds)
        for task in tasks:
            if self._holds(task):
                self.leases[key_of(task)].leased_until = until
        return [until if self._holds(task) else None for task in tasks]

    def sweep(self, limit: int, busy: frozenset[UUID] = NO_RUNS) -> tuple[int, int, int]:
        """Return how many leases expired, how many workers died, and how many timers fired.

        Somebody else is at the *busy* runs, which are left to a later sweep.
        """
        fired = self.fire(limit, busy)
        silent = {
            worker_id
            for worker_id, worker in self.workers.items()
            if worker.status == "running"
            and worker.last_beat_at < self.now - timedelta(seconds=3 * BEAT_SECONDS)
        }
        dead = silent | {key for key, worker in self.workers.items() if worker.status == "dead"}
        overdue = [
            key
            for key, lease in self.leases.items()
            if (lease.leased_until < self.now or lease.worker_id in dead) and key[0] not in busy
        ]
        chosen = sorted({run_id for run_id, _, _ in overdue})[:limit]
        ending = [key for key in overdue if key[0] in chosen]
        self._end_attempts(ending, "expired", code="PF604", retryable=True, retry_after=0)
        for worker_id in silent:
            self.workers[worker_id].status = "dead"
        return len(ending), len(silent), fired

    # what all of these are made of

    def _holds(self, task: Claimed) -> bool:
        lease = self.leases.get(key_of(task))
        return lease is not None and lease.lease_id == task.lease_id

    def _step(self, key: TaskKey) -> StepSpec:
        return self.runs[key[0]].flow.step(key[1])

    def _fits(self, key: TaskKey, result: Any) -> bool:
        step = self._step(key)
        return fits(
            step.result_schema["items"] if step.kind == "map" else step.result_schema, result
        )

    def _accept(self, key: TaskKey, result: Any) -> None:
        lease = self.leases[key]
        self.log(key, "completed")
        state = self.runs[key[0]].steps[key[1]]
        if state.items is None:
            state.status, state.result, state.lease_id = "completed", result, lease.lease_id
            return
        state.results[key[2]] = result
        if len(state.results) == len(state.items):
            self.gather(state)

    def _give_back(self, key: TaskKey) -> None:
        lease = self.leases[key]
        self.log(key, "released")
        self.tasks[key] = Waiting(
            contract=lease.contract, attempts_count=lease.attempt - 1, available_at=self.now
        )

    def _end_attempts(
        self,
        keys: Sequence[TaskKey],
        outcome: str,
        *,
        code: str,
        retryable: bool,
        retry_after: float | None = None,
    ) -> None:
        """End attempts without a result: another one each, or the end of the step."""
        over: dict[UUID, dict[TaskKey, str]] = {}
        for key in sorted(keys):
            lease = self.leases[key]
            self.log(key, outcome, code)
            if not retryable or lease.attempt >= self.options[lease.contract].max_attempts:
                over.setdefault(key[0], {})[key] = code
                continue
            delay = self._delay(lease) if retry_after is None else retry_after
            self.tasks[key] = Waiting(
                contract=lease.contract,
                attempts_count=lease.attempt,
                available_at=self.now + timedelta(seconds=delay),
            )
        for run_id, codes in over.items():
            self.give_up(run_id, codes)

    def _delay(self, lease: Lease) -> float:
        options = self.options[lease.contract]
        delay = options.base_delay_seconds * 2.0 ** (lease.attempt - 1)
        return min(delay, options.max_delay_seconds)

    def _answer_again(self, task: Claimed, result: Any) -> str:
        """Return what a report of a lease that is over is told: the same as the first time."""
        state = self.runs[task.run_id].steps[task.step_slug]
        for ended in self.attempts.get(key_of(task), ()):
            if ended.lease_id != task.lease_id:
                continue
            if ended.code == "PF606":
                return "failed"
            if ended.outcome == "completed":
                known = state.result if state.items is None else state.results.get(task.task_index)
                return "completed" if known == result else "stale"
        return "stale"
