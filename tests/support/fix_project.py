"""A project as its users have it: flow files, the command line, worker processes, a client."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from uuid import UUID

import psycopg
import pytest
from tests.support.fix_worker import SpawnedWorker, SpawnWorker
from tests.support.invariants import check_invariants

from pgflow_cli import exit_codes, main
from pgflow_client import Client, RunHandle, RunSnapshot
from pgflow_dsl import Flow, FlowTestFailedError, TestRun, discover_flows

WAIT_SECONDS = 20.0
"""How long a test waits for what must happen; no test takes that long unless it fails."""


@dataclass(frozen=True)
class Told:
    """What a command wrote."""

    out: str
    err: str

    @property
    def document(self) -> Any:
        """What a command with `--json` printed."""
        return json.loads(self.out)


class Project:
    """A folder with `flows/`, in which commands run, and the database that they use."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        capsys: pytest.CaptureFixture[str],
        spawn_worker: SpawnWorker,
    ) -> None:
        self.flows = folder / "flows"
        self.manifest = folder / "flows.manifest.json"
        self.database_url = database_url
        self.client = Client(database_url)
        self._capsys = capsys
        self._spawn_worker = spawn_worker
        self._found: dict[str, Flow[Any]] = {}

    def take(self, *modules: Path) -> None:
        """Copy flow modules into the project, compile and deploy them."""
        self.flows.mkdir(exist_ok=True)
        for module in modules:
            shutil.copy(module, self.flows)
        self._found.clear()
        self.command("compile")
        self.command("deploy")

    def command(self, *arguments: str, code: int = exit_codes.OK) -> Told:
        """Run `pgflow` with these arguments, which must end with *code*."""
        self._capsys.readouterr()
        ended = main([str(argument) for argument in arguments])
        written = self._capsys.readouterr()
        told = Told(written.out, written.err)
        assert ended == code, told
        return told

    def worker(self, *options: str, flows: Path | None = None) -> SpawnedWorker:
        """Start a worker process, and return it once it takes tasks."""
        worker = self._spawn_worker(flows or self.flows, *options)
        worker.wait_for("serving")
        return worker

    def ended(self, run: RunHandle[Any, Any]) -> RunSnapshot[Any]:
        """Return the run once it has ended."""
        return run.wait(WAIT_SECONDS)

    def shown(self, run_id: UUID) -> str:
        """Return what `pgflow runs show` prints."""
        return self.command("runs", "show", str(run_id)).out

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until *holds* returns true."""
        deadline = monotonic() + WAIT_SECONDS
        while not holds():
            if monotonic() > deadline:
                statuses = {str(run.run_id): run.status for run in self.client.list()}
                raise TimeoutError(f"never became true; runs: {statuses}")
            sleep(0.02)

    def until_step(self, run: RunHandle[Any, Any], slug: str, status: str) -> None:
        """Wait until a step of the run has that status."""
        self.until(lambda: run.get().step(slug).status == status)

    def until_begun(self, run: RunHandle[Any, Any], slug: str) -> None:
        """Wait until a step of the run has begun."""
        self.until(lambda: run.get().step(slug).status != "created")

    def in_memory(
        self, slug: str, payload: object, signals: Mapping[str, object] | None = None
    ) -> TestRun:
        """Run a flow from its file without a database, to whatever end."""
        if slug not in self._found:
            self._found = {each.flow.slug: each.flow for each in discover_flows(self.flows)}
        flow = self._found[slug]
        sent: dict[Any, Any] = {}
        for name, value in (signals or {}).items():
            step = flow.steps[name]
            sent[step] = step.result_json_type().adapter.validate_python(value)
        typed = flow.payload_json_type().adapter.validate_python(payload)
        try:
            return flow.test(typed, signals=sent)
        except FlowTestFailedError as error:
            if error.run is None:
                raise
            return error.run


@pytest.fixture
def project(
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    database_url: str,
    conn: psycopg.Connection,
    capsys: pytest.CaptureFixture[str],
    spawn_worker: SpawnWorker,
) -> Iterator[Project]:
    """An empty project; after the test, what must always hold in its database is recounted."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PGFLOW_DATABASE_URL", database_url)
    project = Project(tmp_path, database_url, capsys, spawn_worker)
    with project.client:
        yield project
    check_invariants(conn)
