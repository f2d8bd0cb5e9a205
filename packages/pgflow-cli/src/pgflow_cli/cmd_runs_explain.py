"""`pgflow runs explain`: why the steps of a run do not run."""

from argparse import Namespace
from dataclasses import asdict

from pgflow_cli import exit_codes
from pgflow_cli.connection import find_database
from pgflow_cli.terminal import say, table, write, write_json
from pgflow_client import Client, StepReason


def run(args: Namespace) -> int:
    """Print a line for each step and reason; nothing for a run that has ended."""
    with Client(find_database(args.database_url).url) as client:
        reasons = client.explain(args.run_id)
        ended = None if reasons else client.get(args.run_id).status
    if args.json:
        write_json([asdict(each) for each in reasons])
    elif reasons:
        rows = [[_place(each), each.reason, each.message] for each in reasons]
        write(table(["STEP", "REASON", "WHY"], rows))
        _tell_hidden(reasons)
    else:
        say(f"the run is {ended}: nothing of it waits")
    return exit_codes.OK


def _place(each: StepReason) -> str:
    return each.step_slug if each.task_index is None else f"{each.step_slug}[{each.task_index}]"


def _tell_hidden(reasons: tuple[StepReason, ...]) -> None:
    """Say how many items of map steps are not shown."""
    shown: dict[tuple[str, str], list[StepReason]] = {}
    for each in reasons:
        if each.task_index is not None:
            shown.setdefault((each.step_slug, each.reason), []).append(each)
    for (slug, reason), some in shown.items():
        detail = some[0].detail
        count = detail.get("tasks_count") if isinstance(detail, dict) else None
        if isinstance(count, int) and count > len(some):
            say(f"{slug}: {count - len(some)} more items, {reason}")
