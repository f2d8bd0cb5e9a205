"""Log lines a person or a machine can read, each naming the task it is about.

A record made inside a handler, by any logger, carries flow, run, step and attempt, and in a map
step the index of the item: the formatters ask `current_lease`, which every handler runs under.
Passwords of connection strings are masked.
"""

import json
import logging
import sys
from collections.abc import MutableMapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final, Literal, TextIO

from pgflow_manifest import mask_secrets
from pgflow_worker.lease import Lease

LogFormat = Literal["console", "json"]

current_lease: ContextVar[Lease | None] = ContextVar("pgflow_current_lease", default=None)
"""The task that the running code belongs to; None outside of handlers."""

logger: Final = logging.getLogger("pgflow.worker")

handler_logger: Final = logging.getLogger("pgflow.handler")
"""What `ctx.log` writes to."""

_USUAL: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def set_up_logging(
    *,
    log_format: LogFormat,
    level: str,
    worker_name: str,
    stream: TextIO | None = None,
) -> None:
    """Send the log of this process to *stream* (default: standard error) in one format."""
    output = logging.StreamHandler(stream or sys.stderr)
    output.setFormatter(JsonFormatter(worker_name) if log_format == "json" else ConsoleFormatter())
    root = logging.getLogger()
    root.handlers[:] = [output]
    root.setLevel(level.upper())


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """Return what a record says beside its message: its task, and every `extra`."""
    lease = current_lease.get()
    fields: dict[str, object] = {} if lease is None else lease.fields()
    fields.update((key, value) for key, value in vars(record).items() if key not in _USUAL)
    return fields


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, worker, task fields, extras."""

    def __init__(self, worker_name: str) -> None:
        super().__init__()
        self._worker_name = worker_name

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one JSON object."""
        line: dict[str, object] = {
            "time": _time_of(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "worker": self._worker_name,
            **fields_of(record),
        }
        if trace := _trace_of(self, record):
            line["traceback"] = trace
        # Masked before the text is quoted: a password must not hide behind an escape.
        masked = {key: _masked(value) for key, value in line.items()}
        return json.dumps(masked, ensure_ascii=False, default=_as_text)


class ConsoleFormatter(logging.Formatter):
    """One line for a person: time, level, step, message, the rest as `key=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line, and its traceback on further ones."""
        fields = fields_of(record)
        where = ""
        if "step" in fields:
            item = f"[{fields['task_index']}]" if "task_index" in fields else ""
            where = f"{fields['flow']}.{fields['step']}{item} "
        rest = "".join(
            f" {key}={value}"
            for key, value in fields.items()
            if key not in ("flow", "step", "task_index")
        )
        clock = _time_of(record).astimezone().strftime("%H:%M:%S.%f")[:-3]
        text = f"{clock} {record.levelname:<7} {where}{record.getMessage()}{rest}"
        if trace := _trace_of(self, record):
            text = f"{text}\n{trace}"
        return mask_secrets(text)


def task_logger(lease: Lease) -> logging.LoggerAdapter[logging.Logger]:
    """Return the logger that a handler gets as `ctx.log`."""
    return _TaskLogger(handler_logger, lease.fields())


class _TaskLogger(logging.LoggerAdapter[logging.Logger]):
    """Adds the task to a record and keeps the caller's own `extra`, which the base would drop."""

    def process(
        self, msg: object, kwargs: MutableMapping[str, Any]
    ) -> tuple[object, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


def _masked(value: object) -> object:
    return mask_secrets(value) if isinstance(value, str) else value


def _as_text(value: object) -> str:
    return mask_secrets(str(value))


def _time_of(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _trace_of(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    parts: list[str] = []
    if record.exc_info:
        parts.append(formatter.formatException(record.exc_info))
    if record.stack_info:
        parts.append(formatter.formatStack(record.stack_info))
    return "\n".join(parts)
