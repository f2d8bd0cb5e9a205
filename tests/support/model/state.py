"""What the oracle knows: runs, their steps, the tasks of these, and what is due at a time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from tests.support.builders import Claimed

from pgflow_manifest import FlowSpec, PayloadInput, ResultInput, StepSpec

TaskKey = tuple[UUID, str, int]
"""Run, step, index."""
StepKey = tuple[UUID, str]
"""Run, step."""
TimerKey = tuple[UUID, str, str]
"""Run, step or nothing, kind."""
Contract = tuple[str, str, str]
"""Flow, step, digest."""


@dataclass(slots=True, kw_only=True)
class Options:
    """What the newest deployment says about the attempts of a step, and about how it waits."""

    max_attempts: int
    base_delay_seconds: float
    max_delay_seconds: float
    start_delay_seconds: float
    signal_seconds: float | None
    """How long a signal is waited for; what the flow says is about attempts of handlers."""


@dataclass(slots=True, kw_only=True)
class Waiting:
    """A task that nobody holds."""

    contract: Contract
    attempts_count: int
    available_at: datetime


@dataclass(slots=True, kw_only=True)
class Lease:
    """A task that a worker holds."""

    contract: Contract
    attempt: int
    lease_id: UUID
    worker_id: UUID
    leased_until: datetime


@dataclass(slots=True, kw_only=True)
class Ended:
    """An attempt that is over."""

    attempt: int
    outcome: str
    lease_id: UUID
    code: str | None = None


@dataclass(slots=True, kw_only=True)
class StepState:
    """A step that has begun or was skipped; one that waits for its deps has none."""

    status: str = "started"
    result: Any = None
    code: str | None = None
    skip_reason: str | None = None
    cascades: bool | None = None
    lease_id: UUID | None = None
    items: list[Any] | None = None
    results: dict[int, Any] = field(default_factory=dict[int, Any])


@dataclass(slots=True, kw_only=True)
class Run:
    """One execution of a flow, on the version that it started with."""

    flow: FlowSpec
    payload: Any
    status: str = "started"
    has_begun: bool = False
    parent: StepKey | None = None
    """Of a sub-run, the step that has started it."""
    failed_by: frozenset[str] = frozenset()
    """The steps of which any may be the one that the error of the run names."""
    steps: dict[str, StepState] = field(default_factory=dict[str, StepState])

    @property
    def output(self) -> dict[str, Any] | None:
        """What the run came to, once it has completed; null stands for a leaf that was skipped."""
        if self.status != "completed":
            return None
        return {slug: self.steps[slug].result for slug in self.flow.leaf_slugs}

    def is_ready(self, step: StepSpec) -> bool:
        """Whether all that *step* waits for has ended, and nothing was made of it yet."""
        return (
            step.kind != "failure"
            and step.slug not in self.steps
            and all(self.has_ended(dep) for dep in step.deps)
        )

    def has_ended(self, slug: str) -> bool:
        """Whether a step has completed or was skipped."""
        return slug in self.steps and self.steps[slug].status in ("completed", "skipped")

    def value(self, source: PayloadInput | ResultInput) -> Any:
        """Return the payload or a result; null for that of a step that was skipped."""
        if isinstance(source, PayloadInput):
            return self.payload
        return self.steps[source.step].result if source.step in self.steps else None


@dataclass(slots=True, kw_only=True)
class Worker:
    """Who claims."""

    contracts: frozenset[Contract]
    last_beat_at: datetime
    status: str = "running"


@dataclass(slots=True, kw_only=True)
class World:
    """All there is."""

    now: datetime
    find_sub_run: Callable[[StepKey], UUID]
    """Tells the id of the run that a step has started: the engine makes these ids."""
    flows: dict[str, FlowSpec] = field(default_factory=dict[str, FlowSpec])
    deadlines: dict[str, float | None] = field(default_factory=dict[str, float | None])
    """By digest of the flow, in seconds."""
    options: dict[Contract, Options] = field(default_factory=dict[Contract, Options])
    runs: dict[UUID, Run] = field(default_factory=dict[UUID, Run])
    tasks: dict[TaskKey, Waiting] = field(default_factory=dict[TaskKey, Waiting])
    leases: dict[TaskKey, Lease] = field(default_factory=dict[TaskKey, Lease])
    attempts: dict[TaskKey, list[Ended]] = field(default_factory=dict[TaskKey, list[Ended]])
    workers: dict[UUID, Worker] = field(default_factory=dict[UUID, Worker])
    timers: dict[TimerKey, datetime] = field(default_factory=dict[TimerKey, datetime])
    signals: dict[StepKey, Any] = field(default_factory=dict[StepKey, Any])
    sub_runs: dict[StepKey, UUID] = field(default_factory=dict[StepKey, UUID])


def key_of(task: Claimed) -> TaskKey:
    """Return which task it is."""
    return task.run_id, task.step_slug, task.task_index


def contract_of(flow: FlowSpec, step: StepSpec) -> Contract:
    """Return what workers serve."""
    return flow.slug, step.slug, step.digest
