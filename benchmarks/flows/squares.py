"""A list, its squares, and their sum."""

from pydantic import BaseModel

from pgflow_dsl import Flow, each


class Numbers(BaseModel):
    """What is to be squared."""

    numbers: list[int]


squares = Flow("squares", payload=Numbers, client_startable=True)


@squares.map
async def square(number: int = each[squares.payload.numbers]) -> int:
    """Take one item."""
    return number * number


@squares.step
async def total(numbers: list[int] = square.result) -> int:
    """Take all results."""
    return sum(numbers)
