"""Deploy, run, show, cancel and status against a real database with a real worker."""

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgflow_cli import exit_codes, main
from pgflow_cli.worker_process import WorkerProcess

GUESS = """
from pgflow_dsl import Flow, GiveUp

flow = Flow("guess", payload=int)

@flow.step
def check(number: int = flow.payload) -> int:
    if number == 0:
        raise GiveUp("nothing to guess")
    if number < 0:
        raise ValueError("below zero")
    return number
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str) -> Path:
    """A folder with two flows, deployed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PGFLOW_DATABASE_URL", database_url)
    assert main(["install"]) == exit_codes.OK
    (tmp_path / "flows" / "guess.py").write_text(GUESS)
    assert main(["compile"]) == exit_codes.OK
    assert main(["deploy"]) == exit_codes.OK
    return tmp_path


@pytest.fixture
def worker(
    project: Path, database_url: str, conn: psycopg.Connection[tuple[Any, ...]]
) -> Generator[WorkerProcess]:
    with WorkerProcess(project / "flows", database_url, log=project / "worker.log") as worker:
        worker.start()
        worker.wait_until_registered(conn, frozenset())
        yield worker


def start(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(["run", *arguments]) == exit_codes.OK
    return capsys.readouterr().out.strip()


def test_deploy_tells_what_became_of_each_flow(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow = project / "flows" / "hello.py"
    flow.write_text(flow.read_text().replace("max_attempts=5", "max_attempts=7"))
    guess = project / "flows" / "guess.py"
    guess.write_text(
        guess.read_text().replace("payload=int", "payload=str").replace(": int", ": str")
    )
    capsys.readouterr()
    assert main(["deploy", "--json"]) == exit_codes.OK
    outcomes = {each["flow_slug"]: each for each in json.loads(capsys.readouterr().out)}
    assert outcomes["hello"]["outcome"] == "options_changed"
    assert (outcomes["guess"]["outcome"], outcomes["guess"]["version"]) == ("new_version", 2)
    assert main(["deploy", "--manifest", "flows.manifest.json"]) == exit_codes.OK


def test_a_watched_run_prints_its_output_alone_on_stdout(
    project: Path, worker: WorkerProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["run", "hello", '{"name": "Ada"}', "--watch"]) == exit_codes.OK
    told = capsys.readouterr()
    assert json.loads(told.out) == {"measure": {"text": "Hello, Ada!", "letters": 8}}
    lines = told.err.splitlines()
    assert any(line.startswith("greet completed in ") for line in lines)
    assert any(line.startswith("measure completed in ") for line in lines)
    assert lines.index(next(x for x in lines if x.startswith("greet completed"))) < lines.index(
        next(x for x in lines if x.startswith("measure completed"))
    )


def test_with_json_the_whole_run_is_printed(
    project: Path, worker: WorkerProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["run", "hello", '{"name": "Ada"}', "--watch", "--json"]) == exit_codes.OK
    run = json.loads(capsys.readouterr().out)
    assert run["status"] == "completed"
    assert [step["slug"] for step in run["steps"]] == ["greet", "measure"]
    assert run["payload"] == {"name": "Ada"}
    assert main(["runs", "show", run["run_id"], "--json"]) == exit_codes.OK
    assert json.loads(capsys.readouterr().out) == run
    assert main(["runs", "show", run["run_id"]]) == exit_codes.OK
    shown = capsys.readouterr().out
    assert "greet completed in " in shown
    assert '"Hello, Ada!"' in shown


def test_a_run_that_fails_exits_with_1_and_tells_why(
    project: Path, worker: WorkerProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["run", "guess", "0", "--watch"]) == exit_codes.FAILED
    told = capsys.readouterr()
    assert told.out == ""
    assert "nothing to guess" in told.err
    assert main(["runs", "list", "--status", "failed", "--json"]) == exit_codes.OK
    (listed,) = json.loads(capsys.readouterr().out)
    assert main(["runs", "show", listed["run_id"]]) == exit_codes.OK
    assert "nothing to guess" in capsys.readouterr().out


def test_an_attempt_that_is_tried_again_is_shown(
    project: Path, worker: WorkerProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    command = ["run", "guess", "-1", "--watch", "--timeout", "1.5"]
    assert main(command) in (exit_codes.TIMEOUT, exit_codes.FAILED)
    assert "ValueError: below zero" in capsys.readouterr().err


def test_waiting_longer_than_the_timeout_exits_with_5_and_shows_what_is_awaited(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    command = ["run", "hello", '{"name": "Ada"}', "--watch", "--timeout", "1.3"]
    assert main(command) == exit_codes.TIMEOUT
    told = capsys.readouterr()
    assert told.out == ""
    assert "… greet waits for a worker" in told.err
    assert "it goes on" in told.err


def test_payloads_come_from_text_file_or_stdin(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "payload.json").write_text('{"name": "Grace"}')
    monkeypatch.setattr("sys.stdin", io.StringIO('{"name": "Edsger"}'))
    names: list[str] = []
    for source in ('{"name": "Ada"}', "@payload.json", "-"):
        run_id = start(capsys, "hello", source)
        main(["runs", "show", run_id, "--json"])
        names.append(json.loads(capsys.readouterr().out)["payload"]["name"])
    assert names == ["Ada", "Grace", "Edsger"]


@pytest.mark.parametrize("payload", ["{name: Ada}", "", "NaN", "@none.json", "[" * 100_000])
def test_a_payload_that_is_no_json_is_a_usage_error(
    project: Path, capsys: pytest.CaptureFixture[str], payload: str
) -> None:
    capsys.readouterr()
    assert main(["run", "hello", payload]) == exit_codes.USAGE
    assert capsys.readouterr().err.startswith("error: ")


def test_a_payload_of_the_wrong_shape_is_refused_and_leaves_no_trace(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["run", "hello", '{"nom": "Ada"}']) == exit_codes.FAILED
    assert "error [PF202]: " in capsys.readouterr().err
    assert main(["runs", "list", "--json"]) == exit_codes.OK
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize("remove_manifest", [True, False])
def test_an_unknown_flow_is_pf101(
    project: Path, capsys: pytest.CaptureFixture[str], remove_manifest: bool
) -> None:
    if remove_manifest:
        (project / "flows.manifest.json").unlink()
    capsys.readouterr()
    assert main(["run", "nonsense", "{}"]) == exit_codes.FAILED
    assert "error [PF101]: " in capsys.readouterr().err


def test_an_unknown_flow_with_a_near_name_is_told_that_name(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "helo", '{"name": "Ada"}']) == exit_codes.FAILED
    assert "did you mean 'hello'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        ('{"name": "\\u0000"}', r"at /name, a text holds \u0000"),
        ('{"name": "\\ud800"}', "at /name, a text holds the lone surrogate"),
        ('{"name": 1e999}', "at /name, inf is not a JSON number"),
        ("[" * 600 + "]" * 600, "nests deeper than"),
    ],
)
def test_what_postgres_cannot_store_is_refused_by_place_also_without_a_manifest(
    project: Path, capsys: pytest.CaptureFixture[str], payload: str, told: str
) -> None:
    (project / "flows.manifest.json").unlink()
    capsys.readouterr()
    assert main(["run", "hello", payload]) == exit_codes.FAILED
    assert told in capsys.readouterr().err


def test_without_a_manifest_the_database_knows_the_flow(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "flows.manifest.json").unlink()
    assert start(capsys, "hello", '{"name": "Ada"}')


def test_the_id_of_a_run_can_be_chosen_once(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = "01930000-0000-7000-8000-000000000001"
    assert start(capsys, "hello", '{"name": "Ada"}', "--run-id", wanted) == wanted
    assert main(["run", "hello", '{"name": "Ada"}', "--run-id", wanted]) == exit_codes.FAILED
    assert "error [PF303]: " in capsys.readouterr().err


def test_cancelling_twice_is_no_error(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_id = start(capsys, "hello", '{"name": "Ada"}')
    for _ in range(2):
        assert main(["runs", "cancel", run_id, "--reason", "wrong guest"]) == exit_codes.OK
        assert capsys.readouterr().out == "cancelled\n"
    main(["runs", "show", run_id])
    assert "wrong guest" in capsys.readouterr().out
    main(["runs", "list"])
    assert run_id in capsys.readouterr().out


@pytest.mark.parametrize("command", [["runs", "show"], ["runs", "cancel"]], ids=" ".join)
def test_a_run_that_does_not_exist_is_told(
    project: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert main([*command, "01930000-0000-7000-8000-000000000001"]) == exit_codes.FAILED
    assert "error [PF102]: " in capsys.readouterr().err


def test_status_names_flows_workers_and_what_nobody_serves(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start(capsys, "hello", '{"name": "Ada"}')
    assert main(["status"]) == exit_codes.OK
    told = capsys.readouterr()
    assert "hello" in told.out
    assert "no worker" in told.out
    assert "UNSERVED" in told.out
    assert main(["status", "--json"]) == exit_codes.OK
    document = json.loads(capsys.readouterr().out)
    assert {flow["slug"] for flow in document["flows"]} == {"guess", "hello"}


def test_status_shows_a_living_worker(
    project: Path, worker: WorkerProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["status"]) == exit_codes.OK
    told = capsys.readouterr().out
    assert "running" in told
    assert "UNSERVED" not in told
    worker.stop()
    assert main(["status"]) == exit_codes.OK
    assert "no worker" in capsys.readouterr().out


def test_on_a_terminal_the_steps_are_drawn_again_in_place(
    project: Path, worker: WorkerProcess
) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pgflow_cli", "run", "hello", '{"name": "Ada"}', "--watch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs) as process:
        output, _ = process.communicate(timeout=30)
    os.close(theirs)
    drawn = os.read(ours, 100_000).decode()
    os.close(ours)
    assert json.loads(output)["measure"]["letters"] == 8
    assert drawn.startswith("run ")
    assert " of hello started" in drawn
    last = drawn.rsplit("\x1b[2A", 1)[-1]
    assert " completed in " in last.splitlines()[-1]
    assert "\x1b[32m✓\x1b[0m greet" in last
    assert "\x1b[32m✓\x1b[0m measure" in last


APPROVED = """
from pgflow_dsl import Flow

flow = Flow("approved", payload=int)
answer = flow.signal("answer", int, description="A number from outside.")
pause = flow.sleep("pause", seconds=0, after=(answer,))

@flow.step(after=(pause,))
def double(number: int = answer.result) -> int:
    return 2 * number
"""


@pytest.fixture
def approved(project: Path) -> None:
    (project / "flows" / "approved.py").write_text(APPROVED)
    assert main(["compile"]) == exit_codes.OK
    assert main(["deploy"]) == exit_codes.OK


@pytest.mark.usefixtures("approved", "worker")
def test_a_signal_lets_a_run_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    run_id = start(capsys, "approved", "1")
    assert main(["runs", "show", run_id]) == exit_codes.OK
    assert "\nanswer waits for the signal\n" in capsys.readouterr().out
    assert main(["runs", "signal", run_id, "answer", "21"]) == exit_codes.OK
    assert capsys.readouterr().out == "completed\n"
    assert main(["runs", "signal", run_id, "answer", "21", "--json"]) == exit_codes.OK
    told = json.loads(capsys.readouterr().out)
    assert told == {"run_id": run_id, "signal": "answer", "outcome": "repeated"}
    assert main(["runs", "signal", run_id, "answer", "22"]) == exit_codes.FAILED
    assert "PF305" in capsys.readouterr().err


@pytest.mark.usefixtures("approved")
def test_signals_and_sleeps_are_drawn_as_what_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["graph", "approved"]) == exit_codes.OK
    drawn = capsys.readouterr().out
    assert "answer (signal)" in drawn
    assert "pause (sleep)" in drawn
    assert main(["graph", "approved", "--mermaid"]) == exit_codes.OK
    assert 'answer[/"answer<br/>signal"/]' in capsys.readouterr().out


@pytest.mark.usefixtures("approved")
def test_a_run_may_begin_later(capsys: pytest.CaptureFixture[str]) -> None:
    run_id = start(capsys, "approved", "1", "--at", "2999-01-01T00:00:00Z")
    assert main(["runs", "show", run_id, "--json"]) == exit_codes.OK
    steps = json.loads(capsys.readouterr().out)["steps"]
    assert {step["status"] for step in steps} == {"created"}
    assert main(["run", "approved", "1", "--at", "2999-01-01T00:00:00"]) == exit_codes.USAGE
    assert "time zone" in capsys.readouterr().err


NESTED = """
from pgflow_dsl import Flow

inner = Flow("inner", payload=int)

@inner.step
def double(number: int = inner.payload) -> int:
    return 2 * number

outer = Flow("outer", payload=int)
outer.sub_flow("called", inner, payload=outer.payload, result=double)
"""


def test_runs_of_sub_flows_are_shown_as_a_tree(
    project: Path,
    database_url: str,
    conn: psycopg.Connection[tuple[Any, ...]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    (project / "flows" / "nested.py").write_text(NESTED)
    assert main(["compile"]) == exit_codes.OK
    assert main(["deploy"]) == exit_codes.OK
    with WorkerProcess(project / "flows", database_url, log=project / "worker.log") as worker:
        worker.start()
        worker.wait_until_registered(conn, frozenset())
        assert main(["run", "outer", "21", "--watch"]) == exit_codes.OK
    [(run_id,)] = conn.execute(
        "select run_id from pgflow.runs where parent_run_id is null"
    ).fetchall()
    capsys.readouterr()
    assert main(["runs", "show", str(run_id)]) == exit_codes.OK
    lines = capsys.readouterr().out.splitlines()
    called = next(number for number, line in enumerate(lines) if line.startswith("called"))
    assert lines[called + 1].startswith("    run ")
    assert lines[called + 2].startswith("    double")
    assert [line.strip() for line in lines[called + 3 : called + 5]] == ["42", "42"]
