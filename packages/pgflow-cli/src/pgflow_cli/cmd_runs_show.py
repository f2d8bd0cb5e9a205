"""`pgflow runs show`: one run with its steps, results and errors."""

import json
import textwrap
from argparse import Namespace

from pgflow_cli import exit_codes
from pgflow_cli.attempts_text import attempts_text, read_attempts
from pgflow_cli.cmd_run import read_run
from pgflow_cli.connection import find_database
from pgflow_cli.progress import error_of_no_step, run_duration, step_text
from pgflow_cli.terminal import write, write_json
from pgflow_client import Client, ErrorReport, Json, RunSnapshot, StepSnapshot


def run(args: Namespace) -> int:
    """Print the run; whether it failed does not change the exit code."""
    database = find_database(args.database_url)
    attempts = read_attempts(database, args.run_id) if args.attempts else None
    if args.json:
        run = read_run(database, args.run_id)
        write_json(run if attempts is None else {**run, "attempts": attempts})
        return exit_codes.OK
    with Client(database.url) as client:
        _tell(client, client.get(args.run_id))
    if attempts:
        write("")
        write(attempts_text(attempts))
    return exit_codes.OK


def _tell(client: Client, run: RunSnapshot) -> None:
    write(f"run      {run.run_id}")
    write(f"flow     {run.flow_slug}, version {run.version}")
    write(f"status   {run.status}{run_duration(run)}")
    if run.started_at is not None:
        write(f"started  {run.started_at.astimezone():%Y-%m-%d %H:%M:%S %Z}")
    write(f"owner    {run.owner}")
    write(f"payload  {_compact(run.payload)}")
    if run.status == "cancelled" and run.error is not None:
        write(f"reason   {run.error.message}")
    if (error := error_of_no_step(run)) is not None:
        write(f"error    {error}")
    if run.parent_run_id is not None:
        write(f"parent   {run.parent_run_id}")
    write("")
    _tell_steps(client, run, "")
    if run.status == "completed":
        write("")
        write_json(run.output)


def _tell_steps(client: Client, run: RunSnapshot, margin: str, *, is_of_item: bool = False) -> None:
    """Print the steps of *run*, and below a step that started runs those of these.

    Of a map of sub-flows the first runs; what a map inside of one has started is only named.
    """
    inner = f"{margin}    "
    for step in run.steps:
        write(f"{margin}{step_text(step)}")
        if step.sub_run_id is not None:
            write(f"{inner}run {step.sub_run_id}")
            _tell_steps(client, client.get(step.sub_run_id), inner, is_of_item=is_of_item)
        for sub_run in step.sub_runs:
            write(f"{inner}item {sub_run.task_index}, run {sub_run.run_id}")
            if not is_of_item:
                _tell_steps(client, client.get(sub_run.run_id), f"{inner}    ", is_of_item=True)
        if step.sub_runs and (more := _more_runs(step)):
            write(f"{inner}and {more} more")
        if step.status == "completed":
            write(f"{margin}    {_compact(step.result)}")
        elif step.error is not None:
            write(textwrap.indent(_full(step.error), f"{margin}    "))


def _more_runs(step: StepSnapshot) -> int:
    """Return how many items of a map of sub-flows there are beside those that are listed."""
    if step.tasks is None:
        return 0
    count = step.tasks.total if step.is_terminal else step.tasks.running
    return count - len(step.sub_runs)


def _full(error: ErrorReport) -> str:
    if error.traceback:
        return error.traceback.rstrip()
    # the message names the first fault only
    return "\n".join([str(error), *(f"- {fault}" for fault in error.faults[1:])])


def _compact(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 500 else f"{text[:499]}…"
