"""How long to wait before the next try."""

import random


class Backoff:
    """Doubling delays between *first* and *last* seconds, with jitter so that workers spread."""

    def __init__(self, first: float, last: float, *, jitter: float = 0.0) -> None:
        self._first = first
        self._last = last
        self._jitter = jitter
        self._next = first

    def next(self) -> float:
        """Return the seconds to wait now; the next answer is twice as long."""
        delay = self._next
        self._next = min(self._next * 2, self._last)
        return delay * (1 - self._jitter * random.random())  # noqa: S311 - spreads load, no secret

    def reset(self) -> None:
        """Begin with the first delay again."""
        self._next = self._first
