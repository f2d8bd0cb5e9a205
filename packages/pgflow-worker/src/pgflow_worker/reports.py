"""One round with the database: report what ended, claim what may begin.

Completions and claims are one call, which hands over what the completions make ready. Failures and
releases go first, each in a transaction of its own: every call locks its runs in the order of their
ids, and two calls in one transaction would break that order and could deadlock with another worker.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

import psycopg
from psycopg.rows import RowMaker

from pgflow_worker import calls
from pgflow_worker.arrays import JsonbArray
from pgflow_worker.connections import AsyncConnection
from pgflow_worker.lease import Lease
from pgflow_worker.outcome import Completed, Failed, Outcome, Released
from pgflow_worker.rows import ClaimedTask, FailAnswer

MAX_BATCH_BYTES: Final = 64 * 1024 * 1024
"""How many bytes of results go into one message; Postgres refuses messages of 1 GB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """How much to claim, for whom."""

    worker_id: UUID
    limit: int
    lease_seconds: float


class Batch:
    """Outcomes that wait to be reported, by the call that reports them."""

    __slots__ = ("completed", "failed", "released")

    def __init__(self, outcomes: Iterable[Outcome] = ()) -> None:
        self.completed: list[Completed] = []
        self.failed: list[Failed] = []
        self.released: list[Released] = []
        for outcome in outcomes:
            self.add(outcome)

    def __len__(self) -> int:
        return len(self.completed) + len(self.failed) + len(self.released)

    def add(self, outcome: Outcome) -> None:
        """Put one more outcome in."""
        if isinstance(outcome, Completed):
            self.completed.append(outcome)
        elif isinstance(outcome, Failed):
            self.failed.append(outcome)
        else:
            self.released.append(outcome)

    def all(self) -> list[Outcome]:
        """Return every outcome."""
        return [*self.failed, *self.released, *self.completed]

    def clear(self) -> None:
        """Take everything out."""
        self.completed, self.failed, self.released = [], [], []

    def cut(self) -> "Batch":
        """Take out as much as one message may hold, and return it."""
        taken = Batch()
        taken.failed, self.failed = self.failed, []
        taken.released, self.released = self.released, []
        count = _fitting(self.completed)
        taken.completed, self.completed = self.completed[:count], self.completed[count:]
        return taken


class Failure(NamedTuple):
    """An attempt that has failed, as the database wrote it down."""

    lease: Lease
    reason: str
    """For the log."""
    retry_in: float | None = None
    """Seconds until the next attempt; None when the step has failed."""


@dataclass(slots=True, kw_only=True)
class Answer:
    """What the database said."""

    accepted: list[Lease] = field(default_factory=list[Lease])
    """Leases that are over by now: everything that was reported, the stale ones among them."""
    stale: list[Outcome] = field(default_factory=list[Outcome])
    """Reports that changed nothing, because their lease was over before."""
    failures: list[Failure] = field(default_factory=list[Failure])
    claimed: list[ClaimedTask] = field(default_factory=list[ClaimedTask])


async def send(conn: AsyncConnection, batch: Batch, claim: Claim | None, answer: Answer) -> None:
    """Report *batch* and claim, in one round trip, or one more for each kind of failure.

    What the database has taken is moved from *batch* to *answer*, so that after an error the rest
    can be sent again.

    Raises:
        psycopg.Error: nothing of that transaction happened, or, when the connection broke, it is
            not known; the engine answers a repeated completion as it did before, and calls a
            repeated failure or release stale.
    """
    if batch.failed:
        await _fail(conn, batch.failed, answer)
        batch.failed = []
    if batch.released:
        await _release(conn, batch.released, answer)
        batch.released = []
    if batch.completed and claim is not None:
        await _exchange(conn, batch.completed, claim, answer)
    elif batch.completed:
        await _complete(conn, batch.completed, answer)
    elif claim is not None:
        await _claim(conn, claim, answer)
    batch.completed = []


async def _fail(conn: AsyncConnection, failed: Sequence[Failed], answer: Answer) -> None:
    cursor = await conn.execute(
        calls.FAIL_TASKS,
        [
            *calls.task_keys(_leases(failed)),
            JsonbArray([outcome.error for outcome in failed]),
            [outcome.retryable for outcome in failed],
            [outcome.retry_after for outcome in failed],
        ],
        prepare=True,
    )
    for row in await cursor.fetchall():
        fail_answer = FailAnswer._make(cast("tuple[Any, ...]", row))
        outcome = failed[fail_answer.ordinal - 1]
        if fail_answer.outcome == "stale":
            answer.stale.append(outcome)
        else:
            failure = Failure(outcome.lease, outcome.reason, fail_answer.retry_in)
            answer.failures.append(failure)
    answer.accepted += _leases(failed)


async def _release(conn: AsyncConnection, released: Sequence[Released], answer: Answer) -> None:
    cursor = await conn.execute(
        calls.RELEASE_TASKS, calls.task_keys(_leases(released)), prepare=True
    )
    answer.stale += [released[_ordinal(row) - 1] for row in await cursor.fetchall()]
    answer.accepted += _leases(released)


async def _exchange(
    conn: AsyncConnection, completed: Sequence[Completed], claim: Claim, answer: Answer
) -> None:
    cursor = conn.cursor(binary=True)
    await cursor.execute(
        calls.EXCHANGE_TASKS,
        [claim.worker_id, *_completions(completed), claim.limit, claim.lease_seconds],
        prepare=True,
    )
    for row in cast("list[tuple[Any, ...]]", await cursor.fetchall()):
        if row[0] is None:
            answer.claimed.append(ClaimedTask._make(row[2:]))
        else:
            _not_completed(completed, row[0], row[1], answer)
    answer.accepted += _leases(completed)


async def _complete(conn: AsyncConnection, completed: Sequence[Completed], answer: Answer) -> None:
    cursor = await conn.execute(calls.COMPLETE_TASKS, _completions(completed), prepare=True)
    for ordinal, refusal in cast("list[tuple[int, str | None]]", await cursor.fetchall()):
        _not_completed(completed, ordinal, refusal, answer)
    answer.accepted += _leases(completed)


async def _claim(conn: AsyncConnection, claim: Claim, answer: Answer) -> None:
    cursor = conn.cursor(binary=True, row_factory=_claimed_task)
    await cursor.execute(
        calls.CLAIM_TASKS, [claim.worker_id, claim.limit, claim.lease_seconds], prepare=True
    )
    answer.claimed = await cursor.fetchall()


def _completions(completed: Sequence[Completed]) -> list[object]:
    results = JsonbArray([outcome.result for outcome in completed])
    return [*calls.task_keys(_leases(completed)), results]


def _not_completed(
    completed: Sequence[Completed], ordinal: int, refusal: str | None, answer: Answer
) -> None:
    outcome = completed[ordinal - 1]
    if refusal is None:
        answer.stale.append(outcome)
    else:
        answer.failures.append(Failure(outcome.lease, refusal))


def _claimed_task(cursor: psycopg.AsyncCursor[Any]) -> RowMaker[ClaimedTask]:
    del cursor
    return ClaimedTask._make


def _fitting(completed: Sequence[Completed]) -> int:
    size = 0
    for count, outcome in enumerate(completed):
        size += len(outcome.result)
        if size > MAX_BATCH_BYTES and count > 0:
            return count
    return len(completed)


def _leases(outcomes: Sequence[Outcome]) -> list[Lease]:
    return [outcome.lease for outcome in outcomes]


def _ordinal(row: tuple[object, ...]) -> int:
    return cast("int", row[0])
