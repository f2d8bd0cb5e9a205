"""How a run is followed to its end: what to ask, when to listen, how long to pause. No I/O.

`follow` says what it needs, one thing at a time, and a shell (link.py, link_async.py) does it.
Notifications make it fast; polling with back-off alone makes it correct, behind a connection
pooler without LISTEN and when a notification is lost.
"""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast
from uuid import UUID

from pgflow_client import calls
from pgflow_client.calls import Call
from pgflow_client.errors import DatabaseUnreachableError, WaitTimeoutError
from pgflow_client.run import RunSnapshot

WATCH_SECONDS: Final = 60.0
"""For how long the engine is asked to notify; asked again at half of it."""

_FIRST_DELAY: Final = 0.05
_GROWTH: Final = 1.5
_LONGEST_DELAY: Final = 1.0
_LONGEST_DELAY_WHEN_NOTIFIED: Final = 5.0
_RECONNECT_DELAY: Final = 0.1


@dataclass(frozen=True, slots=True)
class Ask:
    """Send a call in a transaction of its own; answer with its result, or throw what it raised."""

    call: Call[Any]


@dataclass(frozen=True, slots=True)
class Listen:
    """Begin to LISTEN on a channel, in the background."""

    channel: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait for a notification, but not longer; answer whether one came."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Emit:
    """Hand a snapshot to the caller; it differs from the one before."""

    snapshot: RunSnapshot


Need: TypeAlias = Ask | Listen | Pause | Emit


def follow(
    run_id: UUID | str, *, timeout: float | None, clock: Callable[[], float] = time.monotonic
) -> Generator[Need, Any, None]:
    """Emit the snapshots of a run until it has ended.

    Raises:
        WaitTimeoutError: after *timeout* seconds; at once, after one look, when it is 0.
        DatabaseUnreachableError: the very first connection failed. Later losses are waited out.
    """
    deadline = None if timeout is None else clock() + timeout
    last: RunSnapshot | None = None
    loss: DatabaseUnreachableError | None = None
    watch_again_at: float | None = None
    delay = _FIRST_DELAY
    notified_once = False
    while True:
        try:
            if last is not None and (watch_again_at is None or clock() >= watch_again_at):
                channel = cast("str", (yield Ask(calls.watch_run(run_id, WATCH_SECONDS))))
                watch_again_at = clock() + WATCH_SECONDS / 2
                yield Listen(channel)
            snapshot = cast("RunSnapshot", (yield Ask(calls.get_run(run_id))))
        except DatabaseUnreachableError as error:
            if not error.was_reachable:
                raise
            loss = error
            delay = max(delay, _RECONNECT_DELAY)
        else:
            loss = None
            if snapshot != last:
                yield Emit(snapshot)
                delay = _FIRST_DELAY
            if snapshot.is_terminal:
                return
            if last is None:
                # An ended run costs one read; only now is it worth watching. Read again after.
                last = snapshot
                if deadline is None or clock() < deadline:
                    continue
            last = snapshot
        left = delay if deadline is None else deadline - clock()
        if left <= 0:
            raise _timed_out(run_id, timeout, last, loss)
        notified = cast("bool", (yield Pause(min(delay, left))))
        if notified and loss is None:
            notified_once = True
            delay = _FIRST_DELAY
        else:
            longest = _LONGEST_DELAY_WHEN_NOTIFIED if notified_once else _LONGEST_DELAY
            delay = min(delay * _GROWTH, longest)


def _timed_out(
    run_id: UUID | str,
    timeout: float | None,
    last: RunSnapshot | None,
    loss: DatabaseUnreachableError | None,
) -> WaitTimeoutError:
    if last is None:
        state = "its state could not be read"
    else:
        unfinished = "; ".join(str(step) for step in last.steps if not step.is_terminal)
        state = f"status {last.status}; {unfinished}"
    if loss is not None:
        state += f"; {loss.message}"
    of_flow = f" of flow {last.flow_slug!r}" if last is not None else ""
    return WaitTimeoutError(
        f"run {run_id}{of_flow} has not ended after {timeout:g} s: {state}",
        hint="wait longer, or see with `pgflow status` whether a worker serves the flow",
        details={
            "run_id": str(run_id),
            "timeout_seconds": timeout,
            "status": last.status if last is not None else None,
            "unfinished": {
                step.slug: step.status
                for step in (last.steps if last else ())
                if not step.is_terminal
            },
        },
    )
