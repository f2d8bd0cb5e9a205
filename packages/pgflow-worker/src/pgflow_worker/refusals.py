"""Find the one report that spoils a batch, so that the others go through.

A batch that is refused is halved until the bad report is alone. What the database will never store
becomes the failure of its own step; what is only locked waits. Reports are sorted by run, because
one locked run holds all of its own back: asking for each would cost a lock timeout each.
"""

from collections.abc import Callable, Sequence

import psycopg

from pgflow_worker import errors
from pgflow_worker.connections import AsyncConnection
from pgflow_worker.link import first_line
from pgflow_worker.logs import logger
from pgflow_worker.outcome import Completed, Failed, Outcome, refused
from pgflow_worker.reports import Answer, Batch, send

Postpone = Callable[[Outcome], None]
"""Takes a report whose run somebody holds locked."""


async def send_apart(
    conn: AsyncConnection, batch: Batch, answer: Answer, postpone: Postpone
) -> None:
    """Report *batch* in ever smaller parts.

    Afterwards *batch* is empty; when it raises, it holds what was not yet reported.

    Raises:
        psycopg.Error: neither one value nor one lock is to blame.
    """
    parts: list[list[Outcome]] = [sorted(batch.all(), key=_run_of)]
    batch.clear()
    while parts:
        part = parts.pop()
        sending = Batch(part)
        try:
            await send(conn, sending, None, answer)
        except psycopg.Error as error:
            rest = sending.all()
            if not (errors.is_refused_value(error) or errors.is_lock_timeout(error)):
                _put_back(batch, [*parts, rest])
                raise
            if errors.is_lock_timeout(error) and len({_run_of(outcome) for outcome in rest}) == 1:
                for outcome in rest:
                    postpone(outcome)
            elif len(rest) > 1:
                rest.sort(key=_run_of)
                middle = len(rest) // 2
                parts += [rest[:middle], rest[middle:]]
            else:
                parts += _instead_of(rest[0], error, answer)
        except BaseException:
            _put_back(batch, [*parts, sending.all()])
            raise


def _instead_of(outcome: Outcome, error: psycopg.Error, answer: Answer) -> Sequence[list[Outcome]]:
    reason = first_line(error)
    if isinstance(outcome, Completed):
        return [[refused(outcome.lease, reason)]]
    if isinstance(outcome, Failed) and not outcome.is_plain:
        return [[refused(outcome.lease, "and so it did its error")._replace(is_plain=True)]]
    # Nothing of it can be stored: the lease will expire, and the attempt with it.
    logger.error("a report cannot be stored (%s)", reason, extra=outcome.lease.fields())
    answer.accepted.append(outcome.lease)
    return []


def _run_of(outcome: Outcome) -> bytes:
    return outcome.lease.task.run_id


def _put_back(batch: Batch, parts: Sequence[Sequence[Outcome]]) -> None:
    for part in parts:
        for outcome in part:
            batch.add(outcome)
