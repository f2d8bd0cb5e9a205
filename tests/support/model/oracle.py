"""What each call does, and what it answers: the engine as plain Python, without a database."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tests.support.builders import Claimed
from tests.support.model.state import (
    Contract,
    Ended,
    Lease,
    Options,
    Run,
    StepState,
    TaskKey,
    Waiting,
    Worker,
    contract_of,
    key_of,
)

from pgflow_manifest import EachInput, FlowSpec, PayloadInput, ResultInput, StepSpec

BEAT_SECONDS: Final = 10.0
"""Of every worker of the model; one that misses three of them is dead."""

Report = tuple[Claimed, Any]
"""A task and what is reported about it."""


class Oracle:
    """What the tables must say, and what every function must have answered."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.flows: dict[str, FlowSpec] = {}
        self.options: dict[Contract, Options] = {}
        self.runs: dict[UUID, Run] = {}
        self.tasks: dict[TaskKey, Waiting] = {}
        self.leases: dict[TaskKey, Lease] = {}
        self.attempts: dict[TaskKey, list[Ended]] = {}
        self.workers: dict[UUID, Worker] = {}

    def deploy(self, flow: FlowSpec) -> None:
        """New runs take *flow*; its options hold for all runs at once."""
        self.flows[flow.slug] = flow
        for step in flow.steps:
            said = {**flow.options.model_dump(), **step.options.model_dump(exclude_none=True)}
            self.options[contract_of(flow, step)] = Options(
                max_attempts=said["max_attempts"],
                base_delay_seconds=said["base_delay_seconds"],
                max_delay_seconds=said["max_delay_seconds"],
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

    def start_flow(self, run_id: UUID, slug: str, payload: Any) -> str | None:
        """Return the error, if any."""
        if run_id in self.runs:
            return "PF303"
        self.runs[run_id] = Run(flow=self.flows[slug], payload=payload)
        self._settle(run_id)
        return None

    def cancel_run(self, run_id: UUID) -> str | None:
        """Return the error, if any."""
        run = self.runs.get(run_id)
        if run is None:
            return "PF102"
        if run.status in ("completed", "failed"):
            return "PF302"
        self._end_run(run_id, "cancelled")
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
            assert task.args == self.args(key), f"arguments of {key}"
            self.leases[key] = Lease(
                contract=waiting.contract,
                attempt=task.attempt,
                lease_id=task.lease_id,
                worker_id=worker_id,
                leased_until=self.now + timedelta(seconds=seconds),
            )

    def args(self, key: TaskKey) -> dict[str, Any]:
        """Return the arguments of a handler."""
        run_id, slug, index = key
        run = self.runs[run_id]
        items = run.steps[slug].items
        args: dict[str, Any] = {}
        for name, source in run.flow.step(slug).inputs.items():
            match source:
                case PayloadInput():
                    args[name] = run.payload
                case ResultInput():
                    args[name] = run.steps[source.step].result
                case _:
                    assert isinstance(source, EachInput)
                    assert items is not None
                    args[name] = items[index]
        return args

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
            self._settle(run_id)
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
            else "failed"
            if self.runs[task.run_id].status == "failed"
            else "retried"
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

    def sweep(self, limit: int) -> tuple[int, int]:
        """Return how many leases expired and how many workers died."""
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
            if lease.leased_until < self.now or lease.worker_id in dead
        ]
        chosen = sorted({run_id for run_id, _, _ in overdue})[:limit]
        ending = [key for key in overdue if key[0] in chosen]
        self._end_attempts(ending, "expired", code="PF604", retryable=True, retry_after=0)
        for worker_id in silent:
            self.workers[worker_id].status = "dead"
        return len(ending), len(silent)

    # what all of these are made of

    def _holds(self, task: Claimed) -> bool:
        lease = self.leases.get(key_of(task))
        return lease is not None and lease.lease_id == task.lease_id

    def _step(self, key: TaskKey) -> StepSpec:
        return self.runs[key[0]].flow.step(key[1])

    def _fits(self, key: TaskKey, result: Any) -> bool:
        """The schemas of flows.py: an item becomes a number, a step a number or a list."""
        return isinstance(result, int if self._step(key).kind == "map" else int | list)

    def _accept(self, key: TaskKey, result: Any) -> None:
        lease = self.leases[key]
        self._log(key, "completed")
        state = self.runs[key[0]].steps[key[1]]
        if state.items is None:
            state.status, state.result, state.lease_id = "completed", result, lease.lease_id
            return
        state.results[key[2]] = result
        if len(state.results) == len(state.items):
            self._gather(state)

    def _gather(self, state: StepState) -> None:
        state.status = "completed"
        state.result = [state.results[index] for index in range(len(state.results))]

    def _settle(self, run_id: UUID) -> None:
        """Begin what is ready, wave after wave; complete the run when all its leaves have."""
        run = self.runs[run_id]
        while run.status == "started":
            ready = [step for step in run.flow.steps if run.is_ready(step)]
            if not ready:
                break
            unstartable = {step.slug: code for step in ready if (code := self._begin(run_id, step))}
            if unstartable:
                self._fail_steps(run_id, unstartable)
        if run.status == "started" and all(
            slug in run.steps and run.steps[slug].status == "completed"
            for slug in run.flow.leaf_slugs
        ):
            run.status = "completed"

    def _begin(self, run_id: UUID, step: StepSpec) -> str | None:
        """Return why the step cannot begin, if so."""
        run = self.runs[run_id]
        state = run.steps[step.slug] = StepState()
        match step.kind:
            case "single":
                self._queue((run_id, step.slug, 0), step)
            case _:
                assert step.kind == "map"  # of other kinds nothing is drawn
                items = (
                    run.steps[step.over.step].result
                    if isinstance(step.over, ResultInput)
                    else run.payload
                )
                if not isinstance(items, list):
                    return "PF609"
                state.items = [*items]
                for index in range(len(state.items)):
                    self._queue((run_id, step.slug, index), step)
                if not state.items:
                    self._gather(state)
        return None

    def _queue(self, key: TaskKey, step: StepSpec) -> None:
        contract = contract_of(self.runs[key[0]].flow, step)
        self.tasks[key] = Waiting(contract=contract, attempts_count=0, available_at=self.now)

    def _give_back(self, key: TaskKey) -> None:
        lease = self.leases[key]
        self._log(key, "released")
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
        """End attempts without a result: another one each, or the end of step and run."""
        over: dict[UUID, dict[str, str]] = {}
        again: list[tuple[TaskKey, Lease]] = []
        for key in sorted(keys):
            lease = self.leases[key]
            if retryable and lease.attempt < self.options[lease.contract].max_attempts:
                again.append((key, lease))
            else:
                over.setdefault(key[0], {})[key[1]] = code
            self._log(key, outcome, code)
        for key, lease in again:
            if key[0] not in over:
                delay = self._delay(lease) if retry_after is None else retry_after
                self.tasks[key] = Waiting(
                    contract=lease.contract,
                    attempts_count=lease.attempt,
                    available_at=self.now + timedelta(seconds=delay),
                )
        for run_id, steps in over.items():
            self._fail_steps(run_id, steps)
            # told by the slug that comes first, which is no more than a way to choose one
            self.runs[run_id].failed_by = frozenset({min(steps)})

    def _delay(self, lease: Lease) -> float:
        options = self.options[lease.contract]
        delay = options.base_delay_seconds * 2.0 ** (lease.attempt - 1)
        return min(delay, options.max_delay_seconds)

    def _fail_steps(self, run_id: UUID, codes: Mapping[str, str]) -> None:
        run = self.runs[run_id]
        for slug, code in codes.items():
            run.steps[slug].status, run.steps[slug].code = "failed", code
        self._end_run(run_id, "failed")
        run.failed_by = frozenset(codes)

    def _end_run(self, run_id: UUID, status: str) -> None:
        run = self.runs[run_id]
        if run.status != "started":
            return
        run.status = status
        for state in run.steps.values():
            if state.status == "started":
                state.status = "cancelled"
            if state.status != "completed":
                state.results = {}
        for key in [key for key in self.tasks if key[0] == run_id]:
            del self.tasks[key]
        for key in [key for key in self.leases if key[0] == run_id]:
            self._log(key, "cancelled")

    def _log(self, key: TaskKey, outcome: str, code: str | None = None) -> None:
        lease = self.leases.pop(key)
        self.attempts.setdefault(key, []).append(
            Ended(attempt=lease.attempt, outcome=outcome, lease_id=lease.lease_id, code=code)
        )

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
