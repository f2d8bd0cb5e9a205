"""The runner in memory is the oracle: random flows of every kind end as in the database.

`PGFLOW_RANDOM_FLOWS` says how many are tried; `nox -s nightly` tries 2,000.
"""

import os
import re
from typing import Any

import psycopg
import pytest
from tests.support.agreement import assert_same, in_memory
from tests.support.fix_clock import SetClock
from tests.support.moved_time import TimeMachine
from tests.support.random_flows import flows_of, random_flow

from pgflow_dsl import at
from pgflow_manifest import DefinitionError

Conn = psycopg.Connection[Any]
FLOWS = int(os.environ.get("PGFLOW_RANDOM_FLOWS") or 100)
PARTS = 10


@pytest.mark.parametrize("part", range(PARTS))
def test_random_flows_end_as_in_the_database(conn: Conn, set_clock: SetClock, part: int) -> None:
    refused = 0
    seeds = range(part, FLOWS, PARTS)
    for seed in seeds:
        drawn = random_flow(seed)
        try:
            names = drawn.load()
        except DefinitionError as error:
            if not re.search("(never|always) holds", error.message):
                raise
            refused += 1
            continue
        flow, inner = flows_of(names)
        payload = names["Given"](**drawn.payload)
        with conn.transaction(force_rollback=True):
            machine = TimeMachine(conn=conn, set_clock=set_clock, flows=[flow, inner])
            sent = {flow.steps[slug]: said for slug, said in drawn.sent.items()}
            there = machine.run(payload, sent)
        flow, _ = flows_of(drawn.load())
        signals = {flow.steps[slug]: at(*said) for slug, said in drawn.sent.items()}
        here = in_memory(flow, payload.model_copy(), signals)
        try:
            assert_same(here, there, flow)
        except AssertionError:
            print(f"seed {seed}; payload {drawn.payload}; sent {drawn.sent}\n{drawn.source}")
            print(f"troubles: {drawn.troubles}")
            raise
    assert refused < len(seeds) / 2, "too few flows are left"
