"""Mistakes with signals, sleeps and sub-flows; the rules of `wrong.py` hold."""

from __future__ import annotations

from typing import Any

from pgflow_dsl import at
from waiting_ok import (
    Approval,
    approval,
    count,
    counted,
    if_urgent,
    maybe,
    plans,
    ran,
    skippable,
    soon,
    timed,
    words,
)


@plans.step
def timeout_not_taken(
    decision: Approval = soon.result,  # error
) -> bool:
    return decision.ok


@plans.step
def payload_of_another_type(
    decision: str = approval.result,  # error
) -> str:
    return decision


@plans.step
def stale_field(
    ok: bool = approval.result.approved,  # error
) -> bool:
    return ok


@plans.step
def result_of_the_sub_flow_is_an_int(
    length: str = counted.result,  # error
) -> str:
    return length


@plans.step
def sub_flow_may_be_skipped(
    length: int = maybe.result,  # error
) -> int:
    return length


no_json = plans.signal("no_json", object)  # error
until_a_text = plans.sleep("until_a_text", until=plans.payload.text)  # error
wrong_payload = plans.sub_flow(
    "wrong_payload",
    words,
    payload=plans.payload.at,  # error in statement
    result=count,
)


@plans.step
def signal_may_be_skipped(
    decision: Approval = skippable.result,  # error
) -> bool:
    return decision.ok


@plans.step
def timeout_whatever_the_condition(
    decision: Approval = timed.result,  # error
) -> bool:
    return decision.ok


@plans.step
def sub_flow_is_not_started(
    length: int = if_urgent.result,  # error
) -> int:
    return length


no_condition = plans.signal("no_condition", Approval, when=plans.payload.text)  # error in statement
no_policy = plans.signal("no_policy", Approval, on_failure="skip")  # error in statement
unmet = plans.signal("unmet", Approval, when_unmet="skip_cascade")  # error in statement
no_condition_of_a_sleep = plans.sleep("no", seconds=1, when=1)  # error in statement
unmet_sleep = plans.sleep("unmet_sleep", seconds=1, when_unmet="fail")  # error in statement
unmet_sub_flow = plans.sub_flow(  # error in statement
    "unmet_sub_flow",
    words,
    payload=plans.payload.text,
    result=count,
    when_unmet="skip_cascade",
)

some: Any = None
sent_by_name = plans.test(some, signals={"approval": Approval(ok=True)})  # error in statement
sent_at_no_time = plans.test(some, signals={approval: at("noon", Approval(ok=True))})  # error
begun_at_no_time = plans.test(some, now=3600)  # error
took = ran.times[approval].took  # error
