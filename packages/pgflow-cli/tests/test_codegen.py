"""`pgflow codegen`: where it reads and writes, `--check`, and what it says when it cannot."""

from pathlib import Path

import pytest

from pgflow_cli import exit_codes, main


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Path:
    """A folder with a flow and its manifest."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PGFLOW_MANIFEST", raising=False)
    assert main(["install"]) == exit_codes.OK
    assert main(["compile"]) == exit_codes.OK
    capsys.readouterr()
    return tmp_path


def test_the_module_goes_to_stdout_or_into_a_file(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["codegen", "python", "flows.manifest.json"]) == exit_codes.OK
    printed = capsys.readouterr().out
    assert "hello: FlowRef[Guest, HelloOutput, HelloResults, AsyncHelloResults]" in printed
    assert main(["codegen", "python", "-o", "-"]) == exit_codes.OK
    assert capsys.readouterr().out == printed
    file = project / "app" / "flows_client.py"
    assert main(["codegen", "python", "-o", str(file)]) == exit_codes.OK
    assert capsys.readouterr().out == f"wrote {file}\n"
    assert file.read_text(encoding="utf-8") == printed
    assert [path.name for path in file.parent.iterdir()] == ["flows_client.py"]
    written_at = file.stat().st_mtime_ns
    assert main(["codegen", "python", "-o", str(file)]) == exit_codes.OK
    assert capsys.readouterr().out == f"unchanged: {file}\n"
    assert file.stat().st_mtime_ns == written_at


def test_the_manifest_is_found_where_compile_puts_it_or_where_the_environment_says(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "flows.manifest.json").rename(project / "other.json")
    assert main(["codegen", "python"]) == exit_codes.USAGE
    told = capsys.readouterr().err
    assert "there is no manifest here" in told
    assert "pgflow compile" in told
    monkeypatch.setenv("PGFLOW_MANIFEST", "other.json")
    assert main(["codegen", "python"]) == exit_codes.OK
    assert "HelloOutput" in capsys.readouterr().out


def test_check_shows_the_difference_and_writes_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check = ["codegen", "python", "-o", "client.py", "--check"]
    assert main(check) == exit_codes.DIFFERS
    assert not (project / "client.py").exists()
    assert "write it with `pgflow codegen python -o client.py`" in capsys.readouterr().err
    main(["codegen", "python", "-o", "client.py"])
    assert main(check) == exit_codes.OK
    assert capsys.readouterr().out.endswith("client.py is up to date\n")
    flow = project / "flows" / "hello.py"
    flow.write_text(flow.read_text().replace("letters: int", "letters: float"))
    main(["compile"])
    capsys.readouterr()
    before = (project / "client.py").read_bytes()
    assert main(check) == exit_codes.DIFFERS
    assert "-    letters: int\n+    letters: float\n" in capsys.readouterr().out
    assert (project / "client.py").read_bytes() == before


def test_check_without_a_file_is_a_wrong_command_line(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in ([], ["-o", "-"]):
        assert main(["codegen", "python", *arguments, "--check"]) == exit_codes.USAGE
        assert "name the file with `-o FILE`" in capsys.readouterr().err
    assert main(["codegen", "cobol"]) == exit_codes.USAGE
    assert "invalid choice: 'cobol'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot read the manifest"),
        ("{", "not JSON"),
        ('{"format_version": 9, "flows": []}', "format version 9"),
        ('{"format_version": 1, "flows": [{"slug": "a b"}]}', "/flows/0/slug"),
    ],
)
def test_a_manifest_that_is_none_is_told(
    content: str | None, told: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = project / "wrong.json"
    if content is not None:
        manifest.write_text(content)
    assert main(["codegen", "python", str(manifest), "-o", "client.py"]) == exit_codes.FAILED
    error = capsys.readouterr().err
    assert told in error
    assert "wrong.json" in error
    assert not (project / "client.py").exists()


def test_a_file_that_cannot_be_written_is_told_and_nothing_is_left(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "taken").mkdir()
    assert main(["codegen", "python", "-o", "taken"]) == exit_codes.FAILED
    assert "cannot write taken: Is a directory" in capsys.readouterr().err
    (project / "file").write_text("")
    assert main(["codegen", "python", "-o", "file/client.py"]) == exit_codes.FAILED
    assert "cannot write file/client.py" in capsys.readouterr().err
    assert not list(project.rglob("*.tmp"))
