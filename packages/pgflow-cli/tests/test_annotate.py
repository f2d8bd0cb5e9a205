"""`pgflow annotate`: a diff to review, or files written whole or not at all."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from tests.support.annotating import folder_of

from pgflow_cli import exit_codes, main
from pgflow_cli.errors import CommandError
from pgflow_cli.writing import replace_files

SOURCE = """
    from pgflow_dsl import Flow

    flow = Flow("parcels", payload=int)


    @flow.step
    def pack(number=flow.payload) -> list[str]:
        return ["a"] * number


    @flow.step
    def count(items=pack.result, ctx=flow.context) -> int:
        return len(items)
    """
CHANGED = """\
-from pgflow_dsl import Flow
+from pgflow_dsl import Flow, StepContext
-def pack(number=flow.payload) -> list[str]:
+def pack(number: int = flow.payload) -> list[str]:
-def count(items=pack.result, ctx=flow.context) -> int:
+def count(items: list[str] = pack.result, ctx: StepContext = flow.context) -> int:
"""


@pytest.fixture
def flow_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return folder_of(tmp_path, {"parcels.py": SOURCE}) / "parcels.py"


def test_the_diff_is_shown_and_nothing_written(
    flow_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = flow_file.read_bytes()
    assert main(["annotate"]) == exit_codes.DIFFERS
    told = capsys.readouterr()
    head, _, hunk = told.out.partition("@@ -1,13 +1,13 @@\n")
    assert head == "--- flows/parcels.py\n+++ flows/parcels.py\n"
    changed = [line for line in hunk.splitlines(keepends=True) if not line.startswith(" ")]
    assert "".join(changed) == CHANGED
    assert "pgflow annotate --write" in told.err
    assert flow_file.read_bytes() == before


def test_writing_ends_with_nothing_left_to_annotate(
    flow_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow_file.chmod(0o640)
    assert main(["annotate", "flows", "--write"]) == exit_codes.OK
    assert capsys.readouterr().out == "annotated flows/parcels.py\n"
    assert "def pack(number: int = flow.payload) -> list[str]:" in flow_file.read_text()
    assert flow_file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in flow_file.parent.iterdir() if path.is_file()] == ["parcels.py"]
    written = flow_file.read_bytes()
    for arguments in ([], ["--write"], ["flows/parcels.py"]):
        assert main(["annotate", *arguments]) == exit_codes.OK
        assert capsys.readouterr().out == "nothing to annotate\n"
    assert flow_file.read_bytes() == written


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_diff_is_a_patch(
    flow_file: Path, capsysbinary: pytest.CaptureFixture[bytes], newline: str
) -> None:
    source = flow_file.read_text().replace("\n", newline).removesuffix(newline)
    flow_file.write_bytes(source.encode())
    assert main(["annotate"]) == exit_codes.DIFFERS
    patch = capsysbinary.readouterr().out
    subprocess.run(["git", "apply", "-p0", "-"], input=patch, check=True, cwd=flow_file.parents[1])
    patched = flow_file.read_bytes()
    flow_file.write_bytes(source.encode())
    assert main(["annotate", "--write"]) == exit_codes.OK
    assert flow_file.read_bytes() == patched != source.encode()


def test_scripts_get_the_diff_as_json(flow_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["annotate"]) == exit_codes.DIFFERS
    diff = capsys.readouterr().out
    assert main(["annotate", "--json"]) == exit_codes.DIFFERS
    assert json.loads(capsys.readouterr().out) == {
        "written": False,
        "files": [{"file": "flows/parcels.py", "diff": diff}],
        "left_alone": [],
    }
    assert main(["annotate", "--write", "--json"]) == exit_codes.OK
    assert json.loads(capsys.readouterr().out)["written"] is True


def test_what_cannot_be_annotated_is_told_with_its_place_and_reason(
    flow_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inner = (
        "def make():\n    from pydantic import RootModel\n\n    class N(RootModel[int]): ...\n\n"
    )
    source = flow_file.read_text().replace("flow = Flow(", f"{inner}    return N\n\n\nflow = Flow(")
    flow_file.write_text(source.replace("payload=int", "payload=make()"))
    assert main(["annotate"]) == exit_codes.DIFFERS
    told = capsys.readouterr()
    assert told.err.startswith(
        "flows/parcels.py:14: step 'pack' of flow 'parcels': argument 'number' stays without "
        "annotation: `N` is defined inside a function: move it to the top of a module\n"
    )
    assert "+def pack" not in told.out
    assert "+def count" in told.out
    assert main(["annotate", "--json"]) == exit_codes.DIFFERS
    (left,) = json.loads(capsys.readouterr().out)["left_alone"]
    assert (left["file"], left["line"], left["step"], left["what"]) == (
        *("flows/parcels.py", 14, "pack"),
        "argument 'number'",
    )


def test_annotations_that_break_a_module_are_taken_back(
    flow_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checked = (
        "import linecache\n\nif 'number: ' + 'int' in ''.join(linecache.getlines(__file__)):\n"
        "    raise ValueError('no annotations, please')\n\n"
    )
    source = checked + flow_file.read_text()
    flow_file.write_text(source)
    assert main(["annotate", "--write"]) == exit_codes.FAILED
    told = capsys.readouterr().err
    assert "the annotations were taken back, since with them flows/parcels.py:4: cannot" in told
    assert "no annotations, please" in told
    assert flow_file.read_text() == source


def test_a_flow_that_is_wrong_is_told_as_by_compile(
    flow_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow_file.write_text(flow_file.read_text().replace("-> int", "-> object"))
    assert main(["annotate", "--write"]) == exit_codes.FAILED
    assert "step 'count' of flow 'parcels'" in capsys.readouterr().err


def test_when_one_file_cannot_be_written_none_is(tmp_path: Path) -> None:
    first, second = tmp_path / "first.py", tmp_path / "folder" / "second.py"
    second.parent.mkdir()
    for file in (first, second):
        file.write_text("old")
    blocked = second.with_name(f".second.py.{os.getpid()}.tmp")
    blocked.mkdir()
    with pytest.raises(CommandError, match=r"cannot write .*second\.py"):
        replace_files({first: b"new", second: b"new"})
    assert (first.read_text(), second.read_text()) == ("old", "old")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.py", "folder"]
