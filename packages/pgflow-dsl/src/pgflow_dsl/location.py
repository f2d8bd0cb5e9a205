"""Where in the user's files something stands, and errors that say so.

Every error about a definition is built by `Location.error`, so all of them name file, line, flow
and step in the same way.
"""

import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from pgflow_manifest import PgflowError

_ErrorT = TypeVar("_ErrorT", bound=PgflowError)
_PACKAGE = os.path.dirname(__file__) + os.sep  # noqa: PTH120 - compared with raw file names


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A line of the user's code, and the flow and step it defines."""

    file: str
    line: int
    flow_slug: str
    step_slug: str | None = None

    def __str__(self) -> str:
        who = f"flow {self.flow_slug!r}"
        if self.step_slug is not None:
            who = f"step {self.step_slug!r} of {who}"
        return f"{self.at}: {who}"

    @property
    def at(self) -> str:
        """File and line, as errors print them."""
        return f"{shown_path(self.file)}:{self.line}"

    def at_step(self, step_slug: str, fn: Callable[..., Any]) -> "Location":
        """Return the location of the step called *step_slug* whose handler is *fn*."""
        code = getattr(inspect.unwrap(fn), "__code__", None)
        if code is None:
            return replace(self, step_slug=step_slug)
        return Location(
            file=code.co_filename,
            line=code.co_firstlineno,
            flow_slug=self.flow_slug,
            step_slug=step_slug,
        )

    def error(self, kind: type[_ErrorT], text: str, *, hint: str, **details: Any) -> _ErrorT:
        """Build the error *kind* about this location; *details* are added for machines."""
        return kind(
            f"{self}: {text}",
            hint=hint,
            details={
                "file": self.file,
                "line": self.line,
                "flow": self.flow_slug,
                "step": self.step_slug,
                **details,
            },
        )


def location_of_caller(flow_slug: str) -> Location:
    """Return the line of the user's code that is being run."""
    frame = user_frame()
    return Location(file=frame.f_code.co_filename, line=frame.f_lineno, flow_slug=flow_slug)


def user_frame() -> FrameType:
    """Return the nearest frame that is not of this package."""
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]  # the documented way to the caller
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return frame


def shown_path(file: str) -> str:
    """Return *file* as errors print it: relative when it lies under the current directory."""
    path = Path(file)
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return file
