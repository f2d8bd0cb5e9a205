"""start_delay and backoff: when the first attempt and when the others may begin."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from tests.support.builders import (
    a_flow,
    a_map,
    a_step,
    claim,
    complete,
    exchange,
    fail,
    get_step,
    release,
    scalar,
)
from tests.support.fix_clock import SetClock
from tests.support.ruled import (
    HANDLER_INPUTS,
    Document,
    a_ruled_flow,
    a_started_run,
    deploy_ruled,
    states,
)

from pgflow_manifest import PayloadInput

Conn = psycopg.Connection[Any]
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def seconds_after_noon(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def a_delayed_line(seconds: float) -> Document:
    """Return first -> later, where later starts with a delay."""
    return a_ruled_flow(
        a_flow("delayed", a_step("first"), a_step("later", "first")),
        {"later": {"options": {"start_delay_seconds": seconds, "base_delay_seconds": 1}}},
    )


def test_first_attempt_waits_and_is_not_handed_over(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    worker_id, run_id = a_started_run(tx, a_delayed_line(60))
    _, more = exchange(tx, worker_id, claim(tx, worker_id), results=[1])
    assert more == []
    assert states(tx, run_id) == {"first": "completed", "later": "started"}
    set_clock(tx, seconds_after_noon(59.9))
    assert claim(tx, worker_id) == []
    set_clock(tx, seconds_after_noon(60))
    [task] = claim(tx, worker_id)
    assert (task.step_slug, task.attempt) == ("later", 1)


def test_later_attempts_wait_for_the_back_off_only(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    worker_id, run_id = a_started_run(tx, a_delayed_line(60))
    complete(tx, claim(tx, worker_id), [1])
    set_clock(tx, seconds_after_noon(60))
    assert fail(tx, claim(tx, worker_id)) == ["retried"]
    assert get_step(tx, run_id, "later")["retry_at"] == "2026-01-31T12:01:01+00:00"
    set_clock(tx, seconds_after_noon(61))
    assert release(tx, claim(tx, worker_id)) == ["released"]
    assert len(claim(tx, worker_id)) == 1


def test_root_steps_and_every_item_of_a_map_wait_too(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    delay = {"options": {"start_delay_seconds": 5}}
    flow = a_ruled_flow(
        a_flow("f", a_step("root"), a_map("each", PayloadInput())), {"root": delay, "each": delay}
    )
    worker_id, _ = a_started_run(tx, flow, [1, 2])
    assert claim(tx, worker_id) == []
    set_clock(tx, seconds_after_noon(5))
    assert len(claim(tx, worker_id)) == 3


def test_failure_handler_may_wait(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    document = a_ruled_flow(a_flow("f", a_step("a")), handler=HANDLER_INPUTS)
    document["steps"][-1]["options"] = {"start_delay_seconds": 5}
    worker_id, _ = a_started_run(tx, document)
    fail(tx, claim(tx, worker_id), retryable=False)
    assert claim(tx, worker_id) == []
    set_clock(tx, seconds_after_noon(5))
    assert [task.step_slug for task in claim(tx, worker_id)] == ["on_failure"]


def test_another_delay_is_an_option_and_applies_to_every_version_at_once(
    tx: Conn, set_clock: SetClock
) -> None:
    set_clock(tx, NOON)
    worker_id, run_id = a_started_run(tx, a_delayed_line(0))
    changed = a_delayed_line(9)
    second = a_ruled_flow(
        a_flow("delayed", a_step("first"), a_step("later", "first"), a_step("more"))
    )
    second["steps"][1]["options"] = {"start_delay_seconds": 9}
    changed["digest"] = a_delayed_line(0)["digest"]
    assert deploy_ruled(tx, changed) == [("delayed", 1, "options_changed")]
    plain = "select is_plain from pgflow.steps where version = 1 and step_slug = 'later'"
    assert scalar(tx, plain) is False
    changed["steps"][1]["options"] = {}
    assert deploy_ruled(tx, changed) == [("delayed", 1, "options_changed")]
    assert scalar(tx, plain) is True
    assert deploy_ruled(tx, second) == [("delayed", 2, "new_version")]
    assert scalar(tx, plain) is False
    _, more = exchange(tx, worker_id, claim(tx, worker_id), results=[1])
    assert more == []
    assert states(tx, run_id)["later"] == "started"


def test_fixed_back_off_is_the_same_each_time(tx: Conn, set_clock: SetClock) -> None:
    options = {"max_attempts": 4, "base_delay_seconds": 7, "jitter": 0}
    flow = a_ruled_flow(
        a_flow("f", a_step("fixed"), a_step("doubled")),
        {
            "fixed": {"options": {**options, "backoff": "fixed"}},
            "doubled": {"options": {**options, "backoff": "exponential"}},
        },
    )
    set_clock(tx, NOON)
    worker_id, run_id = a_started_run(tx, flow)
    waits: dict[str, list[float]] = {"fixed": [], "doubled": []}
    now = NOON
    for _ in range(3):
        assert fail(tx, claim(tx, worker_id)) == ["retried"] * 2
        for slug, told in waits.items():
            retry_at = datetime.fromisoformat(get_step(tx, run_id, slug)["retry_at"])
            told.append((retry_at - now).total_seconds())
        now += timedelta(minutes=1)
        set_clock(tx, now)
    assert waits == {"fixed": [7, 7, 7], "doubled": [7, 14, 28]}


def test_flow_says_the_back_off_of_its_steps(tx: Conn) -> None:
    flow = a_ruled_flow(
        a_flow("f", a_step("a"), a_step("b")), {"b": {"options": {"backoff": "exponential"}}}
    )
    flow["options"]["backoff"] = "fixed"
    deploy_ruled(tx, flow)
    rows = tx.execute("select step_slug, backoff from pgflow.contracts order by step_slug")
    assert rows.fetchall() == [("a", "fixed"), ("b", "exponential")]


def test_fixed_back_off_keeps_cap_and_jitter(tx: Conn) -> None:
    query = "select extract(epoch from pgflow._retry_delay(%s, 10, %s, %s, 'fixed'))::float8"
    assert scalar(tx, query, [1000, 300, 0]) == 10
    assert scalar(tx, query, [1, 4, 0]) == 4
    delays = {scalar(tx, query, [2, 300, 1]) for _ in range(20)}
    assert all(0 <= delay <= 10 for delay in delays)
    assert len(delays) > 1
