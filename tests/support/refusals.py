"""Expect that the engine refuses a call, and see that the refusal says all it must."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from pgflow_manifest import ERRORS_BY_CODE


@dataclass(slots=True, kw_only=True)
class Refusal:
    """What the engine said; empty until the block has ended."""

    message: str = ""
    hint: str = ""
    details: dict[str, Any] = field(default_factory=dict[str, Any])


@contextmanager
def refused(conn: psycopg.Connection[Any], code: str) -> Generator[Refusal]:
    """Expect that the block is refused with SQLSTATE *code*; it runs in its own (sub)transaction.

    Every refusal has a message, a hint, DETAIL as a JSON object, and a code that is in the table.
    """
    refusal = Refusal()
    with pytest.raises(psycopg.Error) as caught, conn.transaction():
        yield refusal
    diag = caught.value.diag
    assert caught.value.sqlstate == code, caught.value
    assert code in ERRORS_BY_CODE
    assert diag.message_primary
    assert diag.message_hint
    refusal.message = diag.message_primary
    refusal.hint = diag.message_hint
    refusal.details = json.loads(diag.message_detail or "null")
    assert isinstance(refusal.details, dict)


@contextmanager
def denied(conn: psycopg.Connection[Any]) -> Generator[None]:
    """Expect that Postgres itself denies the block for want of a privilege (42501)."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
        yield
