"""How an attempt ended, and which ending an exception stands for."""

import asyncio
import json
import traceback
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple

from pgflow_dsl import Cancelled, GiveUp, Retry
from pgflow_manifest import (
    HandlerRaisedError,
    HandlerTimeoutError,
    ResultNotSerializableError,
    TaskError,
    mask_secrets,
)
from pgflow_worker.lease import Lease, StopReason

MAX_RESULT_BYTES: Final = 512 * 1024 * 1024
"""Longest JSON that is sent: Postgres ends a session that sends a message of 1 GB, and a jsonb
holds 256 MB at most."""
_MAX_MESSAGE: Final = 2_000
_MAX_TRACEBACK: Final = 8_000
_OWN_FOLDER: Final = str(Path(__file__).parent)


class Completed(NamedTuple):
    """The handler returned; *result* is JSON."""

    lease: Lease
    result: bytes


class Failed(NamedTuple):
    """The attempt failed."""

    lease: Lease
    error: bytes
    """JSON of `{code, type, message, traceback}`."""
    retryable: bool
    retry_after: float | None
    """Seconds; None for the back-off of the step's options."""
    reason: str
    """The first line of the message, for the log."""
    is_plain: bool = False
    """It says nothing but that the real error could not be stored."""


class Released(NamedTuple):
    """The task is given back; the attempt does not count."""

    lease: Lease


Outcome = Completed | Failed | Released


def returned(lease: Lease, value: object) -> Outcome:
    """Return the outcome of a handler that returned *value*.

    Raises:
        ResultNotSerializableError: *value* cannot be stored.
    """
    result = lease.handler.encode(value)
    if len(result) > MAX_RESULT_BYTES:
        # Sent all the same, it would cost the connection, and be sent again on the next one.
        return refused(lease, f"it has {len(result)} bytes")
    return Completed(lease, result)


def raised(lease: Lease, error: BaseException) -> Outcome:
    """Return the outcome of a handler that raised *error*, whatever it is.

    A handler that was told to stop usually ends with `CancelledError`; why it was told decides.
    The same exception without us having asked is the handler's own failure.
    """
    if lease.stop_reason is StopReason.TIMEOUT:
        return timed_out(lease, error)
    if lease.stop_reason is not None:
        return Released(lease)
    return failed(lease, error)


def failed(lease: Lease, error: BaseException) -> Failed:
    """Return a failed attempt with *error* as its reason."""
    retryable = not isinstance(error, GiveUp)
    code = HandlerRaisedError.code
    message = _text_of(error)
    if isinstance(error, TaskError):
        code, retryable = error.code or code, error.retryable
        message = f"{error.message}\nmend: {error.hint}" if error.hint else error.message
    elif isinstance(error, (asyncio.CancelledError, Cancelled)):
        message = f"the handler ended by {message}, but nobody asked it to stop"
    after = error.after if isinstance(error, Retry) else None
    return _failed(lease, error, code, message, retryable=retryable, retry_after=after)


def timed_out(lease: Lease, error: BaseException | None = None) -> Failed:
    """Return an attempt that ran longer than its step allows."""
    limit = lease.task.timeout_seconds
    reason = HandlerTimeoutError(f"the handler ran longer than its timeout of {limit:g} s")
    if error is not None:
        reason.__traceback__ = error.__traceback__
    return _failed(lease, reason, reason.code, reason.message, retryable=True)


def refused(lease: Lease, reason: str) -> Failed:
    """Return the failure of an attempt whose result the database would not store."""
    error = ResultNotSerializableError(f"the database refused the result: {reason}")
    return _failed(lease, error, error.code, error.message, retryable=False)


def _failed(
    lease: Lease,
    error: BaseException,
    code: str | None,
    message: str,
    *,
    retryable: bool,
    retry_after: float | None = None,
) -> Failed:
    message = _storable(message, _MAX_MESSAGE)
    document = {
        "code": code,
        "type": type(error).__name__,
        "message": message,
        "traceback": _storable(_trace_of(error), _MAX_TRACEBACK),
    }
    encoded = json.dumps(document, ensure_ascii=False).encode()
    return Failed(lease, encoded, retryable, retry_after, message.split("\n", 1)[0])


def _text_of(error: BaseException) -> str:
    try:
        return str(error) or type(error).__name__
    except Exception as broken:
        return f"<the message could not be read: {type(broken).__name__}>"


def _trace_of(error: BaseException) -> str:
    try:
        lines = traceback.format_exception(type(error), error, _users_part(error.__traceback__))
    except Exception as broken:
        return f"<the traceback could not be formatted: {type(broken).__name__}>"
    return "".join(lines)


def _users_part(trace: TracebackType | None) -> TracebackType | None:
    """Leave out the worker's own frames, which say nothing to the user."""
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OWN_FOLDER):
        trace = trace.tb_next
    return trace


def _storable(text: str, limit: int) -> str:
    """Make *text* something jsonb can hold, without passwords and not longer than *limit*."""
    clean = mask_secrets(text).replace("\x00", "\\u0000")
    clean = clean.encode("utf-8", "backslashreplace").decode()
    if len(clean) <= limit:
        return clean
    # The end of a traceback names the exception, the beginning of it where it came from.
    head = limit // 4
    return f"{clean[:head]}\n… {len(clean) - limit} characters left out …\n{clean[head - limit :]}"
