"""Identifiers that must not be mixed up with any other UUID."""

from typing import NewType
from uuid import UUID

RunId = NewType("RunId", UUID)
"""One execution of a flow; a UUIDv7, so ids sort by start time."""
