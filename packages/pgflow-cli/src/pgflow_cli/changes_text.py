"""Tell what changes from one manifest to another."""

import sys
from typing import Final

from pgflow_cli import exit_codes
from pgflow_cli.terminal import Colour, paint, say, write, write_json
from pgflow_manifest import Change, ChangeKind, worst_change

_COLOURS: Final[dict[ChangeKind, Colour]] = {
    "options": "dim",
    "additive": "green",
    "breaking": "red",
}


def tell_changes(changes: tuple[Change, ...], *, as_json: bool) -> int:
    """Print the changes, one a line; return the exit code: 3 when something breaks."""
    worst = worst_change(changes)
    if as_json:
        write_json({"kind": worst, "changes": [_document(change) for change in changes]})
    else:
        for change in changes:
            place = change.flow if change.step is None else f"{change.flow}.{change.step}"
            kind = paint(f"{change.kind:<8}", _COLOURS[change.kind], sys.stdout)
            write(f"{kind}  {place}: {change.reason}")
        if not changes:
            say("nothing changes")
    return exit_codes.DIFFERS if worst == "breaking" else exit_codes.OK


def _document(change: Change) -> dict[str, str | None]:
    return {
        "flow": change.flow,
        "step": change.step,
        "kind": change.kind,
        "reason": change.reason,
    }
