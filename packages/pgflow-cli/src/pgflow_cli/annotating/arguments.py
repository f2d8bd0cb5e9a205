"""The arguments of `pgflow annotate`; imports nothing, so that `pgflow --help` comes at once."""

import argparse
from collections.abc import Sequence
from typing import Protocol


class _Add(Protocol):
    """Adds a command, with its help and examples."""

    def __call__(
        self, name: str, text: str, *, examples: Sequence[str], details: str
    ) -> argparse.ArgumentParser: ...


def add_annotate(add: _Add) -> argparse.ArgumentParser:
    """Add the command and the arguments that only it has."""
    parser = add(
        "annotate",
        "show, or write, the annotations that handlers lack",
        details=(
            "Arguments get the types of their sources, results those that were inferred; a\n"
            "dict whose keys are known gets a TypedDict. Without --write nothing is written:\n"
            "the diff goes to stdout, and the exit code is 3 when there is one. Only files\n"
            "below FLOWS are changed, all or none, and only where something was missing."
        ),
        examples=[
            "pgflow annotate",
            "pgflow annotate flows --write",
            "pgflow annotate > types.patch; patch -p0 < types.patch",
        ],
    )
    parser.add_argument("--write", action="store_true", help="write them into the files")
    return parser
