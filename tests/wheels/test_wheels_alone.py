"""Each wheel, installed alone in an environment of its own, does its work and sees nothing else.

`nox -s wheels` builds the wheels, makes the environments and runs this file from a further one.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
import pytest

from pgflow_dsl import compile_flows, discover_flows
from pgflow_manifest import write_manifest

ENVIRONMENTS: Final = os.environ.get("PGFLOW_WHEEL_ENVIRONMENTS")
pytestmark = pytest.mark.skipif(ENVIRONMENTS is None, reason="run this by `nox -s wheels`")

BRINGS: Final = {
    "manifest": set[str](),
    "dsl": {"manifest"},
    "core-sql": {"manifest"},
    "worker": {"dsl", "manifest"},
    "client": {"manifest"},
    "cli": {"client", "core-sql", "dsl", "manifest", "worker"},
}
"""Which of our packages each wheel brings along."""

NO_DATABASE: Final = ("manifest", "dsl")

FLOWS: Final = """
from pydantic import BaseModel

from pgflow_dsl import Flow


class Name(BaseModel):
    name: str


flow = Flow("greet", payload=Name)


@flow.step
async def hello(name: str = flow.payload.name) -> str:
    return f"hello {name}"


@flow.step
def loud(text: str = hello.result) -> str:
    return text.upper()
"""

AWAIT_A_RUN: Final = """
import json, sys
from pgflow_client import Client
with Client(sys.argv[1], manifest=sys.argv[2]) as client:
    run = client.start("greet", {"name": "ada"})
    print(json.dumps(run.output(timeout=30)))
"""


def executable(package: str, name: str) -> str:
    return str(Path(ENVIRONMENTS or "", package, "bin", name))


def ask(package: str, source: str, *arguments: str) -> str:
    """Run *source* where only the wheel of *package* is installed; return what it prints."""
    # isolated and from elsewhere: nothing of this checkout may be found by its place
    done = subprocess.run(
        [executable(package, "python"), "-I", "-c", source, *arguments],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    folder = tmp_path / "flows"
    folder.mkdir()
    (folder / "greet.py").write_text(FLOWS)
    return folder


@pytest.fixture
def manifest(flows: Path, tmp_path: Path, conn: psycopg.Connection) -> Path:
    """The compiled manifest; its flows are deployed."""
    path = tmp_path / "flows.manifest.json"
    write_manifest(compile_flows([found.flow for found in discover_flows(flows)]), path)
    conn.execute("select pgflow.deploy(%s::jsonb)", [path.read_text()])
    return path


@pytest.fixture
def worker(flows: Path, manifest: Path, database_url: str) -> Iterator[None]:
    """A worker that runs from its wheel alone."""
    process = subprocess.Popen(
        [executable("worker", "pgflow-worker"), str(flows), "--database-url", database_url],
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    yield
    process.terminate()
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0, output


@pytest.mark.parametrize("package", BRINGS)
def test_wheel_brings_only_what_it_declares(package: str) -> None:
    installed = ask(
        package,
        "import importlib.metadata as m; print(*(d.name for d in m.distributions()))",
    ).split()
    ours = {name.removeprefix("pgflow-") for name in installed if name.startswith("pgflow")}
    assert ours == {package, *BRINGS[package]}
    assert not {"pytest", "hypothesis", "nox", "psutil"} & set(installed)
    assert ("psycopg" in installed) is (package not in NO_DATABASE)


@pytest.mark.parametrize("package", BRINGS)
def test_wheel_imports_itself_and_cannot_see_the_others(package: str) -> None:
    names = {other: f"pgflow_{other.replace('-', '_')}" for other in BRINGS}
    seen = {package, *BRINGS[package]}
    for other, name in names.items():
        found = ask(
            package, f"import importlib.util as u; print(u.find_spec({name!r}) is not None)"
        )
        assert found == str(other in seen), name
    for other in seen:
        # not only the module: what is imported when it is asked for must be there as well
        ask(package, f"from {names[other]} import *")


@pytest.mark.parametrize("package", BRINGS)
def test_wheel_holds_its_licence_and_its_types(package: str) -> None:
    name = f"pgflow_{package.replace('-', '_')}"
    source = (
        "import importlib.metadata as m, sys\n"
        "print(*(file.name for file in m.files(sys.argv[1]) or ()))"
    )
    files = ask(package, source, name.replace("_", "-")).split()
    assert {"LICENSE", "py.typed"} <= set(files)
    assert not [file for file in files if file.startswith("test_")]


def test_engine_wheel_holds_the_migrations_and_the_sources() -> None:
    source = (
        "from pgflow_core_sql import migrations\n"
        "print(*(migration.file_name for migration in migrations()))"
    )
    assert ask("core-sql", source).startswith("0001_initial.sql")


@pytest.mark.parametrize("script", ["pgflow", "pgflow-cli"])
def test_command_line_has_both_of_its_names(script: str) -> None:
    shown = subprocess.run(
        [executable("cli", script), "--help"], capture_output=True, text=True, check=True
    )
    assert "usage:" in shown.stdout.lower()


def test_command_line_wheel_writes_a_client_in_typescript(manifest: Path) -> None:
    done = subprocess.run(
        [executable("cli", "pgflow"), "codegen", "typescript", str(manifest)],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    assert 'greet: new FlowRef("greet", call)' in done.stdout
    assert "export class FlowRef<" in done.stdout


def test_worker_wheel_alone_executes_flows(conn: psycopg.Connection, worker: None) -> None:
    payloads = [json.dumps({"name": name}) for name in ("ada", "grace", "edsger")]
    started = conn.execute("select pgflow.start_flows('greet', %s::jsonb[])", [payloads]).fetchone()
    assert started is not None
    deadline = time.monotonic() + 30
    while conn.execute("select 1 from pgflow.runs where status = 'started'").fetchone():
        assert time.monotonic() < deadline, "the runs did not end"
        time.sleep(0.02)
    rows = conn.execute(
        "select pgflow.get_run(run_id) -> 'output' ->> 'loud' "
        "from unnest(%s::uuid[]) with ordinality as n (run_id, place) order by place",
        [started[0]],
    ).fetchall()
    assert rows == [("HELLO ADA",), ("HELLO GRACE",), ("HELLO EDSGER",)]


def test_client_wheel_alone_starts_and_awaits_a_run(
    database_url: str, manifest: Path, worker: None
) -> None:
    output = ask("client", AWAIT_A_RUN, database_url, str(manifest))
    assert json.loads(output) == {"loud": "HELLO ADA"}
