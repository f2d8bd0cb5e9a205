"""Change a flow while its runs are in flight: versions side by side, and what tells about them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from pgflow_cli import exit_codes, main
from pgflow_cli.worker_process import WorkerProcess, running_workers
from pgflow_client import Client, RunSnapshot

Conn = psycopg.Connection[tuple[Any, ...]]
RUNS = 30

OLD = """
import time

from pgflow_dsl import Flow

flow = Flow("rolling", payload=int)

@flow.step
def read(number: int = flow.payload) -> int:
    time.sleep(0.02)
    return number

@flow.step
def judge(number: int = read.result) -> str:
    time.sleep(0.02)
    return f"old {number}"

@flow.step
def tell(text: str = judge.result) -> str:
    return f"told {text}"
"""

NEW = """
from pgflow_dsl import Flow

flow = Flow("rolling", payload=int | None)

@flow.step
def read(number: int | None = flow.payload) -> int:
    return number or 0

@flow.step
def judge(number: int = read.result) -> dict[str, int]:
    return {"new": number}

@flow.step
def tell(judged: dict[str, int] = judge.result) -> str:
    return f"told {judged}"

@flow.step
def count(number: int = read.result) -> int:
    return number + 1
"""


@pytest.fixture(autouse=True)
def database(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    monkeypatch.setenv("PGFLOW_DATABASE_URL", database_url)
    assert main(["migrate"]) == exit_codes.OK


def project(folder: Path, source: str) -> Path:
    """Write a folder with one flow and its manifest; return the folder of flows."""
    flows = folder / "flows"
    flows.mkdir(parents=True)
    (flows / "rolling.py").write_text(source)
    assert main(["compile", str(flows)]) == exit_codes.OK
    return flows


@contextmanager
def working(flows: Path, database_url: str, conn: Conn) -> Iterator[WorkerProcess]:
    before = running_workers(conn)
    with WorkerProcess(flows, database_url, log=flows.parent / "worker.log") as worker:
        worker.start()
        worker.wait_until_registered(conn, before)
        yield worker


def deploy(flows: Path) -> None:
    assert main(["deploy", "--manifest", str(flows.parent / "flows.manifest.json")]) == 0


def start(client: Client, count: int) -> list[UUID]:
    return [run.run_id for run in client.start_many("rolling", range(count))]


def ended(client: Client, run_ids: list[UUID]) -> list[RunSnapshot]:
    return [client.wait(run_id, timeout=60) for run_id in run_ids]


def test_a_changed_graph_under_rolling_workers(
    tmp_path: Path, database_url: str, conn: Conn, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each run ends on its version, by handlers of that version; nothing is lost."""
    old, new = project(tmp_path / "old", OLD), project(tmp_path / "new", NEW)
    deploy(old)
    with (
        Client(database_url, manifest=tmp_path / "old" / "flows.manifest.json") as client,
        working(old, database_url, conn) as leaving,
    ):
        before = start(client, RUNS)
        deploy(new)
        with working(new, database_url, conn):
            after = start(client, RUNS)
            for number, run in enumerate(ended(client, before)):
                assert (run.version, run.output) == (1, {"tell": f"told old {number}"})
            leaving.begin_stop()
            leaving.wait()
            assert leaving.exit_code == 0
            for number, run in enumerate(ended(client, after)):
                told = {"tell": f"told {{'new': {number}}}", "count": number + 1}
                assert (run.version, run.output) == (2, told)
    outcomes = conn.execute(
        "select outcome, count(*) from pgflow.attempts group by outcome"
    ).fetchall()
    assert outcomes == [("completed", RUNS * 3 + RUNS * 4)]
    assert conn.execute("select count(*) from pgflow.tasks").fetchone() == (0,)
    assert conn.execute("select count(*) from pgflow.leases").fetchone() == (0,)
    capsys.readouterr()


def test_runs_that_nobody_serves_are_named_explained_and_upgraded(
    tmp_path: Path, database_url: str, conn: Conn, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = project(tmp_path / "old", OLD), project(tmp_path / "new", NEW)
    deploy(old)
    with Client(database_url, manifest=tmp_path / "old" / "flows.manifest.json") as client:
        [first, second] = start(client, 2)
        deploy(new)
        with working(new, database_url, conn):
            capsys.readouterr()
            assert main(["status"]) == exit_codes.OK
            shown = capsys.readouterr()
            assert "UNSERVED FLOW  VERSION  STEP  RUNS  OLDEST STARTED" in shown.out
            assert "rolling        1        read  2" in shown.out
            assert "`pgflow runs upgrade`" in shown.err

            assert main(["runs", "explain", str(first)]) == exit_codes.OK
            lines = capsys.readouterr().out.splitlines()
            assert lines[1].startswith("read   no_worker        no living worker has this handler")
            assert lines[2].split(None, 2) == ["judge", "waits_for_steps", "waits for read"]
            assert main(["runs", "explain", str(first), "--json"]) == exit_codes.OK
            [reason, *_] = json.loads(capsys.readouterr().out)
            assert (reason["step_slug"], reason["reason"]) == ("read", "no_worker")
            assert client.explain(first)[0].reason == "no_worker"
            assert client.handle(first).explain() == client.explain(first)

            assert main(["runs", "upgrade", str(first)]) == exit_codes.OK
            assert capsys.readouterr().out == f"{first}  upgraded, version 1 -> 2\n"
            assert main(["runs", "upgrade", "--flow", "rolling"]) == exit_codes.OK
            assert f"{second}  upgraded, version 1 -> 2" in capsys.readouterr().out
            for number, run in enumerate(ended(client, [first, second])):
                told = {"tell": f"told {{'new': {number}}}", "count": number + 1}
                assert (run.version, run.output) == (2, told)

    assert main(["runs", "explain", str(first)]) == exit_codes.OK
    assert capsys.readouterr().err == "the run is completed: nothing of it waits\n"
    assert main(["runs", "upgrade", str(first), "--to", "1", "--json"]) == exit_codes.FAILED
    [row] = json.loads(capsys.readouterr().out)
    assert row["problems"] == [{"step": None, "reason": "it has completed"}]


def test_runs_are_upgraded_while_both_workers_work(
    tmp_path: Path, database_url: str, conn: Conn, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever moves and whatever stays, each run ends, once, on the version it has then."""
    old, new = project(tmp_path / "old", OLD), project(tmp_path / "new", NEW)
    deploy(old)
    moved: set[str] = set()
    with (
        Client(database_url, manifest=tmp_path / "old" / "flows.manifest.json") as client,
        working(old, database_url, conn),
    ):
        run_ids = start(client, 20 * RUNS)
        deploy(new)
        # at once: starting the new worker takes as long as the old one takes for all of them
        for _ in range(3):
            capsys.readouterr()
            main(["runs", "upgrade", "--flow", "rolling", "--json"])
            rows = json.loads(capsys.readouterr().out)
            moved |= {row["run_id"] for row in rows if row["outcome"] == "upgraded"}
        with working(new, database_url, conn):
            for number, run in enumerate(ended(client, run_ids)):
                if str(run.run_id) in moved:
                    told = {"tell": f"told {{'new': {number}}}", "count": number + 1}
                    assert (run.version, run.output) == (2, told)
                else:
                    assert (run.version, run.output) == (1, {"tell": f"told old {number}"})
    assert moved
    twice = conn.execute(
        "select run_id, step_slug from pgflow.attempts where outcome = 'completed'"
        " group by run_id, step_slug having count(*) > 1"
    ).fetchall()
    assert twice == []


def test_a_dry_run_says_what_a_deployment_would_break(
    tmp_path: Path, conn: Conn, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = project(tmp_path / "old", OLD), project(tmp_path / "new", NEW)
    capsys.readouterr()
    assert main(["deploy", "--dry-run", str(old)]) == exit_codes.OK
    assert capsys.readouterr().out == "additive  rolling: new flow\n"
    deploy(old)
    capsys.readouterr()
    assert main(["deploy", "--dry-run", str(old)]) == exit_codes.OK
    assert capsys.readouterr() == ("", "nothing changes\n")
    assert main(["deploy", "--dry-run", str(new)]) == exit_codes.DIFFERS
    dry = capsys.readouterr().out
    assert "additive  rolling: payload accepts more than before\n" in dry
    assert "breaking  rolling.judge: result may be what it was not before" in dry
    assert "additive  rolling.count: new step; its result is in the run output\n" in dry
    assert conn.execute("select count(*) from pgflow.flow_versions").fetchone() == (1,)

    manifest = str(tmp_path / "old" / "flows.manifest.json")
    assert main(["compile", "--diff", manifest, str(new)]) == exit_codes.DIFFERS
    assert capsys.readouterr().out == dry
    assert main(["compile", "--diff", manifest, str(new), "--json"]) == exit_codes.DIFFERS
    document = json.loads(capsys.readouterr().out)
    assert document["kind"] == "breaking"
    assert document["changes"][0] == {
        "flow": "rolling",
        "step": None,
        "kind": "additive",
        "reason": "payload accepts more than before",
    }


def test_options_change_in_place(
    tmp_path: Path, conn: Conn, capsys: pytest.CaptureFixture[str]
) -> None:
    old = project(tmp_path / "old", OLD)
    patient = OLD.replace("@flow.step\ndef tell", "@flow.step(max_attempts=7)\ndef tell")
    new = project(tmp_path / "new", patient)
    deploy(old)
    capsys.readouterr()
    assert main(["deploy", "--dry-run", str(new)]) == exit_codes.OK
    told = "options   rolling.tell: max_attempts (of the flow) -> 7\n"
    assert capsys.readouterr().out == told
    deploy(new)
    assert conn.execute("select count(*) from pgflow.flow_versions").fetchone() == (1,)
    capsys.readouterr()
    assert main(["deploy", "--dry-run", str(new)]) == exit_codes.OK
    assert capsys.readouterr().err == "nothing changes\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["compile", "--diff", "old.json", "--check"],
        ["runs", "upgrade"],
        ["runs", "upgrade", "--flow", "f", "00000000-0000-0000-0000-000000000001"],
        ["runs", "upgrade", "--flow", "f", "--to", "0"],
    ],
)
def test_what_does_not_go_together_is_refused(arguments: list[str]) -> None:
    code: object
    try:
        code = main(arguments)
    except SystemExit as error:
        code = error.code
    assert code == exit_codes.USAGE
