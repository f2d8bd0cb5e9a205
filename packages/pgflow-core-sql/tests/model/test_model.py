"""Whatever sessions do in whatever order, the engine answers and stores what the oracle says."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.support.fix_pg import Connect
from tests.support.model.machine import EngineMachine
from tests.support.model.sessions import Sessions, open_sessions

EXAMPLES = int(os.environ.get("PGFLOW_MODEL_EXAMPLES") or 60)
"""`nox -s nightly` takes 2,000 or more."""
PARTS = max(1, EXAMPLES // 500)
"""Each a test of its own, so that several processes share them."""
PHASES = (Phase.reuse, Phase.generate, Phase.shrink)  # `explain` traces every line: half the time


@pytest.fixture
def sessions(connect: Connect) -> Iterator[Sessions]:
    with open_sessions(connect) as sessions:
        yield sessions


@pytest.mark.parametrize("part", range(PARTS))
def test_engine_does_what_the_oracle_says(sessions: Sessions, part: int) -> None:
    machine = type(f"Machine{part}", (EngineMachine,), {"sessions": sessions})
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=EXAMPLES // PARTS, stateful_step_count=40, phases=PHASES),
    )
