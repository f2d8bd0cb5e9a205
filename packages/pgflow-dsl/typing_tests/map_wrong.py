"""Mistakes in map steps; the rules of `wrong.py` hold.

That the handler takes an item, of one list only, is beyond the checkers: an item has the type that
it has. Those are refused at import.
"""

from __future__ import annotations

from map_ok import Label, Line, again, numbers, orders, price, shout, whole
from pgflow_dsl import Step, each
from shared import Custom
from typing_extensions import assert_type


@orders.map
def wrong_item(
    line: Label = each[orders.payload.lines],  # error
) -> str:
    return line["text"]


@orders.map
def wrong_item_of_a_step(
    n: int = shout.each,  # error
) -> int:
    return n


@orders.map
def wrong_part(
    n: int = price.each["text"],  # error
) -> int:
    return n


@orders.map
def stale_part(
    name: str = each[orders.payload.lines].nam,  # error
) -> str:
    return name


@orders.map
def stale_key(
    text: str = price.each["txt"],  # error
) -> str:
    return text


@orders.map
def none_not_taken(
    text: str = again.each,  # error
) -> str:
    return text


@orders.map
def whole_for_the_item(
    text: str = shout.result,  # error
) -> str:
    return text


@orders.map
def each_of_no_list(
    n: int = whole.each,  # error
) -> int:
    return n


@orders.map
def each_of_a_text(
    letter: str = each[orders.payload.currency],  # error
) -> str:
    return letter


@orders.map
def each_of_a_step(
    text: str = each[shout],  # error
) -> str:
    return text


@orders.map
def each_on_the_list(
    line: Line = orders.payload.lines.each,  # error
) -> str:
    return line.name


@orders.map
def called(
    line: Line = each(orders.payload.lines),  # error
) -> str:
    return line.name


@orders.step
def item_for_the_whole(
    text: str = shout.result,  # error
) -> str:
    return text


@orders.map
def no_source(text: str) -> str:  # error in statement
    return text


@orders.map(max_attempts=2)
async def no_source_with_options(text: str) -> str:  # error in statement
    return text


@orders.map
def returns_set(text: str = shout.each) -> set[str]:  # error in statement
    return {text}


@orders.map(timeout=3)
async def returns_custom(text: str = shout.each) -> Custom:  # error in statement
    return Custom()


@orders.map(max_attemps=3)  # error in statement
def option_name(text: str = shout.each) -> str:
    return text


@orders.map(timeout="30s")  # error in statement
def option_value(text: str = shout.each) -> str:
    return text


shout()  # error
assert_type(shout, Step[str])  # error
text: str = numbers.test([1]).result(shout)  # error
