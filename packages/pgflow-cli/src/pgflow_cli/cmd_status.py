"""`pgflow status`: what is deployed, who works, and what nobody can serve."""

from argparse import Namespace
from datetime import UTC, datetime

from pgflow_cli import exit_codes
from pgflow_cli.connection import connect, find_database
from pgflow_cli.terminal import duration, say, table, write, write_json
from pgflow_cli.worker_process import status_of


def run(args: Namespace) -> int:
    """Print the state of a database."""
    database = find_database(args.database_url)
    with connect(database) as conn:
        status = status_of(conn)
    if args.json:
        write_json(status)
        return exit_codes.OK
    say(f"{database}, schema version {status['schema_version']}", colour="dim")
    flows = [
        [flow["slug"], str(flow["version"]), str(flow["waiting"]), str(flow["leased"])]
        for flow in status["flows"]
    ]
    _section(["FLOW", "VERSION", "WAITING", "LEASED"], flows, "no flow is deployed")
    # Those that stopped in order are of no interest; `pgflow dev` leaves one for each change.
    workers = [
        [worker["name"], worker["status"], _ago(worker["last_beat_at"]), str(worker["leased"])]
        for worker in status["workers"]
        if worker["status"] != "stopped"
    ]
    write("")
    _section(["WORKER", "STATUS", "LAST BEAT", "LEASED"], workers, "no worker")
    unserved = [
        [
            item["flow_slug"],
            str(item["version"]),
            item["step_slug"],
            str(item["runs"]),
            _ago(item["oldest_started_at"]),
        ]
        for item in status["unserved"]
    ]
    if unserved:
        write("")
        write(table(["UNSERVED FLOW", "VERSION", "STEP", "RUNS", "OLDEST STARTED"], unserved))
        say("no living worker has the handlers of these steps", colour="yellow")
        say(
            "  mend: start a worker with the flows of that version, or `pgflow runs upgrade` "
            "or `cancel` the runs"
        )
    return exit_codes.OK


def _section(headings: list[str], rows: list[list[str]], nothing: str) -> None:
    write(table(headings, rows) if rows else nothing)


def _ago(moment: str | None) -> str:
    if moment is None:
        return "never"
    seconds = (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()
    return f"{duration(max(0.0, seconds))} ago"
