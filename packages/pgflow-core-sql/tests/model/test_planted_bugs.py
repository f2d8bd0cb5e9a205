"""The model-based test finds bugs: each of planted_bugs.py is planted into one function.

Most are found within 60 programs, few need more than 250. `nox -s nightly` runs them.
"""

import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.support.builders import scalar
from tests.support.fix_pg import Connect
from tests.support.model import recount
from tests.support.model.machine import EngineMachine
from tests.support.model.planted_bugs import BUGS, Bug
from tests.support.model.sessions import Sessions, open_sessions

Conn = psycopg.Connection[Any]


@pytest.fixture
def sessions(connect: Connect) -> Iterator[Sessions]:
    with open_sessions(connect) as sessions:
        for conn in sessions.callers:
            conn.execute("set deadlock_timeout = '50ms'")
        yield sessions


def body_of(conn: Conn, function: str) -> str:
    body: str = scalar(
        conn,
        "select pg_get_functiondef(oid) from pg_proc"
        " where pronamespace = 'pgflow'::regnamespace and proname = %s",
        [function],
    )
    return body


@pytest.mark.parametrize("bug", BUGS.values(), ids=list(BUGS))
def test_it_can_be_planted(tx: Conn, bug: Bug) -> None:
    body = body_of(tx, bug.function)
    assert bug.right in body, f"{bug.function} is written otherwise now: plant this bug anew"
    tx.execute(body.replace(bug.right, bug.wrong).encode())


@pytest.mark.skipif(not os.environ.get("PGFLOW_NIGHTLY"), reason="nox -s nightly: minutes")
@pytest.mark.parametrize("bug", BUGS.values(), ids=list(BUGS))
def test_the_machine_finds_it(conn: Conn, sessions: Sessions, bug: Bug) -> None:
    conn.execute(body_of(conn, bug.function).replace(bug.right, bug.wrong).encode())
    seen = 0

    class Machine(EngineMachine):
        def __init__(self) -> None:
            nonlocal seen
            seen += 1
            super().__init__()

    Machine.sessions = sessions
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - it shows in many ways
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=1000,
                stateful_step_count=40,
                phases=[Phase.generate],
                database=None,
                report_multiple_bugs=False,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            ),
        )
    print(f"found after {seen} examples: {type(caught.value).__name__}")
    recount.clear(conn)  # its tables are full of what the bug has done
