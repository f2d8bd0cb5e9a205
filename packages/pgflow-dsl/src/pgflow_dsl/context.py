"""What a handler may see besides its arguments.

The worker builds one for each attempt, and so does `flow.test`; a handler asks for it with
`ctx: StepContext = flow.context`. Next: `outcomes.py`, what a handler may raise.
"""

import logging
import threading
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from pgflow_dsl.outcomes import Cancelled


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """Tell a handler which attempt of which run it works for."""

    run_id: UUID
    flow_slug: str
    step_slug: str
    attempt: int
    """Counted from 1."""
    max_attempts: int
    deadline: datetime | None
    """When the attempt times out; None when the step has no timeout."""
    task_index: int = 0
    """Which item of the list a map step works on, counted from 0; always 0 in other steps."""
    idempotency_key: str
    """The same for every attempt of the task: hand it to services that refuse repeats."""
    lease_id: UUID
    """The claim this attempt runs under; needed to finish in the handler's own transaction."""
    log: logging.LoggerAdapter[logging.Logger]
    """A logger whose records carry run id, step and attempt."""
    cancel_event: threading.Event = field(default_factory=threading.Event, repr=False)
    """Set by the worker once the result is no longer wanted; wait on it in threads."""

    @property
    def is_cancelled(self) -> bool:
        """Whether the run ended or the lease was lost, so that the result is no longer wanted.

        An async handler is cancelled as any asyncio task; a sync one must ask.
        """
        return self.cancel_event.is_set()

    def raise_if_cancelled(self) -> None:
        """Raise `Cancelled` once the result is no longer wanted; call it between pieces of work."""
        if self.cancel_event.is_set():
            raise Cancelled(f"step {self.step_slug!r} of run {self.run_id} is no longer wanted")
