"""Run the handlers of flows: claims tasks from Postgres, reports how they ended.

Start with `Worker` (worker.py), which lists its parts; the command line is in `__main__.py`.
"""

from pgflow_worker.config import WorkerConfig, resolve_database_url
from pgflow_worker.errors import DatabaseUnreachableError, UsageError
from pgflow_worker.logs import set_up_logging
from pgflow_worker.masking import describe_database
from pgflow_worker.signals import Signal, Signals
from pgflow_worker.worker import Worker

__all__ = [
    "DatabaseUnreachableError",
    "Signal",
    "Signals",
    "UsageError",
    "Worker",
    "WorkerConfig",
    "describe_database",
    "resolve_database_url",
    "set_up_logging",
]
