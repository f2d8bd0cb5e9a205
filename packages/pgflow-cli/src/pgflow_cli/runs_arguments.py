"""The arguments of `pgflow runs`; imports nothing, so that `pgflow --help` comes at once."""

import argparse
import math
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID


class Add(Protocol):
    """Adds a command, with its help and examples."""

    def __call__(
        self,
        name: str,
        text: str,
        *,
        examples: Sequence[str],
        module: str | None = None,
        details: str = "",
    ) -> argparse.ArgumentParser:
        """Return its parser."""
        ...


class Verbs(Protocol):
    """Commands below a command."""

    @property
    def add(self) -> Add:
        """Adds one of them."""
        ...


def add_runs(group: Callable[[Any], Verbs], add: Add) -> tuple[argparse.ArgumentParser, ...]:
    """Add the command and its verbs; return these, which have arguments that all commands have."""
    runs = add(
        "runs",
        "list, show, explain, signal, cancel or upgrade runs",
        examples=["pgflow runs list --status failed", "pgflow runs explain RUN_ID"],
    )
    verbs = group(runs.add_subparsers(title="commands", metavar="VERB", required=True))
    list_ = verbs.add(
        "list",
        "list runs, the newest first",
        module="cmd_runs_list",
        examples=["pgflow runs list", "pgflow runs list --flow hello --status started --json"],
    )
    list_.add_argument("--flow", metavar="SLUG", help="only runs of this flow")
    list_.add_argument(
        "--status",
        choices=["started", "completed", "failed", "cancelled"],
        help="only runs with this status",
    )
    list_.add_argument(
        "--limit", type=_limit, default=20, metavar="N", help="1 to 10000; default: %(default)s"
    )
    show = verbs.add(
        "show",
        "show a run with its steps, results and errors",
        module="cmd_runs_show",
        examples=[
            "pgflow runs show RUN_ID",
            "pgflow runs show RUN_ID --attempts   # what went wrong, each time",
            "pgflow runs show RUN_ID --json | jq .output",
        ],
    )
    show.add_argument(
        "--attempts",
        action="store_true",
        help="every attempt, too, with its traceback; needs the role pgflow_viewer",
    )
    cancel = verbs.add(
        "cancel",
        "cancel a run; cancelling twice is no error",
        module="cmd_runs_cancel",
        examples=["pgflow runs cancel RUN_ID --reason 'wrong file'"],
    )
    explain = verbs.add(
        "explain",
        "say why the steps of a run do not run",
        module="cmd_runs_explain",
        details="A reason for each step that has not ended; nothing is changed.",
        examples=["pgflow runs explain RUN_ID", "pgflow runs explain RUN_ID --json"],
    )
    signal = verbs.add(
        "signal",
        "send a run what a step of it waits for",
        module="cmd_runs_signal",
        details=(
            "It may come before the step waits. Sending the same again changes nothing, and\n"
            "sending something else is refused."
        ),
        examples=[
            """pgflow runs signal RUN_ID approval '{"approved": true}'""",
            "pgflow runs signal RUN_ID approval @approval.json",
        ],
    )
    for verb in (show, cancel, explain, signal):
        verb.add_argument(
            "run_id", type=run_id, metavar="RUN_ID", help="as `pgflow run` printed it"
        )
    cancel.add_argument("--reason", metavar="TEXT", help="kept with the run")
    signal.add_argument("signal", metavar="SIGNAL", help="the slug of the step that waits")
    signal.add_argument("payload", metavar="PAYLOAD", help="JSON, @FILE, or - for stdin")
    return list_, show, cancel, explain, signal, _add_upgrade(verbs)


def _add_upgrade(verbs: Verbs) -> argparse.ArgumentParser:
    upgrade = verbs.add(
        "upgrade",
        "move runs to another version of their flow, where everything fits",
        module="cmd_runs_upgrade",
        details=(
            "A run moves when its payload and the results it has fit the version, and no\n"
            "worker holds a task of a step that changed. Otherwise it stays as it is, and\n"
            "the reasons are printed; the exit code is 1 then. Needs the role pgflow_admin."
        ),
        examples=[
            "pgflow runs upgrade RUN_ID",
            "pgflow runs upgrade --flow hello          # all that have not ended",
            "pgflow runs upgrade --flow hello --to 3",
        ],
    )
    upgrade.add_argument("run_ids", nargs="*", type=run_id, metavar="RUN_ID", help="these runs")
    upgrade.add_argument("--flow", metavar="SLUG", help="every run of this flow that has not ended")
    upgrade.add_argument(
        "--to", type=_version, metavar="VERSION", help="default: the version that new runs get"
    )
    return upgrade


def run_id(text: str) -> UUID:
    """Read an argument that is the id of a run."""
    try:
        return UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a run id, which is a UUID") from None


def time(text: str) -> datetime:
    """Read an argument that is a time with its offset."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time, such as 2030-01-31T08:00:00Z"
        ) from None
    if read.utcoffset() is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} has no time zone; add Z, or an offset such as +01:00"
        )
    return read


def _limit(text: str) -> int:
    limit = number(text)
    if not (1 <= limit <= 10_000 and limit.is_integer()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 10000")
    return int(limit)


def number(text: str) -> float:
    """Read an argument that is a number; NaN for what is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _version(text: str) -> int:
    version = number(text)
    if not (version >= 1 and version.is_integer()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a version, which is a whole number")
    return int(version)
