"""`pgflow demo`: every part of pgflow on a real recording, from nothing to the run output."""

import shutil
import tempfile
import threading
from argparse import Namespace
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from pgflow_cli import exit_codes
from pgflow_cli.compiling import compile_folder
from pgflow_cli.connection import Database, call, connect, named_database
from pgflow_cli.demo_break import break_result
from pgflow_cli.deploying import deploy
from pgflow_cli.drawing import draw
from pgflow_cli.errors import CommandError
from pgflow_cli.example import Example, check_recording, find_example
from pgflow_cli.interrupts import terminations_raise, undisturbed
from pgflow_cli.progress import watch
from pgflow_cli.terminal import doing, duration, say, write_json
from pgflow_cli.worker_process import WorkerProcess, running_workers
from pgflow_client import Client, RunSnapshot
from pgflow_core_sql import migrate
from pgflow_core_sql.embedded import EmbeddedPostgres
from pgflow_manifest import Manifest, RunId

_FLOW = "voice_memo"


def run(args: Namespace) -> int:
    """Run the example and print its output; leave nothing behind, however it ends."""
    example = find_example()
    recording: Path = (args.audio or example.recording).expanduser()
    seconds = check_recording(example, recording)
    given = named_database(args.database_url, ())
    with terminations_raise(), tempfile.TemporaryDirectory(prefix="pgflow-demo-") as name:
        folder = Path(name)
        with _database(given, folder) as database, connect(database) as conn:
            manifest = _prepare(conn, example)
            say()
            say(draw(manifest.flow(_FLOW), columns=shutil.get_terminal_size().columns))
            say()
            if args.break_result:
                with Client(database.url, manifest=manifest) as client:
                    break_result(conn, client, manifest.flow(_FLOW), _payload(recording))
                return exit_codes.OK
            before = running_workers(conn)
            log = folder / "worker.log"
            with WorkerProcess(example.flows, database.url, log=log) as worker:
                with doing("starting a worker"):
                    worker.start()
                    worker.wait_until_registered(conn, before)
                say(f"a run for {recording.name}, {duration(seconds)} of speech")
                ended = _see(database, manifest, worker, recording)
            if ended.status == "completed":
                write_json(ended.output)
                return exit_codes.OK
            if worker.exit_code not in (None, 0, exit_codes.TERMINATED):
                raise worker.failure(f"the worker ended: {worker.ending}")
            raise CommandError(f"the run {ended.status}: {ended.error}")


@contextmanager
def _database(given: Database | None, folder: Path) -> Generator[Database]:
    if given is not None:
        yield given
        return
    server = EmbeddedPostgres(folder / "postgres", keep=False)
    with ExitStack() as stack:
        with doing(f"starting PostgreSQL {server.version} in a temporary folder"), undisturbed():
            # Held back, an interruption finds the server in the stack and stops it.
            stack.enter_context(server)
        yield Database(url=server.url(), origin="embedded")


def _prepare(conn: psycopg.Connection[tuple[Any, ...]], example: Example) -> Manifest:
    with doing("migrating"):
        migrate(conn)
    with doing("compiling the flow"):
        manifest = compile_folder(example.flows)
    with doing("deploying it"):
        deploy(conn, manifest)
    return manifest


def _see(
    database: Database, manifest: Manifest, worker: WorkerProcess, recording: Path
) -> RunSnapshot:
    with Client(database.url, manifest=manifest) as client:
        run_id = client.start(_FLOW, _payload(recording)).run_id
        _cancel_without(worker, database, run_id)
        return watch(client, run_id)


def _payload(recording: Path) -> dict[str, str]:
    return {
        "object_id": str(uuid4()),
        "object_name": recording.name,
        "bucket_id": str(recording.absolute().parent),
        "owner_id": "demo",
    }


def _cancel_without(worker: WorkerProcess, database: Database, run_id: RunId) -> None:
    """Cancel the run should its only worker end, so that nobody waits for ever."""

    def guard() -> None:
        worker.wait()
        try:
            with connect(database) as conn:
                call(conn, "select pgflow.cancel_run(%(id)s, 'its worker ended')", {"id": run_id})
        except Exception:  # noqa: S110  the run has ended, or the database with it
            pass

    threading.Thread(target=guard, daemon=True).start()
