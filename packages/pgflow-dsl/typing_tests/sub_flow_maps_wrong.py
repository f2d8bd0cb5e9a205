"""Mistakes with maps of sub-flows; the rules of `wrong.py` hold.

That the payload is an item is beyond the checkers, as it is in map steps, and refused at import.
"""

from __future__ import annotations

from pgflow_dsl import each
from sub_flow_maps_ok import count, each_counted, some_counted, split, texts, when_counted, words


@texts.step
def result_is_a_list(
    length: int = each_counted.result,  # error
) -> int:
    return length


@texts.step
def result_is_of_ints(
    lengths: list[str] = each_counted.result,  # error
) -> list[str]:
    return lengths


@texts.step
def list_may_have_gaps(
    lengths: list[int] = some_counted.result,  # error
) -> list[int]:
    return lengths


@texts.step
def list_need_not_be_there(
    lengths: list[int] = when_counted.result,  # error
) -> list[int]:
    return lengths


@texts.map
def item_may_be_a_gap(
    length: int = some_counted.each,  # error
) -> int:
    return length


of_the_whole_list = texts.map_sub_flow(
    "of_the_whole_list",
    words,
    payload=split.result,  # error in statement
    result=count,
)
of_items_of_another_type = texts.map_sub_flow(
    "of_items_of_another_type",
    words,
    payload=each[texts.payload.parts].number,  # error in statement
    result=count,
)
of_no_list = texts.map_sub_flow(
    "of_no_list",
    words,
    payload=each[texts.payload.text],  # error in statement
    result=count,
)
unmet = texts.map_sub_flow(  # error in statement
    "unmet", words, payload=split.each, result=count, when_unmet="fail"
)
no_condition = texts.map_sub_flow(
    "no_condition",
    words,
    payload=split.each,
    result=count,
    when=texts.payload.text,  # error in statement
)
no_policy = texts.map_sub_flow(
    "no_policy",
    words,
    payload=split.each,
    result=count,
    on_failure="ignore",  # error in statement
)
result_of_no_step = texts.map_sub_flow(
    "result_of_no_step",
    words,
    payload=split.each,
    result=count.result,  # error in statement
)
