"""From handlers without any annotation to a finished run, by the commands that users type."""

import ast
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from pgflow_cli import exit_codes, main
from pgflow_cli.compiling import compile_folder
from pgflow_cli.example import find_example
from pgflow_cli.inference import infer_flows
from pgflow_cli.worker_process import WorkerProcess
from pgflow_dsl import Flow, discover_flows
from pgflow_manifest import DefinitionError, FlowSpec, ResultTypeError

SEED = '''
import datetime as dt
import sys

from pydantic import BaseModel

from pgflow_dsl import Flow


class VoiceMemo(BaseModel):
    object_name: str
    owner_id: str


class Transcription(BaseModel):
    transcription: str
    heard_at: dt.datetime


flow = Flow("voice_memo", payload=VoiceMemo)


@flow.step
async def transcribe(memo=flow.payload):
    now = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    return Transcription(transcription=f"said in {memo.object_name}", heard_at=now)


@flow.step
async def summarize(memo=transcribe.result, context=flow.context):
    """Shorten it."""
    return {
        "summary": memo.transcription[:4],
        "heard_on": memo.heard_at.date(),
        "classes": [type(memo).__name__, type(memo.heard_at).__name__],
        "attempt": context.attempt,
    }


@flow.step
def capitalize(text=transcribe.result.transcription):
    return text.upper()


@flow.step
def merge(summary=summarize.result, loud=capitalize.result, owner=flow.payload.owner_id):
    return {
        "run_owner_id": owner,
        "summary": summary["summary"],
        "transcription": loud,
        "next_day": summary["heard_on"] + dt.timedelta(days=1),
        "classes": [*summary["classes"], type(summary["heard_on"]).__name__],
        "checkers": [name for name in ("pyrefly", "pgflow_cli") if name in sys.modules],
    }
'''
TEXT = {"type": "string"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the seed example in its plainest form."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "voice_memo.py").write_text(SEED)
    return tmp_path


def untitled(schema: Any) -> Any:
    """Return *schema* without the titles that pydantic gives."""
    if isinstance(schema, list):
        return [untitled(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: untitled(each) for name, each in value.items()}
        if key in ("properties", "$defs")
        else untitled(value)
        for key, value in schema.items()
        if key != "title"
    }


def schemas(spec: FlowSpec) -> dict[str, Any]:
    return {step.slug: untitled(step.result_schema) for step in spec.steps}


def test_the_voice_memo_without_any_annotation_compiles_to_exact_schemas(project: Path) -> None:
    (spec,) = compile_folder(project / "flows").flows
    texts = {"items": TEXT, "type": "array"}
    date = {"format": "date", "type": "string"}
    assert schemas(spec) == {
        "transcribe": _object(
            transcription=TEXT, heard_at={"format": "date-time", "type": "string"}
        ),
        "summarize": _object(
            summary=TEXT, heard_on=date, classes=texts, attempt={"type": "integer"}
        ),
        "capitalize": TEXT,
        "merge": _object(
            run_owner_id=TEXT,
            summary=TEXT,
            transcription=TEXT,
            next_day=date,
            classes=texts,
            checkers=texts,
        ),
    }


def _object(**properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"properties": properties, "required": list(properties), "type": "object"}


def test_the_example_stripped_of_annotations_compiles_to_the_schemas_that_it_had(
    tmp_path: Path,
) -> None:
    annotated = compile_folder(find_example().flows).flow("voice_memo")
    folder = tmp_path / "flows"
    shutil.copytree(find_example().flows, folder)
    module = folder / "voice_memo.py"
    tree = ast.parse(module.read_text())
    handlers = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.decorator_list]
    assert len(handlers) == 4
    for handler in handlers:
        handler.returns = None
        for argument in handler.args.args:
            argument.annotation = None
    module.write_text(ast.unparse(tree))
    plain = compile_folder(folder).flow("voice_memo")
    assert [step.inferred is None for step in plain.steps] == [False] * 4
    assert plain.payload_schema == annotated.payload_schema
    for step in annotated.steps:
        assert plain.step(step.slug).result_schema == step.result_schema
        assert plain.step(step.slug).inputs == step.inputs
    assert plain.digest == annotated.digest


def test_a_worker_without_a_checker_decodes_what_was_inferred(
    project: Path,
    database_url: str,
    conn: psycopg.Connection[tuple[Any, ...]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PGFLOW_DATABASE_URL", database_url)
    assert main(["compile"]) == exit_codes.OK
    assert main(["deploy", "--manifest", "flows.manifest.json"]) == exit_codes.OK
    with WorkerProcess(project / "flows", database_url, log=project / "worker.log") as worker:
        worker.start()
        worker.wait_until_registered(conn, frozenset())
        capsys.readouterr()
        payload = '{"object_name": "a.wav", "owner_id": "ada"}'
        assert main(["run", "voice_memo", payload, "--watch"]) == exit_codes.OK
    assert json.loads(capsys.readouterr().out)["merge"] == {
        "run_owner_id": "ada",
        "summary": "said",
        "transcription": "SAID IN A.WAV",
        "next_day": "2026-01-03",
        "classes": ["Transcription", "datetime", "date"],
        "checkers": [],
    }


def test_every_command_that_takes_flows_infers(
    project: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PGFLOW_DATABASE_URL", database_url)
    assert main(["graph", "voice_memo"]) == exit_codes.OK
    assert main(["deploy"]) == exit_codes.OK
    assert main(["compile"]) == exit_codes.OK
    assert main(["compile", "--check"]) == exit_codes.OK
    assert "│ capitalize │" in capfd.readouterr().out
    assert main(["dev", "--once"]) == exit_codes.OK
    assert "start a run:  pgflow run voice_memo" in capfd.readouterr().err


SKIPPING = """
from pgflow_dsl import Flow, each

flow = Flow("skipping", payload=list[str])


@flow.step(when=flow.payload[0] == "a")
def maybe():
    return 1


@flow.map(on_failure="skip")
def lengths(word=each[flow.payload]):
    return len(word)


@flow.step
def both(one=maybe.result, all_lengths=lengths.result):
    return [one, all_lengths]


@flow.on_failure
def tell(error=flow.error, one=maybe.if_completed):
    return [error.message, one]
"""


def test_null_is_inferred_where_a_step_can_be_skipped(project: Path) -> None:
    (project / "flows" / "voice_memo.py").unlink()
    (project / "flows" / "skipping.py").write_text(SKIPPING)
    (spec,) = compile_folder(project / "flows").flows
    found = schemas(spec)
    number, null = {"type": "integer"}, {"type": "null"}
    gaps = {"type": "array", "items": {"anyOf": [number, null]}}
    assert found["maybe"] == number
    assert found["lengths"] == gaps
    assert [each in found["both"]["items"]["anyOf"] for each in (number, null, gaps)] == [True] * 3
    assert found["tell"]["items"]["anyOf"] == [{"type": "string"}, number, null]


def test_compiling_infers_the_same_again(project: Path) -> None:
    assert compile_folder(project / "flows") == compile_folder(project / "flows")


def test_inference_leaves_files_and_flows_as_they_are(project: Path) -> None:
    before = sorted(project.rglob("*"))
    (found,) = discover_flows(project / "flows")
    inferred = infer_flows([found.flow])
    assert set(inferred) == {("voice_memo", slug) for slug in found.flow.steps}
    assert [step.slug for step in found.flow.steps_to_infer] == list(found.flow.steps)
    assert [path for path in sorted(project.rglob("*")) if "__pycache__" not in str(path)] == before
    assert (project / "flows" / "voice_memo.py").read_text() == SEED


def test_without_the_checker_the_error_says_what_to_install_or_to_write(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgflow_cli.inference.inferring.is_installed", lambda: False)
    with pytest.raises(ResultTypeError) as caught:
        compile_folder(project / "flows")
    text = str(caught.value)
    assert "voice_memo.py:23: step 'transcribe' of flow 'voice_memo': the handler does not" in text
    assert "`async def transcribe(memo=flow.payload) -> T`" in text
    assert 'pip install "pgflow-cli[infer]"' in text


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("_PROTOCOL", "9.", "this pyrefly speaks version 0.4"),
        ("_executable", lambda: "/no/such/pyrefly", "pyrefly cannot be started"),
        ("_executable", lambda: shutil.which("true"), "pyrefly ended"),
    ],
)
def test_a_checker_that_does_not_work_is_told_and_leaves_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: Any, told: str
) -> None:
    monkeypatch.setattr(f"pgflow_cli.inference.pyrefly.{name}", value)
    monkeypatch.setenv("TMPDIR", str(project))
    monkeypatch.setattr("tempfile.tempdir", str(project))
    with pytest.raises(ResultTypeError, match=told) as caught:
        compile_folder(project / "flows")
    assert "install the version of pyrefly that is known to work" in str(caught.value)
    assert not list(project.glob("pgflow-infer-*"))
    assert "pyrefly" not in {child.name() for child in psutil.Process().children()}


def test_annotated_flows_need_no_checker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgflow_cli.inference.inferring.is_installed", lambda: False)
    assert compile_folder(find_example().flows).flows


def test_the_command_prints_every_handler_that_cannot_be_inferred(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = project / "flows" / "voice_memo.py"
    source = module.read_text().replace("return text.upper()", "return eval(text)")
    module.write_text(
        source.replace('return {\n        "summary"', 'return eval("1") or {\n        "summary"')
    )
    assert main(["compile"]) == exit_codes.FAILED
    told = capsys.readouterr().err
    assert "step 'summarize' of flow 'voice_memo': cannot infer what the handler returns" in told
    assert "step 'capitalize' of flow 'voice_memo': cannot infer what the handler returns" in told
    assert "step 'merge'" not in told
    assert not (project / "flows.manifest.json").exists()


def test_a_class_that_only_the_checker_sees_is_told(project: Path) -> None:
    module = project / "flows" / "voice_memo.py"
    module.write_text(
        "from typing import TYPE_CHECKING\n"
        + SEED.replace("import sys\n", "import sys\n\nif TYPE_CHECKING:\n    import _late\n")
        .replace("return text.upper()", "return make()")
        .replace("flow = Flow(", 'def make() -> "_late.Late": ...\n\n\nflow = Flow(')
    )
    (project / "flows" / "_late.py").write_text("class Late:\n    pass\n\nraise RuntimeError\n")
    with pytest.raises(ResultTypeError, match="which no module name leads to"):
        compile_folder(project / "flows")


def test_a_handler_that_is_in_no_file_is_told() -> None:
    scope: dict[str, Any] = {"flow": Flow("made", payload=int)}
    exec("@flow.step\ndef made(n=flow.payload):\n    return n\n", scope)
    with pytest.raises(DefinitionError, match="there is no source of the handler 'made'"):
        infer_flows([scope["flow"]])


def test_a_checker_that_hangs_is_given_up(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = project / "hanging"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o755)
    monkeypatch.setattr("pgflow_cli.inference.pyrefly._executable", lambda: str(hanging))
    monkeypatch.setattr("pgflow_cli.inference.pyrefly._PATIENCE_SECONDS", 0.2)
    with pytest.raises(ResultTypeError, match=r"pyrefly has no answer after 0\.2 s"):
        compile_folder(project / "flows")


def test_stubs_that_another_user_has_unpacked_are_not_in_the_way(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = project / "shared"
    shared.mkdir()
    monkeypatch.setenv("TMPDIR", str(shared))
    monkeypatch.setattr("tempfile.tempdir", str(shared))
    compile_folder(project / "flows")
    assert list(shared.iterdir()) == []
