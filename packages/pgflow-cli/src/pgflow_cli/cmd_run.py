"""`pgflow run`: start a run and, with --watch, see it to its end."""

import json
import sys
from argparse import Namespace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import psycopg

from pgflow_cli import exit_codes
from pgflow_cli.connection import Database, call, connect, find_database
from pgflow_cli.errors import CommandError
from pgflow_cli.places import find_manifest
from pgflow_cli.progress import watch
from pgflow_cli.terminal import say, write, write_json
from pgflow_client import Client, Json, WaitTimeoutError
from pgflow_client.payload import encode_payload
from pgflow_manifest import MAX_JSON_DEPTH, FlowNotFoundError, RunId, read_manifest


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
    with Client(database.url) as client:
        try:
            ended = watch(client, run_id, timeout=args.timeout)
        except WaitTimeoutError:
            raise CommandError(
                f"the run has not ended within {args.timeout:g} s; it goes on",
                hint=f"look at it with `pgflow runs show {run_id}`",
                exit_code=exit_codes.TIMEOUT,
            ) from None
        except KeyboardInterrupt:
            say(f"the run goes on; `pgflow runs cancel {run_id}` ends it")
            raise
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
    except RecursionError:
        raise CommandError(
            f"{origin} nests deeper than {MAX_JSON_DEPTH} levels",
            hint="store it flatter",
            exit_code=exit_codes.USAGE,
        ) from None
    except ValueError as error:
        raise CommandError(
            f"{origin} is not JSON: {error}",
            hint="""write it as in '{"name": "Ada"}', with the quotes that your shell needs""",
            exit_code=exit_codes.USAGE,
        ) from None


def read_run(database: Database, run_id: RunId) -> dict[str, Any]:
    """Return the whole document of a run, as `pgflow.get_run` gives it."""
    with connect(database) as conn:
        rows = call(conn, "select pgflow.get_run(%(run_id)s) as run", {"run_id": run_id})
    run: dict[str, Any] = rows[0]["run"]
    return run


def _start(args: Namespace, database: Database, payload: Json) -> RunId:
    flow_slug: str = args.flow
    path: Path | None = args.manifest or find_manifest()
    manifest = None if path is None else read_manifest(path)
    slugs: list[str] = [] if manifest is None else [flow.slug for flow in manifest.flows]
    # A manifest that lies here by chance and does not know the flow is no reason to refuse it.
    if manifest is not None and (args.manifest or flow_slug in slugs):
        with Client(database.url, manifest=manifest) as client:
            return client.start(flow_slug, payload, args.run_id, at=args.at).run_id
    text = encode_payload(payload, what=f"the payload for flow {flow_slug!r}")
    try:
        with connect(database) as conn:
            rows = call(
                conn,
                "select pgflow.start_flow("
                "%(flow)s::text, %(text)s::jsonb, %(run_id)s::uuid, %(at)s::timestamptz) as id",
                {"flow": flow_slug, "text": text, "run_id": args.run_id, "at": args.at},
            )
    except psycopg.Error as error:
        close = get_close_matches(flow_slug, slugs, n=3)
        if error.sqlstate == FlowNotFoundError.code and close:
            raise FlowNotFoundError(
                f"there is no flow {flow_slug!r}",
                hint=f"did you mean {' or '.join(map(repr, close))}?",
            ) from error
        raise
    return RunId(rows[0]["id"])


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")
