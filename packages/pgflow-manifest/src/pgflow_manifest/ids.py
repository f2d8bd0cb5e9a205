"""Identifiers that must not be mixed up: each is its own type."""

from typing import NewType
from uuid import UUID

RunId = NewType("RunId", UUID)
"""One execution of a flow; a UUIDv7, so ids sort by start time."""

WorkerId = NewType("WorkerId", UUID)
"""One worker process; chosen by the worker itself."""

LeaseId = NewType("LeaseId", UUID)
"""One claim of one task; proves to the engine that the task is still ours."""
