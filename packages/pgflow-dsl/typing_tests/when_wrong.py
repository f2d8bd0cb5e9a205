"""Mistakes in conditions and failure policies; the rules of `wrong.py` hold.

That `and`, `or` and `not` do nothing useful is beyond the checkers, to which a comparison is a
bool. It is refused at import, as is a condition that can never hold.
"""

from __future__ import annotations

from pgflow_dsl import RunError, contains, each, length, not_, or_else
from when_ok import Call, Score, calls, classify, maybe_tag, praise, risky, tag


@calls.step
def none_not_taken(
    label: str = praise.result,  # error
) -> str:
    return label


@calls.step
def part_of_what_may_be_none(
    label: str = risky.result.label,  # error
) -> str:
    return label


@calls.step
def items_may_be_none(
    tags: list[str] = tag.result,  # error
) -> str:
    return tags[0]


@calls.map
def item_may_be_none(
    name: str = tag.each,  # error
) -> str:
    return name


@calls.map
def list_may_be_none(
    name: str = maybe_tag.each,  # error
) -> str:
    return name


@calls.map
def each_of_what_may_be_none(
    name: str = each[maybe_tag.result],  # error
) -> str:
    return name


@calls.step(when=classify.result.valeu > 0.8)  # error
def stale_field() -> int:
    return 1


@calls.step(when=classify.result.value > "0.8")  # error
def order_of_text_and_number() -> int:
    return 1


@calls.step(when=classify.result > classify.result)  # error
def order_of_objects() -> int:
    return 1


@calls.step(when=classify.result.label)  # error in statement
def no_condition() -> int:
    return 1


@calls.step(when=length(classify.result.value) > 1)  # error
def length_of_a_number() -> int:
    return 1


@calls.step(when=contains(calls.payload.urgent, "x"))  # error
def contained_in_a_bool() -> int:
    return 1


@calls.step(when=contains(classify.result.label, 1))  # error
def number_in_a_text() -> int:
    return 1


@calls.step(when=not_(classify.result.label))  # error
def not_of_a_text() -> int:
    return 1


@calls.step(when=or_else(calls.payload.note, "").nope == "")  # error
def part_of_a_default() -> int:
    return 1


@calls.step(when_unmet="skip_cascade")  # error in statement
def unmet_without_condition() -> int:
    return 1


@calls.step(when=calls.payload.urgent, when_unmet="stop")  # error in statement
def unknown_path() -> int:
    return 1


@calls.step(on_failure="ignore")  # error in statement
def unknown_policy() -> int:
    return 1


@calls.step(backoff="linear")  # error in statement
def unknown_backoff() -> int:
    return 1


@calls.step(start_delay="5s")  # error in statement
def delay_is_text() -> int:
    return 1


@calls.step(on_failure="skip", max_attemps=3)  # error in statement
def option_name() -> int:
    return 1


@calls.map(on_failure="ignore")  # error in statement
def unknown_policy_of_a_map(name: str = each[calls.payload.tags]) -> str:
    return name


@calls.step(when=calls.payload.urgent)
def returns_set() -> set[str]:  # error in statement
    return {""}


@calls.step(on_failure="skip")
def no_source(text: str) -> str:  # error in statement
    return text


@calls.on_failure
def wrong_error(
    error: str = calls.error,  # error
) -> str:
    return error


@calls.on_failure
def wrong_part_of_the_error(
    step: str = calls.error.step,  # error
) -> str:
    return step


@calls.on_failure(max_attempts=2)
def none_of_what_failed(
    score: Score = classify.if_completed,  # error
) -> str:
    return score.label


@calls.on_failure(when=calls.payload.urgent)  # error in statement
def handler_with_a_condition(error: RunError = calls.error, call: Call = calls.payload) -> str:
    return f"{error} {call}"
