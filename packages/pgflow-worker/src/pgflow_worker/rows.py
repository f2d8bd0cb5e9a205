"""The rows that the engine answers with, as the worker uses them."""

from typing import NamedTuple


class ClaimedTask(NamedTuple):
    """One task that this worker may run until its lease ends.

    A tuple and not a dataclass, because psycopg makes one per task on the hot path (0.4 against
    2 µs). Ids are the 16 bytes of a UUID: most handlers never look at them.
    """

    run_id: bytes
    task_index: int
    attempt: int
    lease_id: bytes
    contract_id: int
    timeout_seconds: float | None
    max_attempts: int
    args: bytes
    """JSON text of `{parameter: value}`."""


class FailAnswer(NamedTuple):
    """What became of a task whose attempt failed."""

    ordinal: int
    """Place in the batch, from 1."""
    outcome: str
    """`retried`, `failed` or `stale`."""
    retry_in: float | None
    """Seconds until the next attempt; None when there is none."""


class SweepAnswer(NamedTuple):
    """What a sweep found."""

    expired: int
    dead_workers: int
    next_timer_seconds: float | None
    """Until the next timer is due; None when there is none."""
