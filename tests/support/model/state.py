"""What the oracle knows: runs, their steps, and the tasks of these."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from tests.support.builders import Claimed

from pgflow_manifest import FlowSpec, StepSpec

TaskKey = tuple[UUID, str, int]
"""Run, step, index."""
Contract = tuple[str, str, str]
"""Flow, step, digest."""


@dataclass(slots=True, kw_only=True)
class Options:
    """What the newest deployment says about the attempts of a step."""

    max_attempts: int
    base_delay_seconds: float
    max_delay_seconds: float


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
    """A step that has begun; one that waits for its deps has none."""

    status: str = "started"
    result: Any = None
    code: str | None = None
    lease_id: UUID | None = None
    items: list[Any] | None = None
    results: dict[int, Any] = field(default_factory=dict[int, Any])


@dataclass(slots=True, kw_only=True)
class Run:
    """One execution of a flow, on the version that it started with."""

    flow: FlowSpec
    payload: Any
    status: str = "started"
    failed_by: frozenset[str] = frozenset()
    """The steps of which any may be the one that the error of the run names."""
    steps: dict[str, StepState] = field(default_factory=dict[str, StepState])

    @property
    def output(self) -> dict[str, Any] | None:
        """What the run came to, once it has completed."""
        if self.status != "completed":
            return None
        return {slug: self.steps[slug].result for slug in self.flow.leaf_slugs}

    def is_ready(self, step: StepSpec) -> bool:
        """Whether *step* may begin now."""
        return step.slug not in self.steps and all(
            dep in self.steps and self.steps[dep].status == "completed" for dep in step.deps
        )


@dataclass(slots=True, kw_only=True)
class Worker:
    """Who claims."""

    contracts: frozenset[Contract]
    last_beat_at: datetime
    status: str = "running"


def key_of(task: Claimed) -> TaskKey:
    """Return which task it is."""
    return task.run_id, task.step_slug, task.task_index


def contract_of(flow: FlowSpec, step: StepSpec) -> Contract:
    """Return what workers serve."""
    return flow.slug, step.slug, step.digest
