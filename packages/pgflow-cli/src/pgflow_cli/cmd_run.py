"""`pgflow run`: start a run and, with --watch, see it to its end."""

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import cast

from pgflow_cli import exit_codes
from pgflow_cli.connection import Database, call, connect, find_database
from pgflow_cli.errors import CommandError
from pgflow_cli.places import find_manifest
from pgflow_cli.progress import watch
from pgflow_cli.terminal import say, write, write_json
from pgflow_client import Client, Json, WaitTimeoutError
from pgflow_client.calls import as_run_id
from pgflow_manifest import Manifest, RunId, read_manifest


def run(args: Namespace) -> int:
    """Start the run; wait for it and print what it gave, if asked to."""
    if args.timeout is not None and not args.watch:
        raise CommandError("--timeout needs --watch", exit_code=exit_codes.USAGE)
    payload = read_payload(args.payload)
    database = find_database(args.database_url)
    run_id = _start(args, database, payload)
    if not args.watch:
        if args.json:
            write_json({"run_id": str(run_id), "flow_slug": args.flow})
        else:
            write(str(run_id))
        return exit_codes.OK
    say(f"run {run_id}", colour="dim")
    with Client(database.url) as client:
        try:
            ended = watch(client, run_id, timeout=args.timeout)
        except WaitTimeoutError:
            raise CommandError(
                f"the run has not ended within {args.timeout:g} s; it goes on",
                hint=f"look at it with `pgflow runs show {run_id}`",
                exit_code=exit_codes.TIMEOUT,
            ) from None
    if args.json:
        write_json(read_run(database, run_id))
    elif ended.status == "completed":
        write_json(ended.output)
    else:
        say(f"pgflow runs show {run_id}  tells more", colour="dim")
    return exit_codes.OK if ended.status == "completed" else exit_codes.FAILED


def read_payload(text: str) -> Json:
    """Read a payload from JSON text, from @FILE, or from stdin for `-`.

    Raises:
        CommandError: the file cannot be read, or it is not JSON.
    """
    origin = "PAYLOAD"
    if text == "-":
        origin, text = "stdin", sys.stdin.read()
    elif text.startswith("@"):
        origin = text[1:]
        try:
            text = Path(origin).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise CommandError(
                f"cannot read the payload from {origin!r}: {reason}", exit_code=exit_codes.USAGE
            ) from None
    try:
        return cast("Json", json.loads(text, parse_constant=_refuse_constant))
    except (ValueError, RecursionError) as error:
        raise CommandError(
            f"{origin} is not JSON: {error}",
            hint="""write it as in '{"name": "Ada"}', with the quotes that your shell needs""",
            exit_code=exit_codes.USAGE,
        ) from None


def read_run(database: Database, run_id: RunId) -> object:
    """Return the whole document of a run, as `pgflow.get_run` gives it."""
    with connect(database) as conn:
        rows = call(conn, "select pgflow.get_run(%(run_id)s) as run", {"run_id": run_id})
    return rows[0]["run"]


def _start(args: Namespace, database: Database, payload: Json) -> RunId:
    run_id = None if args.run_id is None else as_run_id(args.run_id)
    manifest = _manifest_with(args.flow, args.manifest)
    if manifest is not None:
        with Client(database.url, manifest=manifest) as client:
            return client.start(args.flow, payload, run_id).run_id
    # No manifest at hand: the database knows its flows itself.
    with connect(database) as conn:
        rows = call(
            conn,
            "select pgflow.start_flow(%(flow)s::text, %(payload)s::jsonb, %(run_id)s::uuid) as id",
            {"flow": args.flow, "payload": json.dumps(payload), "run_id": run_id},
        )
    return RunId(rows[0]["id"])


def _manifest_with(flow: str, given: Path | None) -> Manifest | None:
    if given is not None:
        return read_manifest(given)
    found = find_manifest()
    manifest = read_manifest(found) if found is not None else None
    # One that lies here by chance and does not know the flow is no reason to refuse it.
    known = manifest is not None and any(each.slug == flow for each in manifest.flows)
    return manifest if known else None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")
