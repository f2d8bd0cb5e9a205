"""Whether a run in memory and one in the database are the same run."""

from collections.abc import Mapping
from typing import Any

from tests.support.moved_time import NOON, MovedRun

from pgflow_dsl import Flow, FlowTestFailedError, Step, TestRun


def in_memory(
    flow: Flow[Any], payload: Any, signals: Mapping[Step[Any], object] | None = None
) -> TestRun:
    """Run the flow without a database, to whatever end."""
    try:
        return flow.test(payload, signals=signals or {}, now=NOON)
    except FlowTestFailedError as error:
        if error.run is None:
            raise
        return error.run


def assert_same(here: TestRun, there: MovedRun, flow: Flow[Any]) -> None:
    """Compare all that both know; a step that never began has no row in the database."""
    begun = {slug for slug, status in there.statuses.items() if status != "cancelled"}
    assert {slug: here.statuses[slug] for slug in begun} == {
        slug: there.statuses[slug] for slug in begun
    }
    assert {
        slug for slug, status in here.statuses.items() if status not in ("created", "cancelled")
    } == begun
    assert dict(here.skip_reasons) == there.skip_reasons
    assert {
        slug: flow.steps[slug].result_json_type().adapter.dump_python(value, mode="json")
        for slug, value in here.results.items()
        if here.statuses[slug] == "completed"
    } == there.results
    assert {
        slug: (round(time.started, 6), round(time.ended, 6))
        for slug, time in here.times.items()
        if time.ended is not None
    } == there.times
    assert {
        slug: [round(seconds, 6) for seconds in times]
        for slug, times in here.attempt_seconds.items()
        if times
    } == there.attempt_seconds
    assert here.signals == there.answers
    assert (here.error is None) is (there.status != "failed")
    if here.error is not None:
        assert (here.error.code, here.error.type, here.error.step) == (
            there.error["code"],
            there.error["type"],
            there.error.get("step"),
        )
