"""Before the first claim: options, the database, its schema, the deployed steps, the role."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.support.fix_worker import Engine, Serve

from pgflow_dsl import Flow
from pgflow_manifest import (
    ForbiddenError,
    HandlerMissingError,
    SchemaTooNewError,
    SchemaVersionError,
)
from pgflow_worker import DatabaseUnreachableError, UsageError, Worker
from pgflow_worker.__main__ import main

FLOWS = Path(__file__).parent / "flows"


def small(slug: str = "small") -> Flow[int]:
    flow = Flow(slug, payload=int)

    @flow.step
    async def work(n: int = flow.payload) -> int:
        return n

    @flow.step
    async def more(n: int = work.result) -> int:
        return n

    return flow


async def test_steps_that_are_not_deployed_are_named(engine: Engine, database_url: str) -> None:
    with pytest.raises(HandlerMissingError, match=r"small\.more, small\.work") as caught:
        await Worker([small()], database_url).run()
    assert "pgflow deploy" in str(caught.value)
    assert "--deploy" in str(caught.value)


async def test_only_the_changed_step_is_named(engine: Engine, database_url: str) -> None:
    engine.deploy(small())
    changed = Flow("small", payload=int)

    @changed.step
    async def work(n: int = changed.payload) -> int:
        return n

    @changed.step
    async def more(n: int = work.result) -> str:
        return str(n)

    with pytest.raises(HandlerMissingError) as caught:
        await Worker([changed], database_url).run()
    assert caught.value.details == {"missing": [{"flow": "small", "step": "more"}]}


async def test_deploy_makes_the_steps_known(
    engine: Engine, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with serve(small(), deployed=False, deploy=True):
        run_id = engine.start("small", 1)
        assert (await engine.ended(run_id))["status"] == "completed"
    assert "deployed small: version 1, created" in caplog.text


async def test_a_database_without_the_schema_is_told(empty_database_url: str) -> None:
    with pytest.raises(SchemaVersionError, match="pgflow migrate"):
        await Worker([small()], empty_database_url).run()


async def test_a_schema_that_is_too_old_is_told(engine: Engine, database_url: str) -> None:
    engine.conn.execute("update pgflow.migrations set number = 0")
    with pytest.raises(SchemaVersionError, match="has version 0; this worker needs 1"):
        await Worker([small()], database_url).run()


async def test_a_breaking_migration_of_the_future_is_told(
    engine: Engine, database_url: str
) -> None:
    engine.conn.execute("update pgflow.migrations set number = 99, breaking = true")
    with pytest.raises(SchemaTooNewError, match="upgrade pgflow-worker"):
        await Worker([small()], database_url).run()


async def test_a_server_that_does_not_run_is_told_after_the_wait(tmp_path: Path) -> None:
    url = f"postgresql://ann:hunter2@/app?host={tmp_path}"
    with pytest.raises(DatabaseUnreachableError) as caught:
        await Worker([small()], url, connect_timeout=0.3).run()
    assert str(tmp_path) in str(caught.value)
    assert "hunter2" not in str(caught.value)


async def test_a_database_that_does_not_exist_is_told_at_once(database_url: str) -> None:
    url = psycopg.conninfo.make_conninfo(database_url, dbname="nowhere")
    with pytest.raises(DatabaseUnreachableError, match="nowhere"):
        await Worker([small()], url, connect_timeout=60).run()


async def test_the_role_pgflow_worker_is_enough(engine: Engine, serve: Serve, url_for: Any) -> None:
    flow = Flow("least", payload=int, base_delay=0, max_attempts=2)

    @flow.step
    async def work(n: int = flow.payload) -> int:
        if n == 0:
            raise ValueError
        return n

    url = url_for("pgflow_worker")
    async with serve(flow, database_url=url, lease=0.3, grace=0.1) as worker:
        run_ids = engine.start_many("least", [0, 1])
        assert (await engine.ended(run_ids[0]))["status"] == "failed"
        assert (await engine.ended(run_ids[1]))["status"] == "completed"
        worker.stop()
    with psycopg.connect(url) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("select * from pgflow.runs")


async def test_the_role_pgflow_worker_cannot_deploy(url_for: Any) -> None:
    with pytest.raises(ForbiddenError):
        await Worker([small()], url_for("pgflow_worker"), deploy=True).run()


async def test_a_role_without_grants_is_told(url_for: Any) -> None:
    with pytest.raises(ForbiddenError, match="permission denied"):
        await Worker([small()], url_for("")).run()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"concurrency": 0}, "concurrency is 0; it must be between 1 and 10000"),
        ({"lease": 0.01}, "lease is 0.01"),
        ({"grace": -1}, "grace is -1"),
        ({"lease": float("nan")}, "lease is nan"),
        ({"only_flows": ["nope"]}, "there is no flow 'nope'"),
        ({"only_steps": ["small.nope"]}, "there is no step 'small.nope'"),
        ({"only_flows": ["small"], "only_steps": ["other.work"]}, "no step to serve"),
        ({"database_url": "postgresql://ann:hunter2@[broken/db"}, "not a connection string"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], text: str) -> None:
    url = options.pop("database_url", "postgresql:///app")
    with pytest.raises(UsageError) as caught:
        Worker([small(), small("other")], url, **options)
    assert text in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_database_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGFLOW_DATABASE_URL", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(UsageError, match="PGFLOW_DATABASE_URL"):
        Worker([small()])
    monkeypatch.setenv("DATABASE_URL", "postgresql:///second")
    assert Worker([small()]).config.database_url.endswith("second")
    monkeypatch.setenv("PGFLOW_DATABASE_URL", "postgresql:///first")
    assert Worker([small()]).config.database_url.endswith("first")


@pytest.fixture
def own_logging() -> Iterator[None]:
    """Put the logging of the test process back after a command line has set it up."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("own_logging")
def test_the_exit_codes_are_as_documented(
    database_url: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGFLOW_DATABASE_URL", database_url)
    assert main([str(FLOWS), "--flows", "nope"]) == 2
    assert main([str(FLOWS), "--concurrency", "0"]) == 2
    assert main([str(FLOWS)]) == 1
    assert "[PF402]" in capfd.readouterr().err
    assert main([str(FLOWS), "--deploy", "--drain"]) == 0
    with pytest.raises(SystemExit) as caught:
        main([str(FLOWS), "--no-such-option"])
    assert caught.value.code == 2


def test_the_console_script_logs_json(database_url: str, engine: Engine) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pgflow_worker", str(FLOWS)),
            *("--database-url", database_url.replace("postgres:@", "postgres:hunter2@")),
            *("--deploy", "--drain", "--log-format", "json", "--log-level", "debug"),
            *("--name", "tester"),
        ],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert {line["worker"] for line in lines} == {"tester"}
    assert any(line["message"].startswith("serving ") for line in lines)
    assert "hunter2" not in done.stderr + done.stdout


def test_help_shows_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert "examples:" in text
    assert "exit codes:" in text
