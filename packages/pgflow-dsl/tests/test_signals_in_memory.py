"""A test says what is sent and when, and a signal does in memory what it does in the engine."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from pgflow_dsl import Flow, FlowTestFailedError, StepTime, at
from pgflow_manifest import DefinitionError, InvalidArgumentError, PayloadInvalidError

NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)


class Ask(BaseModel):
    """Whether anybody is asked."""

    wanted: bool = True


class Approval(BaseModel):
    """What somebody decided."""

    ok: bool
    by: str = "Ada"


flow = Flow("asks", payload=Ask)
pause = flow.sleep("pause", seconds=60)
approval = flow.signal("approval", Approval, after=(pause,))
second = flow.signal("second", Approval, timeout=100, when=flow.payload.wanted, after=(approval,))


@flow.step
def both(one: Approval = approval.result, other: Approval | None = second.result) -> list[str]:
    return [one.by, other.by if other else "nobody"]


YES = Approval(ok=True)


def test_signal_that_is_sent_at_the_start_is_kept_until_the_step_waits() -> None:
    run = flow.test(Ask(), signals={approval: YES, second: Approval(ok=True, by="Eve")})
    assert run.result(both) == ["Ada", "Eve"]
    assert run.signals == {"approval": "kept", "second": "kept"}
    assert (run.times["approval"], run.elapsed) == (StepTime(60, 60), 60)


def test_signal_comes_at_its_time() -> None:
    run = flow.test(
        Ask(),
        signals={approval: at(NOON + timedelta(seconds=3600), YES), second: at(3700, YES)},
        now=NOON,
    )
    assert run.signals == {"approval": "completed", "second": "completed"}
    assert run.times["approval"] == StepTime(60, 3600)
    assert run.times["second"] == StepTime(3600, 3700)  # with its timeout, and in time


@pytest.mark.parametrize("late", [{}, {second: at(3701, YES)}])
def test_timeout_gives_none_and_what_comes_later_is_refused(late: dict[Any, Any]) -> None:
    flow.steps.pop("slow", None)
    slow = flow.sleep("slow", seconds=9_999)
    try:
        run = flow.test(Ask(), signals={approval: at(3600, YES), **late})
    finally:
        del flow.steps[slow.slug]
    assert run.result(both) == ["Ada", "nobody"]
    assert run.times["second"] == StepTime(3600, 3700)
    assert run.signals == {"approval": "completed", **({"second": "PF306"} if late else {})}


def test_signal_that_nobody_sends_is_named_with_how_to_send_it() -> None:
    with pytest.raises(FlowTestFailedError, match="step 'approval' waits for a signal") as caught:
        flow.test(Ask())
    assert "signals={approval: ...}" in (caught.value.hint or "")
    run = caught.value.run
    assert run is not None
    assert run.statuses == {
        "pause": "completed",
        "approval": "started",
        "second": "created",
        "both": "created",
    }
    assert run.error is None


def test_signal_to_a_skipped_step_is_refused_or_of_no_use() -> None:
    early = flow.test(Ask(wanted=False), signals={approval: YES, second: YES})
    assert (early.result(both), early.signals["second"]) == (["Ada", "nobody"], "kept")
    late = flow.test(Ask(wanted=False), signals={approval: YES, second: at(999, YES)})
    assert (late.statuses["second"], late.signals["second"]) == ("skipped", "PF302")


def test_json_is_sent_as_another_client_would() -> None:
    run = flow.test(Ask(wanted=False), signals={approval: {"ok": True, "by": "Ann"}})
    assert run.result(approval) == Approval(ok=True, by="Ann")


@pytest.mark.parametrize("wrong", ["yes", {"ok": "maybe"}, 7, at(5, "yes"), None], ids=str)
def test_what_does_not_fit_is_refused_before_anything_starts(wrong: object) -> None:
    with pytest.raises(PayloadInvalidError, match="the payload of signal 'approval'") as caught:
        flow.test(Ask(), signals={approval: wrong})
    assert caught.value.code == "PF202"


@pytest.mark.parametrize(
    "when",
    [-1, float("inf"), float("nan"), NOON - timedelta(seconds=1), datetime(2031, 1, 1)],  # noqa: DTZ001
)
def test_time_that_is_none_or_past_is_refused(when: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="no time after the start"):
        flow.test(Ask(), signals={approval: at(when, YES)}, now=NOON)


def test_only_signals_of_the_flow_can_be_sent_and_not_replaced_as_well() -> None:
    other = Flow("other", payload=Ask).signal("approval", Approval)
    for wrong in (both, other, "approval"):
        signals: dict[Any, object] = {wrong: YES}
        with pytest.raises(DefinitionError, match="not a signal of the flow") as caught:
            flow.test(Ask(), signals=signals)
        assert "approval, second" in (caught.value.hint or "")
    with pytest.raises(DefinitionError, match=r"both in `signals` and in `replace`"):
        flow.test(Ask(), signals={approval: YES}, replace={approval: lambda: YES})


def test_timeout_of_the_flow_is_for_attempts_and_not_for_signals() -> None:
    bounded = Flow("bounded", payload=Ask, timeout=5)
    asked = bounded.signal("asked", int)
    assert bounded.test(Ask(), signals={asked: at(60, 1)}).result(asked) == 1
