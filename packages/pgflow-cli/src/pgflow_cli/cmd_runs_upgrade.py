"""`pgflow runs upgrade`: move runs to another version of their flow."""

from argparse import Namespace
from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

import psycopg

from pgflow_cli import exit_codes
from pgflow_cli.connection import call, connect, find_database
from pgflow_cli.errors import CommandError
from pgflow_cli.terminal import say, write, write_json

_RUNS_AT_A_TIME: Final = 50
"""How many are locked at once: their workers wait until all of them are validated."""


def run(args: Namespace) -> int:
    """Move each run that fits, tell why the others do not; exit 1 if any stays behind."""
    if bool(args.run_ids) == bool(args.flow):
        raise CommandError(
            "say which runs: their ids, or --flow for all of a flow that have not ended",
            hint="pgflow runs upgrade --flow SLUG",
            exit_code=exit_codes.USAGE,
        )
    with connect(find_database(args.database_url)) as conn:
        run_ids = args.run_ids or _runs_of(conn, args.flow)
        rows = list(_upgrade(conn, run_ids, args.to))
    if args.json:
        write_json(rows)
    else:
        for row in rows:
            _tell(row)
        if not rows:
            say(f"flow {args.flow!r} has no runs that have not ended")
    refused = any(row["outcome"] == "refused" for row in rows)
    return exit_codes.FAILED if refused else exit_codes.OK


def _runs_of(conn: psycopg.Connection[tuple[Any, ...]], flow_slug: str) -> list[UUID]:
    rows = call(
        conn,
        "select run_id from pgflow.runs where flow_slug = %(flow)s and status = 'started'"
        " order by run_id",
        {"flow": flow_slug},
    )
    return [row["run_id"] for row in rows]


def _upgrade(
    conn: psycopg.Connection[tuple[Any, ...]], run_ids: list[UUID], version: int | None
) -> Iterator[dict[str, Any]]:
    for start in range(0, len(run_ids), _RUNS_AT_A_TIME):
        yield from call(
            conn,
            "select * from pgflow.upgrade_runs("
            "p_run_ids => %(run_ids)s::uuid[], p_version => %(version)s::int)",
            {"run_ids": run_ids[start : start + _RUNS_AT_A_TIME], "version": version},
        )


def _tell(row: dict[str, Any]) -> None:
    match row["outcome"]:
        case "upgraded":
            told = f"upgraded, version {row['from_version']} -> {row['to_version']}"
        case "unchanged":
            told = f"unchanged, it has version {row['to_version']}"
        case _:
            told = "refused"
    write(f"{row['run_id']}  {told}")
    for problem in row["problems"]:
        place = f"step {problem['step']!r}: " if problem["step"] is not None else ""
        write(f"    {place}{problem['reason']}")
