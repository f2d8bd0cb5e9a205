"""`pgflow runs signal`: send a run what a step of it waits for."""

from argparse import Namespace

from pgflow_cli import exit_codes
from pgflow_cli.cmd_run import read_payload
from pgflow_cli.connection import find_database
from pgflow_cli.terminal import write, write_json
from pgflow_client import Client


def run(args: Namespace) -> int:
    """Send the signal; one that does not fit, or comes too late, is an error."""
    payload = read_payload(args.payload)
    with Client(find_database(args.database_url).url) as client:
        outcome = client.signal(args.run_id, args.signal, payload)
    if args.json:
        write_json({"run_id": str(args.run_id), "signal": args.signal, "outcome": outcome})
    else:
        write(outcome)
    return exit_codes.OK
