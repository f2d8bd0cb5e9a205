"""`pgflow runs list`: the newest runs that the caller may see."""

from argparse import Namespace

from pgflow_cli import exit_codes
from pgflow_cli.connection import find_database
from pgflow_cli.progress import run_duration
from pgflow_cli.terminal import say, table, write, write_json
from pgflow_client import Client


def run(args: Namespace) -> int:
    """Print the runs, the newest first."""
    with Client(find_database(args.database_url).url) as client:
        runs = client.list(args.flow, args.status, args.limit)
    if args.json:
        write_json(
            [
                {
                    "run_id": str(each.run_id),
                    "flow_slug": each.flow_slug,
                    "version": each.version,
                    "status": each.status,
                    "owner": each.owner,
                    "started_at": each.started_at and each.started_at.isoformat(),
                    "ended_at": each.ended_at and each.ended_at.isoformat(),
                }
                for each in runs
            ]
        )
    elif runs:
        rows = [
            [
                str(each.run_id),
                each.flow_slug,
                str(each.version),
                each.status,
                f"{each.started_at.astimezone():%Y-%m-%d %H:%M:%S}" if each.started_at else "",
                run_duration(each).removeprefix(" in "),
            ]
            for each in runs
        ]
        write(table(["RUN", "FLOW", "VERSION", "STATUS", "STARTED", "TOOK"], rows))
    else:
        say("no runs")
    return exit_codes.OK
