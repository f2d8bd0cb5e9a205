"""`pgflow runs cancel`: stop a run that has not ended."""

from argparse import Namespace

from pgflow_cli import exit_codes
from pgflow_cli.connection import find_database
from pgflow_cli.terminal import write, write_json
from pgflow_client import Client


def run(args: Namespace) -> int:
    """Cancel the run; one that has completed or failed is an error (PF302)."""
    with Client(find_database(args.database_url).url) as client:
        status = client.cancel(args.run_id, args.reason)
    if args.json:
        write_json({"run_id": str(args.run_id), "status": status})
    else:
        write(status)
    return exit_codes.OK
