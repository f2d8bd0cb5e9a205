"""The flow of the workload `map`, for builds that have `@flow.map`.

It is text, because a file with it could not be imported, nor its types be checked, without.
"""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pgflow_dsl import Flow

_FLOW: Final = """
from pydantic import BaseModel

from pgflow_dsl import Flow, each


class Numbers(BaseModel):
    numbers: list[int]


squares = Flow("squares", payload=Numbers, client_startable=True)


@squares.map
async def square(number: int = each[squares.payload.numbers]) -> int:
    return number * number


@squares.step
async def total(numbers: list[int] = square.result) -> int:
    return sum(numbers)
"""


def has_maps() -> bool:
    """Whether this build can map."""
    return hasattr(Flow, "map")


@contextmanager
def map_flow() -> Generator[Path]:
    """Lend the file with the flow `squares`."""
    with tempfile.TemporaryDirectory(prefix="pgflow-bench-") as directory:
        file = Path(directory, "squares.py")
        file.write_text(_FLOW)
        yield file
