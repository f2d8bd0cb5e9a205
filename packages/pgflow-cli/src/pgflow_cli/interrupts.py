"""Turn SIGTERM into an exception, so that whatever was started is stopped on the way out.

Ctrl-C and SIGTERM may come anywhere, also between the moment a process has been started and the
moment we know of it. `undisturbed` is for those places.
"""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Final, NoReturn


class TerminatedError(BaseException):
    """SIGTERM came; like KeyboardInterrupt it passes every `except Exception`."""


@dataclass(slots=True)
class _Shield:
    depth: int = 0
    pending: int | None = None


_shield: Final = _Shield()


@contextmanager
def terminations_raise() -> Generator[None]:
    """Raise `TerminatedError` in the main thread when SIGTERM comes, as Ctrl-C already does.

    What comes while that exception is on its way is ignored: the clean-up has time limits of its
    own, and an impatient key press must not leave a process behind.
    """
    before = [(each, signal.signal(each, _handle)) for each in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield
    finally:
        for each, handler in before:
            signal.signal(each, handler)


@contextmanager
def undisturbed() -> Generator[None]:
    """Hold an interruption back until the end of the block, or until it comes a second time."""
    _shield.depth += 1
    try:
        yield
    finally:
        _shield.depth -= 1
        number, _shield.pending = _shield.pending, None
        if number is not None:
            _raise(number)


def _handle(number: int, frame: FrameType | None) -> None:
    del frame
    if _shield.depth and _shield.pending is None:
        _shield.pending = number
    else:
        _raise(number)


def _raise(number: int) -> NoReturn:
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt if number == signal.SIGINT else TerminatedError
