"""What waits ends in memory when, and as, it does in the database: every time is compared."""

import itertools
import random
from typing import Any

import psycopg
import pytest
from pydantic import BaseModel
from tests.support.agreement import assert_same, in_memory
from tests.support.fix_clock import SetClock
from tests.support.moved_time import TimeMachine

from pgflow_dsl import Flow, Retry, RunError, at, each, is_null

Conn = psycopg.Connection[Any]


class Trip(BaseModel):
    """Decides what waits, and for how long."""

    wanted: bool
    strict: bool
    wait: float
    troubles: int
    cities: list[str]


class Word(BaseModel):
    """What may be sent in part."""

    text: str
    loud: bool = True
    by: str | None = None


class Booker:
    """Fails as often as the payload says: attempts are counted here, not in the context."""

    def __init__(self) -> None:
        self.failed = 0

    def book(self, troubles: int) -> str:
        if self.failed < troubles:
            self.failed += 1
            if self.failed == 2:
                raise Retry("later", after=11)
            raise ValueError("no luck")
        return "booked"


def a_hotel() -> Flow[str]:
    """Return a flow that sleeps, and fails in Rome."""
    hotel = Flow("hotel", payload=str, deadline=200, jitter=0)
    nap = hotel.sleep("nap", seconds=13)

    @hotel.step(after=(nap,), start_delay=2, max_attempts=2, base_delay=3)
    def room(city: str = hotel.payload) -> str:
        if city == "Rome":
            raise ValueError("no room")
        return f"room in {city}"

    return hotel


def a_trip(booker: Booker, deadline: float | None) -> tuple[Flow[Trip], Flow[str]]:
    """Return a flow with everything that waits, and the one that it starts."""
    hotel = a_hotel()
    flow = Flow("trip", payload=Trip, deadline=deadline, jitter=0, base_delay=4, max_attempts=3)

    @flow.step
    def plan(trip: Trip = flow.payload) -> Trip:
        return trip

    early = flow.signal("early", str, timeout=50, after=(plan,))
    pause = flow.sleep("pause", seconds=30, when=flow.payload.wanted, after=(plan,))
    asked = flow.signal(
        "asked",
        str,
        timeout=40,
        when=flow.payload.wanted,
        when_unmet="skip_cascade",
        after=(pause,),
    )
    flow.sleep("until_then", until=plan.result.wait, when=is_null(early.result))
    flow.sleep("strictly", seconds=25, when=flow.payload.strict, when_unmet="fail", after=(early,))

    @flow.step(start_delay=6)
    def book(troubles: int = plan.result.troubles) -> str:
        return booker.book(troubles)

    @flow.map(start_delay=1, on_failure="skip")
    def visit(city: str = each[flow.payload.cities]) -> str:
        if city == "Rome":
            raise ValueError("closed")
        return city

    flow.sub_flow(
        "stay",
        hotel,
        payload=flow.payload.cities[0],
        result=hotel.steps["room"],
        when=flow.payload.wanted,
        on_failure="skip",
    )

    @flow.step
    def answer(word: str | None = asked.result, booked: str = book.result) -> str:
        return f"{word} {booked}"

    @flow.on_failure
    def tell(error: RunError = flow.error) -> str:
        return f"{error.step} {error.code}"

    return flow, hotel


SENT = {
    "early": [None, 0, 20, 49, 50, 51, 120],
    "asked": [None, 0, 29, 30, 60, 69.5, 70, 71],
}
CASES = random.Random(33).sample(
    list(
        itertools.product(
            *([True, False], [True, True, False], [0, 45.5, -3], [0, 1, 2, 3]),
            *([["Oslo", "Rome"], ["Rome"]], [None, None, 35, 75, 200]),
            *SENT.values(),
        )
    ),
    80,
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_time_is_that_of_the_engine(conn: Conn, set_clock: SetClock, case: Any) -> None:
    wanted, strict, wait, troubles, cities, deadline, *times = case
    trip = Trip(wanted=wanted, strict=strict, wait=wait, troubles=troubles, cities=cities)
    sent = {slug: when for slug, when in zip(SENT, times, strict=True) if when is not None}

    flows = a_trip(Booker(), deadline)
    machine = TimeMachine(conn=conn, set_clock=set_clock, flows=flows)
    there = machine.run(trip, {flows[0].steps[s]: (when, s) for s, when in sent.items()})

    flow, _ = a_trip(Booker(), deadline)
    here = in_memory(flow, trip, {flow.steps[s]: at(when, s) for s, when in sent.items()})
    assert_same(here, there, flow)


def test_signal_that_never_comes_leaves_both_waiting(conn: Conn, set_clock: SetClock) -> None:
    flow = Flow("waits", payload=int)
    asked = flow.signal("asked", int)
    flow.sleep("after", seconds=1, when=asked.result > 5)
    machine = TimeMachine(conn=conn, set_clock=set_clock, flows=[flow])
    there = machine.run(1, {})
    here = in_memory(flow, 1, {})
    assert here.statuses["asked"] == there.statuses["asked"] == there.status == "started"
    assert here.elapsed == 0


def test_wait_of_an_hour_is_an_hour_in_both(conn: Conn, set_clock: SetClock) -> None:
    flow = Flow("hour", payload=int)
    asked = flow.signal("asked", int)
    flow.sleep("hour", seconds=3600, after=(asked,))
    machine = TimeMachine(conn=conn, set_clock=set_clock, flows=[flow])
    there = machine.run(1, {asked: (7.25, 3)})
    here = in_memory(flow, 1, {asked: at(7.25, 3)})
    assert_same(here, there, flow)
    assert here.times["hour"].took == 3600


@pytest.mark.parametrize(
    ("sent", "result"),
    [
        ({"text": "go"}, "go! by None"),
        ({"text": "go", "by": "Ada"}, "go! by Ada"),
        ({"text": "go", "loud": False}, None),
    ],
)
def test_what_a_signal_leaves_out_has_its_default_in_both(
    conn: Conn, set_clock: SetClock, sent: dict[str, object], result: str | None
) -> None:
    flow = Flow("says", payload=int)
    said = flow.signal("said", Word)

    @flow.step(when=said.result.loud)
    def shout(word: Word = said.result, by: str | None = said.result.by) -> str:
        return f"{word.text}{'!' if word.loud else '.'} by {by}"

    machine = TimeMachine(conn=conn, set_clock=set_clock, flows=[flow])
    there = machine.run(1, {said: (5, sent)})
    here = in_memory(flow, 1, {said: at(5, sent)})
    assert (here.signals, there.results["said"]) == (there.answers, sent)
    assert here.results["shout"] == there.results.get("shout") == result
    assert dict(here.statuses) == there.statuses


@pytest.mark.parametrize("word", ["x", "y"])
def test_result_of_a_sub_flow_that_is_skipped_is_none_in_both(
    conn: Conn, set_clock: SetClock, word: str
) -> None:
    inner = Flow("inner", payload=str)

    @inner.step(when=inner.payload == "x")
    def may() -> int:
        return 1

    @inner.step(when=inner.payload == "x", when_unmet="skip_cascade")
    def must() -> int:
        return 1

    flow = Flow("outer", payload=str)
    some = flow.sub_flow("some", inner, payload=flow.payload, result=may)
    flow.sub_flow("all", inner, payload=flow.payload, result=must, on_failure="skip")
    flow.sleep("long", seconds=10, when=is_null(some.result))
    machine = TimeMachine(conn=conn, set_clock=set_clock, flows=[flow, inner])
    there = machine.run(word, {})
    here = in_memory(flow, word, {})
    assert_same(here, there, flow)
    assert (here.results["some"], here.elapsed) == ((1, 0) if word == "x" else (None, 10))
