"""`pgflow dev`: database, migrations, manifest, deployment and worker, kept up with the flows."""

import json
import os
import shlex
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg

from pgflow_cli import exit_codes
from pgflow_cli.connection import DEV_DIRECTORY, DEV_FILE, Database, connect, named_database
from pgflow_cli.deploying import deploy
from pgflow_cli.failures import tell
from pgflow_cli.interrupts import terminations_raise, undisturbed
from pgflow_cli.payload_example import example_of
from pgflow_cli.places import flows_path, manifest_path
from pgflow_cli.terminal import doing, say
from pgflow_cli.watching import fingerprint
from pgflow_cli.worker_process import WorkerProcess, running_workers, status_of
from pgflow_core_sql import migrate
from pgflow_core_sql.embedded import EmbeddedPostgres
from pgflow_manifest import FlowSpec, PgflowError, read_manifest

_LOOK_SECONDS: Final = 0.3
_CHECK_SECONDS: Final = 2.0


def run(args: Namespace) -> int:
    """Do everything once, then again whenever a flow changes, until Ctrl-C."""
    flows = flows_path(args.flows)
    given = named_database(args.database_url, ("PGFLOW_DATABASE_URL",))
    with terminations_raise(), _database(given) as database, _announced(database):
        with doing("migrating"), connect(database) as conn:
            migrate(conn)
        session = _Session(flows, database)
        try:
            if not session.take_over() and args.once:
                return exit_codes.FAILED
            if not args.once:
                session.follow()
        finally:
            session.stop()
    return exit_codes.OK


class _Session:
    """The worker of the flows as they were when they last made sense."""

    def __init__(self, flows: Path, database: Database) -> None:
        self._flows = flows
        self._database = database
        self._seen = fingerprint(flows)
        self._worker: WorkerProcess | None = None
        self._leaving: list[WorkerProcess] = []
        self._ends = 0
        self._told_runs: frozenset[str] = frozenset()
        self._next_check = 0.0

    def take_over(self) -> bool:
        """Compile, deploy and start a worker; False, and the old one stays, when that fails."""
        self._seen = fingerprint(self._flows)
        path = manifest_path(self._flows)
        if not self._compile(path):
            self._say_kept()
            return False
        try:
            manifest = read_manifest(path)
            first = self._worker is None
            # Connected anew each time: the database may have been restarted since.
            with connect(self._database) as conn:
                outcomes = {each["flow_slug"]: each for each in deploy(conn, manifest)}
                for slug, each in outcomes.items():
                    say(f"  {slug}  version {each['version']}  {each['outcome']}")
                self._change_worker(conn, path)
        except (PgflowError, psycopg.Error) as error:
            tell(error, self._database.url)
            self._ends = 2
            self._say_kept()
            return False
        self._say_how(
            [f for f in manifest.flows if first or outcomes[f.slug]["outcome"] != "unchanged"]
        )
        return True

    def follow(self) -> None:
        """Look for changes until interrupted."""
        say(f"watching {self._flows}; Ctrl-C ends it all", colour="dim")
        while True:
            time.sleep(_LOOK_SECONDS)
            self._let_go()
            now = fingerprint(self._flows)
            if now != self._seen:
                say()
                say(f"changed: {', '.join(_names(now ^ self._seen))}")
                self._ends = 0
                self.take_over()
            elif self._worker and self._worker.exit_code is not None and self._ends < 2:
                self._ends += 1
                say(f"the worker ended: {self._worker.ending}", colour="red")
                # Replaced once: a handler that ends its process would do so again and again.
                if self._ends == 1:
                    self.take_over()
                else:
                    say("  mend: change a flow, or start `pgflow dev` again")
            elif self._ends < 2 and time.monotonic() >= self._next_check:
                self._next_check = time.monotonic() + _CHECK_SECONDS
                self._tell_unserved()

    def stop(self) -> None:
        """End every worker that was started."""
        workers = [*self._leaving, *([self._worker] if self._worker else [])]
        for worker in workers:
            worker.begin_stop()
        for worker in workers:
            worker.stop()

    def _change_worker(self, conn: psycopg.Connection[tuple[Any, ...]], manifest: Path) -> None:
        # The old one finishes what it holds while the new one already claims.
        if self._worker is not None:
            self._worker.begin_stop()
            self._leaving.append(self._worker)
            self._worker = None
        before = running_workers(conn)
        worker = self._worker = WorkerProcess(self._flows, self._database.url, manifest=manifest)
        # No moving line: the worker writes its own lines to this terminal.
        say("starting a worker")
        worker.start()
        worker.wait_until_registered(conn, before)

    def _tell_unserved(self) -> None:
        """Tell of steps that wait for a handler which a change has taken away."""
        try:
            with connect(self._database) as conn:
                status = status_of(conn)
        except (PgflowError, psycopg.Error):
            # The worker tells at length that the database is away.
            return
        told = frozenset(f"{each['flow_slug']}.{each['step_slug']}" for each in status["unserved"])
        if new := sorted(told - self._told_runs):
            say(f"runs wait for {', '.join(new)}, which no worker serves", colour="yellow")
            say(
                "  mend: undo the change that took it away, or `pgflow runs upgrade` "
                "or `cancel` them"
            )
        self._told_runs = told

    def _compile(self, path: Path) -> bool:
        # In a process of its own: modules that were imported once would not be read again.
        command = [sys.executable, "-m", "pgflow_cli", "compile", str(self._flows), "-o", str(path)]
        try:
            with doing(f"compiling into {path}"):
                subprocess.run(  # noqa: S603
                    command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
                )
        except subprocess.CalledProcessError as error:
            say(str(error.stderr).rstrip())
            return False
        return True

    def _let_go(self) -> None:
        gone = [worker for worker in self._leaving if worker.exit_code is not None]
        for worker in gone:
            worker.stop()
            self._leaving.remove(worker)

    def _say_kept(self) -> None:
        if self._worker is not None and self._worker.exit_code is None:
            say("the worker goes on with the flows as they were", colour="yellow")
        else:
            say("no worker runs; save a change to try again", colour="yellow")

    def _say_how(self, flows: Sequence[FlowSpec]) -> None:
        option = ""
        if os.environ.get("DATABASE_URL") and self._database.origin == "embedded":
            # DATABASE_URL would win over the file in .pgflow.
            option = f" --database-url {shlex.quote(self._database.url)}"
        for flow in flows:
            payload = shlex.quote(json.dumps(example_of(flow.payload_schema), ensure_ascii=False))
            say(f"start a run:  pgflow run {flow.slug} {payload} --watch{option}", colour="bold")


@contextmanager
def _database(given: Database | None) -> Generator[Database]:
    if given is not None:
        say(f"database {given}", colour="dim")
        yield given
        return
    DEV_DIRECTORY.mkdir(exist_ok=True)
    ignored = DEV_DIRECTORY / ".gitignore"
    if not ignored.exists():
        ignored.write_text("*\n")
    server = EmbeddedPostgres(DEV_DIRECTORY / "postgres")
    with ExitStack() as stack:
        with doing(f"starting PostgreSQL {server.version} in {DEV_DIRECTORY}/"), undisturbed():
            # Held back, an interruption finds the server in the stack and stops it.
            stack.enter_context(server)
        yield Database(url=server.url(), origin="embedded")


@contextmanager
def _announced(database: Database) -> Generator[None]:
    """Let other commands in this folder find the database while we run."""
    if database.origin != "embedded":
        yield
        return
    DEV_FILE.write_text(json.dumps({"pid": os.getpid(), "url": database.url}))
    try:
        yield
    finally:
        DEV_FILE.unlink(missing_ok=True)


def _names(changes: frozenset[tuple[str, int, int]]) -> list[str]:
    return sorted({Path(path).name for path, _, _ in changes})
