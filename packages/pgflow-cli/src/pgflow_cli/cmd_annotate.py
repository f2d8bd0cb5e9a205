"""`pgflow annotate`: show, or write, the annotations that handlers lack."""

from argparse import Namespace
from pathlib import Path

from pgflow_cli import exit_codes
from pgflow_cli.annotating.diff import diff_of
from pgflow_cli.annotating.plan import LeftAlone, Plan, plan_annotations
from pgflow_cli.compiling import typed_flows
from pgflow_cli.differences import write_diff
from pgflow_cli.errors import CommandError
from pgflow_cli.places import flows_path
from pgflow_cli.terminal import say, write, write_json
from pgflow_cli.writing import replace_files
from pgflow_dsl import discover_flows
from pgflow_dsl.location import shown_path
from pgflow_manifest import PgflowError


def run(args: Namespace) -> int:
    """Print the annotations as a diff, or write them."""
    flows = flows_path(args.flows)
    folder = flows.resolve()
    plan = plan_annotations(typed_flows(flows), folder.parent if folder.is_file() else folder)
    if args.write and plan.changes:
        _write(plan, flows)
    if args.json:
        write_json(_report(plan, written=args.write))
    else:
        _tell(plan, written=args.write)
    return exit_codes.DIFFERS if plan.changes and not args.write else exit_codes.OK


def _write(plan: Plan, flows: Path) -> None:
    """Write all files, and put them back when the flows cannot be imported any more."""
    replace_files({change.path: change.after for change in plan.changes})
    try:
        discover_flows(flows)
    except PgflowError as error:
        replace_files({change.path: change.before for change in plan.changes})
        raise CommandError(
            f"the annotations were taken back, since with them {error.message}",
            hint="annotate that handler by hand and run the command again",
        ) from error


def _tell(plan: Plan, *, written: bool) -> None:
    for left in plan.left_alone:
        say(f"{left.location}: {left.what} stays without annotation: {left.why}", colour="yellow")
    if not plan.changes:
        write("nothing to annotate")
    for change in plan.changes:
        if written:
            write(f"annotated {shown_path(str(change.path))}")
        else:
            # not by splitlines: the user's lines may end in CRLF
            write_diff(diff_of(change).removesuffix("\n").split("\n"))
    if plan.changes and not written:
        say("write these annotations with `pgflow annotate --write`")


def _report(plan: Plan, *, written: bool) -> dict[str, object]:
    return {
        "written": written,
        "files": [
            {"file": shown_path(str(change.path)), "diff": diff_of(change)}
            for change in plan.changes
        ],
        "left_alone": [_left(left) for left in plan.left_alone],
    }


def _left(left: LeftAlone) -> dict[str, object]:
    return {
        "file": shown_path(left.location.file),
        "line": left.location.line,
        "flow": left.location.flow_slug,
        "step": left.location.step_slug,
        "what": left.what,
        "why": left.why,
    }
