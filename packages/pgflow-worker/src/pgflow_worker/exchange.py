"""The database loop: whenever something ended or may begin, one round with the database.

While a round is under way, handlers go on and their outcomes gather for the next one. So batches
grow by themselves with the load, and no timer decides how long to collect. An idle worker looks
again after a delay that doubles from 20 ms to 2 s, or at once when it is woken by a NOTIFY. What
others took before it does not make it look more often.
"""

import asyncio
import heapq
import logging
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Final
from uuid import UUID

import psycopg

from pgflow_worker import errors
from pgflow_worker.backoff import Backoff
from pgflow_worker.claim_size import ClaimSize
from pgflow_worker.config import WorkerConfig
from pgflow_worker.executor import Executor
from pgflow_worker.lease import Lease, StopReason
from pgflow_worker.link import Link, first_line
from pgflow_worker.loader import Handler
from pgflow_worker.logs import logger
from pgflow_worker.outcome import Outcome, Released
from pgflow_worker.refusals import send_apart
from pgflow_worker.reports import Answer, Batch, Claim, send
from pgflow_worker.signals import Signals

POLL_FIRST: Final = 0.02
POLL_LAST: Final = 2.0
"""Longest delay between two looks of an idle worker, in case a NOTIFY was lost."""
LOCKED_DELAY: Final = 4
"""Pause between two tries of a report whose run is locked, in multiples of the lock timeout."""

Register = Callable[[], Awaitable[Mapping[int, Handler]]]


class Exchange:
    """Claims tasks, hands them to the executor, reports their outcomes."""

    def __init__(
        self,
        config: WorkerConfig,
        worker_id: UUID,
        handlers: Mapping[int, Handler],
        register: Register,
        signals: Signals,
    ) -> None:
        self.leases: dict[bytes, Lease] = {}
        """Every task that is ours: running, or ended and not yet reported. The keeper reads it."""
        self.executor = Executor(config.concurrency, self.report, self._wake_up)
        self._config = config
        self._worker_id = worker_id
        self.handlers = handlers
        """By contract; the keeper replaces them when it had to register the worker again."""
        self._register = register
        self._signals = signals
        self._link = Link(config, signals)
        self._outbox = Batch()
        self._claim_size = ClaimSize()
        self._woken = asyncio.Event()
        self._backoff = Backoff(POLL_FIRST, POLL_LAST)
        self._trouble = Backoff(0.05, 10.0, jitter=0.5)
        self._claiming = True
        self._look_at = 0.0
        self._nudged = False
        self._found_nothing = False
        self._retries: list[float] = []
        self._locked: list[Outcome] = []
        self._locked_at = 0.0
        self._locked_delay = LOCKED_DELAY * config.lock_timeout

    async def run(self) -> None:
        """Work until `stop_claiming` was called, or nothing is left to drain, and all is reported.

        Raises:
            PgflowError: the engine does not take this worker any more.
        """
        while True:
            self._woken.clear()
            free = self._free()
            if self._locked and monotonic() >= self._locked_at:
                await self._retry_locked()
            elif self._outbox or (free > 0 and monotonic() >= self._look_at):
                await self._round(free)
            elif self._is_done():
                return
            else:
                await self._rest(free)

    async def close(self) -> None:
        """Let go of handlers, threads and connection; reports nothing any more."""
        for lease in list(self.executor.running):
            self.executor.stop(lease, StopReason.SHUTDOWN)
        self.executor.close()
        await self._link.close()

    def report(self, outcome: Outcome) -> None:
        """Send *outcome* with the next round, which begins as soon as the last one is over."""
        self._outbox.add(outcome)
        self._woken.set()

    def nudge(self) -> None:
        """Look for work now: somebody said that there is some."""
        self._nudged = True
        self._look_at = 0.0
        self._woken.set()

    def stop_claiming(self) -> None:
        """Take no more tasks; `run` returns once those that run are reported."""
        self._claiming = False
        self._woken.set()

    def lost(self, leases: list[Lease]) -> None:
        """Stop the handlers of *leases*, which belong to nobody or to somebody else by now."""
        for lease in leases:
            # Also when its handler has ended since: the executor dropped the outcome, so no report
            # will come that takes it out.
            self.leases.pop(lease.task.lease_id, None)
            if lease.ended:
                continue
            logger.warning(
                "the lease is lost: its run was cancelled or has failed, or it expired",
                extra=lease.fields(),
            )
            self.executor.stop(lease, StopReason.LOST)
            self._signals.lease_lost.fire(lease.lease_id)

    def _free(self) -> int:
        return self._config.concurrency - len(self.executor.running) if self._claiming else 0

    def _is_done(self) -> bool:
        if self.leases:
            return False
        drained = self._config.drain and self._found_nothing and not self._retries
        return drained or not self._claiming

    def _wake_up(self) -> None:
        self._woken.set()

    async def _rest(self, free: int) -> None:
        if free <= 0:
            await self._woken.wait()
            return
        delay = max(self._look_at - monotonic(), 0.0)
        self._signals.idle.fire(delay)
        timer = asyncio.get_running_loop().call_later(delay, self._woken.set)
        try:
            await self._woken.wait()
        finally:
            timer.cancel()

    async def _round(self, free: int) -> None:
        conn = await self._link.get()
        free = self._free()
        claim = (
            Claim(
                worker_id=self._worker_id,
                limit=min(free, self._claim_size.limit),
                lease_seconds=self._config.lease,
            )
            if free > 0
            else None
        )
        batch = self._outbox.cut()
        answer = Answer()
        self._nudged = False
        sent_at = monotonic()
        try:
            await send(conn, batch, claim, answer)
        except psycopg.Error as error:
            self._settle(answer)
            await self._recover(error, batch)
            return
        except BaseException:
            self._put_back(batch)
            raise
        self._trouble.reset()
        self._settle(answer)
        if claim is not None:
            self._begin(answer, claim.limit, sent_at)

    def _settle(self, answer: Answer) -> None:
        """Forget the leases that are over, and say what is worth saying about them."""
        for lease in answer.accepted:
            self.leases.pop(lease.task.lease_id, None)
        if answer.accepted:
            self._signals.reported.fire(len(answer.accepted))
            if logger.isEnabledFor(logging.DEBUG):
                for lease in answer.accepted:
                    logger.debug("reported", extra=lease.fields())
        for outcome in answer.stale:
            logger.warning(
                "the report was not accepted: the lease was over", extra=outcome.lease.fields()
            )
        for failure in answer.failures:
            fields = {**failure.lease.fields(), "reason": failure.reason}
            if failure.retry_in is None:
                logger.error("the step failed", extra=fields)
            else:
                heapq.heappush(self._retries, monotonic() + failure.retry_in)
                message = "the attempt failed; next one in %.1f s"
                logger.warning(message, max(failure.retry_in, 0.0), extra=fields)

    def _begin(self, answer: Answer, limit: int, sent_at: float) -> None:
        """Run what was claimed, and decide when to look again."""
        now = monotonic()
        self._claim_size.learn(answer.claimed)
        for task in answer.claimed:
            handler = self.handlers[task.contract_id]
            lease = Lease(task, handler, sent_at + self._config.extend_every)
            self.leases[task.lease_id] = lease
            if self._claiming:
                self.executor.start(lease)
            else:
                lease.ended = True
                self.report(Released(lease))
        count = len(answer.claimed)
        if count:
            self._signals.claimed.fire(count)
        if count or answer.accepted:
            self._backoff.reset()
        self._found_nothing = count == 0
        self._look_at = 0.0 if self._nudged or count == limit else now + self._backoff.next()
        while self._retries and self._retries[0] <= sent_at:
            heapq.heappop(self._retries)
        if self._retries:
            self._look_at = min(self._look_at, self._retries[0])

    async def _recover(self, error: psycopg.Error, batch: Batch) -> None:
        """Do what *error* asks for; nothing of *batch* is lost, whatever it is."""
        try:
            await self._act_on(error, batch)
        except psycopg.Error as further:
            if await self._link.drop_if_broken(further):
                return
            delay = self._trouble.next()
            logger.error(
                "the database refused a call (%s); next try in %.1f s", first_line(further), delay
            )
            await asyncio.sleep(delay)
        finally:
            self._put_back(batch)

    async def _act_on(self, error: psycopg.Error, batch: Batch) -> None:
        if await self._link.drop_if_broken(error):
            return
        if errors.is_worker_unknown(error):
            logger.warning("the engine does not know this worker any more; registering again")
            self.handlers = await self._register()
        elif errors.is_worth_repeating(error):
            logger.info("the round is repeated (%s)", first_line(error))
        elif batch and (errors.is_refused_value(error) or errors.is_lock_timeout(error)):
            await self._send_apart(batch)
        else:
            raise error

    async def _send_apart(self, batch: Batch) -> None:
        answer = Answer()
        try:
            await send_apart(await self._link.get(), batch, answer, self._postpone)
        finally:
            self._settle(answer)

    async def _retry_locked(self) -> None:
        """Report what one locked run holds back, by itself, so that it holds nobody else up."""
        run_id = self._locked[0].lease.task.run_id
        batch = Batch(outcome for outcome in self._locked if outcome.lease.task.run_id == run_id)
        self._locked = [outcome for outcome in self._locked if outcome.lease.task.run_id != run_id]
        try:
            await self._send_apart(batch)
        except psycopg.Error as error:
            await self._recover(error, batch)

    def _put_back(self, batch: Batch) -> None:
        for outcome in batch.all():
            self._outbox.add(outcome)

    def _postpone(self, outcome: Outcome) -> None:
        logger.info(
            "its run is locked by somebody; reported again in %.1f s",
            self._locked_delay,
            extra=outcome.lease.fields(),
        )
        self._locked.append(outcome)
        self._locked_at = monotonic() + self._locked_delay
        asyncio.get_running_loop().call_later(self._locked_delay, self._woken.set)
