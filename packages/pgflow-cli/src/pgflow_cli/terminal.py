"""Write for people: colours, tables, and a line that moves while one waits.

stdout carries only what a script may read (results, tables, JSON); everything told on the way
goes to stderr, so that `pgflow ... > file` keeps the file clean.
"""

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final, Literal, TextIO

Colour = Literal["red", "green", "yellow", "blue", "dim", "bold"]

_CODES: Final[dict[Colour, str]] = {
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "dim": "2",
    "bold": "1",
}
_PATIENCE_SECONDS: Final = 1.0

SPINNER: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
"""Frames of a moving mark, a tenth of a second each."""


def is_live(stream: TextIO) -> bool:
    """Whether *stream* is a terminal whose lines can be drawn again."""
    return stream.isatty() and os.environ.get("TERM", "") != "dumb"


def paint(text: str, colour: Colour, stream: TextIO) -> str:
    """Colour *text* where *stream* is a terminal and the user has not set NO_COLOR."""
    if os.environ.get("NO_COLOR") or not is_live(stream):
        return text
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m"


def say(text: str = "", *, colour: Colour | None = None) -> None:
    """Tell the user something on the way, on stderr."""
    print(paint(text, colour, sys.stderr) if colour else text, file=sys.stderr, flush=True)


def write(text: str) -> None:
    """Write a result to stdout."""
    print(text, flush=True)


def write_json(document: object) -> None:
    """Write a result to stdout as JSON, indented, letters of all languages as they are."""
    write(json.dumps(document, indent=2, ensure_ascii=False, default=str))


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return *rows* in columns as wide as their longest cell."""
    lines = [[*headings], *([*row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    text[0] = paint(text[0], "dim", sys.stdout)
    return "\n".join(text)


def fit(text: str, stream: TextIO, *, reserve: int = 0) -> str:
    """Cut *text* so that it fits on one line of the terminal, less *reserve* columns."""
    columns = shutil.get_terminal_size().columns if is_live(stream) else 10_000
    room = max(20, columns - 1 - reserve)
    return text if len(text) <= room else f"{text[: room - 1]}…"


def duration(seconds: float) -> str:
    """Return *seconds* as people read it: `35 ms`, `1.2 s`, `3 min 20 s`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


@contextmanager
def doing(what: str) -> Generator[None]:
    """Show that *what* goes on: a moving line on a terminal, else a line once it takes long.

    When it is over the line says how long it took; when it fails nothing is left of it.
    """
    started = time.monotonic()
    over = threading.Event()
    waiter = threading.Thread(target=_wait_visibly, args=(what, over), daemon=True)
    waiter.start()
    try:
        yield
    finally:
        over.set()
        waiter.join()
    # Not reached when the block raised: then there is nothing to report as done.
    took = duration(time.monotonic() - started)
    say(f"{paint('✓', 'green', sys.stderr)} {what} {paint(f'({took})', 'dim', sys.stderr)}")


def _wait_visibly(what: str, over: threading.Event) -> None:
    live = is_live(sys.stderr)
    started = time.monotonic()
    told = False
    while not over.wait(0.1):
        waited = time.monotonic() - started
        if live:
            frame = SPINNER[int(waited * 10) % len(SPINNER)]
            seconds = f" {waited:.0f} s" if waited >= _PATIENCE_SECONDS else ""
            sys.stderr.write(f"\r\x1b[K{frame} {what}{seconds}")
            sys.stderr.flush()
        elif not told and waited >= _PATIENCE_SECONDS:
            say(f"… {what}")
            told = True
    if live:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
