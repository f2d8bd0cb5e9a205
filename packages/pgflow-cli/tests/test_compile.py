"""`pgflow compile` and `pgflow graph`: what is written, compared and drawn."""

import json
from pathlib import Path

import pytest

from pgflow_cli import exit_codes, main
from pgflow_cli.example import find_example
from pgflow_manifest import read_manifest

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert main(["install"]) == exit_codes.OK
    return tmp_path


def test_the_committed_manifest_is_that_of_the_example(capsys: pytest.CaptureFixture[str]) -> None:
    committed = REPOSITORY / "manifests" / "flows.manifest.json"
    flows = str(find_example().flows)
    assert main(["compile", flows, "-o", str(committed), "--check"]) == exit_codes.OK
    assert capsys.readouterr().out.endswith("is up to date\n")


def test_compiling_twice_gives_the_same_bytes(project: Path) -> None:
    flows = str(find_example().flows)
    for name in ("a.json", "b.json"):
        assert main(["compile", flows, "-o", name]) == exit_codes.OK
    assert (project / "a.json").read_bytes() == (project / "b.json").read_bytes()


def test_the_manifest_lies_beside_the_default_folder(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compile"]) == exit_codes.OK
    assert capsys.readouterr().out.endswith("wrote flows.manifest.json (1 flow)\n")
    assert main(["compile", "--json"]) == exit_codes.OK
    report = json.loads(capsys.readouterr().out)
    assert report["changed"] is False
    assert report["flows"][0]["steps"] == ["greet", "measure"]


def test_check_shows_the_difference_and_writes_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["compile"])
    manifest = project / "flows.manifest.json"
    before = manifest.read_bytes()
    flow = project / "flows" / "hello.py"
    flow.write_text(flow.read_text().replace("max_attempts=5", "max_attempts=7"))
    capsys.readouterr()
    assert main(["compile", "--check"]) == exit_codes.DIFFERS
    told = capsys.readouterr()
    assert '-            "max_attempts": 5,' in told.out
    assert '+            "max_attempts": 7,' in told.out
    assert "pgflow compile" in told.err
    assert manifest.read_bytes() == before


def test_check_without_a_manifest_differs(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compile", "--check", "--json"]) == exit_codes.DIFFERS
    assert not (project / "flows.manifest.json").exists()


def test_the_manifest_can_go_to_stdout(
    project: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["compile", "-o", "-"]) == exit_codes.OK
    written = capfdbinary.readouterr().out
    main(["compile"])
    assert written == (project / "flows.manifest.json").read_bytes()


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("def broken(:\n", "SyntaxError"),
        ("import no_such_module\n", "no_such_module"),
        ("x = 1\n", "defines no flow"),
    ],
)
def test_a_module_that_is_wrong_is_named_with_its_mend(
    project: Path, capsys: pytest.CaptureFixture[str], source: str, told: str
) -> None:
    (project / "flows" / "wrong.py").write_text(source)
    assert main(["compile"]) == exit_codes.FAILED
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "wrong.py" in error
    assert told in error
    assert "\n  mend: " in error
    assert not (project / "flows.manifest.json").exists()


def test_without_a_folder_of_flows_the_error_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["compile"]) == exit_codes.USAGE
    assert "pgflow install" in capsys.readouterr().err
    assert main(["compile", "nowhere"]) == exit_codes.USAGE
    assert "'nowhere' does not exist" in capsys.readouterr().err


def test_graph_draws_from_flows_or_manifest(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["compile"])
    capsys.readouterr()
    assert main(["graph", "hello"]) == exit_codes.OK
    drawing = capsys.readouterr().out
    assert "│ greet │" in drawing
    assert main(["graph", "hello", "--manifest", "flows.manifest.json"]) == exit_codes.OK
    assert capsys.readouterr().out == drawing
    assert main(["graph", "hello", "--mermaid"]) == exit_codes.OK
    assert capsys.readouterr().out.splitlines() == [
        "flowchart TD",
        '    greet["greet"]',
        '    measure["measure"]',
        "    greet --> measure",
    ]
    assert main(["graph", "hello", "--json"]) == exit_codes.OK
    assert json.loads(capsys.readouterr().out)["steps"][1] == {
        "slug": "measure",
        "kind": "single",
        "deps": ["greet"],
    }
    assert main(["graph", "nonsense"]) == exit_codes.FAILED
    assert "there are: hello" in capsys.readouterr().err


def test_the_first_flow_works_and_is_its_own_documentation(project: Path) -> None:
    from pgflow_dsl import discover_flows

    (found,) = discover_flows(project / "flows")
    run = found.flow.test({"name": "Ada"})
    assert run.output["measure"].model_dump() == {"text": "Hello, Ada!", "letters": 8}
    main(["compile"])
    steps = read_manifest(project / "flows.manifest.json").flow("hello").steps
    assert steps[1].options.max_attempts == 5
