"""Turn SIGTERM into an exception, so that whatever was started is stopped on the way out."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


class TerminatedError(BaseException):
    """SIGTERM came; like KeyboardInterrupt it passes every `except Exception`."""


@contextmanager
def terminations_raise() -> Generator[None]:
    """Raise `TerminatedError` in the main thread when SIGTERM comes, as Ctrl-C already does.

    A second Ctrl-C or SIGTERM during the clean-up is let pass: the clean-up has time limits of
    its own, and an impatient key press must not leave a process behind.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt if number == signal.SIGINT else TerminatedError

    before = [(each, signal.signal(each, handle)) for each in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield
    finally:
        for each, handler in before:
            signal.signal(each, handler)
