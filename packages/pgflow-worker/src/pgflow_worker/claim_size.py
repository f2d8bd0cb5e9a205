"""How many tasks to claim at once, so that their arguments fit into memory together."""

from collections.abc import Sequence
from typing import Final

from pgflow_worker.rows import ClaimedTask

MAX_CLAIM_BYTES: Final = 32 * 1024 * 1024
"""How many bytes of arguments one answer should hold: here and in the server it exists twice."""
MAX_CLAIM: Final = 250
"""With more, a round gains nothing, and the first one of big arguments would be too big."""


class ClaimSize:
    """The limit of the next claim, judged by the arguments of the last one."""

    __slots__ = ("limit",)

    def __init__(self) -> None:
        self.limit = MAX_CLAIM

    def learn(self, claimed: Sequence[ClaimedTask]) -> None:
        """Ask for fewer after big arguments, and for more after small ones."""
        if not claimed:
            return
        size = sum(len(task.args) for task in claimed)
        self.limit = max(1, min(MAX_CLAIM, MAX_CLAIM_BYTES * len(claimed) // max(size, 1)))
