"""Mistakes with signals, sleeps and sub-flows; the rules of `wrong.py` hold."""

from __future__ import annotations

from waiting_ok import Approval, approval, count, counted, maybe, plans, soon, words


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
