"""Maps of sub-flows end in memory when, and as, they do in the database."""

import itertools
from typing import Any, Literal

import psycopg
import pytest
from pydantic import BaseModel
from tests.support.agreement import assert_same, in_memory
from tests.support.fix_clock import SetClock
from tests.support.moved_time import TimeMachine

from pgflow_dsl import Flow, GiveUp, RunError, each, length

Conn = psycopg.Connection[Any]
OnFailure = Literal["fail", "skip", "skip_cascade"]


class Tour(BaseModel):
    """Where to stay, in groups."""

    cities: list[str]
    groups: list[list[str]]


def a_hotel() -> Flow[str]:
    """Return a flow that sleeps as many seconds as its city has letters, and fails in Rome."""
    hotel = Flow("hotel", payload=str, jitter=0)

    @hotel.step
    def letters(city: str = hotel.payload) -> int:
        return len(city)

    nap = hotel.sleep("nap", until=letters.result)

    @hotel.step(after=(nap,))
    def room(city: str = hotel.payload) -> str:
        if city == "Rome":
            raise GiveUp("no room")
        return f"room in {city}"

    return hotel


def a_tour(inner: OnFailure, outer: OnFailure) -> tuple[Flow[Any], ...]:
    """Return a flow that maps a flow, and a flow that maps it."""
    hotel = a_hotel()
    group = Flow("group", payload=list[str], jitter=0)
    options: dict[str, Any] = {"on_failure": inner}
    stays = group.map_sub_flow(
        "stays", hotel, payload=each[group.payload], result=hotel.steps["room"], **options
    )
    flow = Flow("tour", payload=Tour, jitter=0)
    options = {"on_failure": outer}
    flow.map_sub_flow(
        "alone",
        hotel,
        payload=each[flow.payload.cities],
        result=hotel.steps["room"],
        when=length(flow.payload.cities) > 1,
        **options,
    )
    together = flow.map_sub_flow(
        "together", group, payload=each[flow.payload.groups], result=stays, **options
    )
    flow.sleep("pause", seconds=100, after=(together,))

    @flow.on_failure
    def tell(error: RunError = flow.error) -> str:
        return f"{error.step} {error.code}"

    return flow, group, hotel


TOURS = [
    Tour(cities=[], groups=[]),
    Tour(cities=["Oslo"], groups=[[], ["Bern", "Ulm"]]),
    Tour(cities=["Stockholm", "Oslo", "Rome"], groups=[["Bern"]]),
    Tour(cities=["Oslo", "Bern"], groups=[["Stockholm", "Rome"], ["Ulm"], ["Rome"]]),
]
POLICIES: list[OnFailure] = ["fail", "skip", "skip_cascade"]


@pytest.mark.parametrize("tour", TOURS, ids=str)
@pytest.mark.parametrize(("inner", "outer"), [*itertools.product(POLICIES, POLICIES)])
def test_every_end_is_that_of_the_engine(
    conn: Conn, set_clock: SetClock, inner: OnFailure, outer: OnFailure, tour: Tour
) -> None:
    flows = a_tour(inner, outer)
    there = TimeMachine(conn=conn, set_clock=set_clock, flows=flows).run(tour, {})
    here = in_memory(flows[0], tour)
    assert_same(here, there, flows[0])
    if here.error is not None:
        assert here.error.task_index == there.error["task_index"]
