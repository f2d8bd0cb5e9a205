"""Every status a run, a step, a task report or a worker can have.

The database holds the same words in named CHECK constraints; a test compares the two.
"""

from typing import Final, Literal, get_args

RunStatus = Literal["started", "completed", "failed", "cancelled"]
"""A run is `started` until it ends in one of the other three."""

StepStatus = Literal["created", "started", "completed", "failed", "cancelled", "skipped"]
"""A step is `created` while it waits for its deps and `started` once its task is queued.

One that is `skipped` has no result, and its run goes on without it."""

SkipReason = Literal["condition_unmet", "dependency_skipped", "handler_failed"]
"""Why a step was skipped: its condition did not hold, a dep was skipped with cascade, or it failed
for good and the run goes on without it."""

AttemptOutcome = Literal["completed", "failed", "expired", "released", "cancelled"]
"""How one attempt of a task ended, as kept in `pgflow.attempts`."""

WorkerStatus = Literal["running", "stopped", "dead"]
"""A worker is `dead` once it missed its beats, `stopped` when it said goodbye."""

RUN_STATUSES: Final[tuple[str, ...]] = get_args(RunStatus)
STEP_STATUSES: Final[tuple[str, ...]] = get_args(StepStatus)
SKIP_REASONS: Final[tuple[str, ...]] = get_args(SkipReason)
ATTEMPT_OUTCOMES: Final[tuple[str, ...]] = get_args(AttemptOutcome)
WORKER_STATUSES: Final[tuple[str, ...]] = get_args(WorkerStatus)

TERMINAL_STATUSES: Final = frozenset({"completed", "failed", "cancelled", "skipped"})
"""Statuses of a run or step that never change again."""

StepKind = Literal["single", "map", "signal", "sleep", "flow", "failure"]
"""What a step does once it is ready.

`single` has one task, `map` one for each item of a list; `signal` waits for a payload from outside,
`sleep` for a time; `flow` runs another flow; `failure` has a handler for runs that failed."""
