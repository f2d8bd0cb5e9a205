"""`pgflow graph` and `pgflow compile --show` say when a step runs, and what follows when not."""

import json
from pathlib import Path

import pytest

from pgflow_cli import exit_codes, main

SOURCE = """
from pgflow_dsl import Flow, RunError, each, is_null

labels = Flow("labels", payload=str)


@labels.step
def frame(text: str = labels.payload) -> str:
    return text


orders = Flow("orders", payload=list[str])


@orders.step(on_failure="skip")
def price() -> float:
    return 2.5


@orders.step
def wait() -> float:
    return 2.5


@orders.step(when=(price.result > 2) | is_null(price.result), start_delay=5)
def check() -> str:
    return "dear"


@orders.map
def pack(item: str = each[orders.payload]) -> str:
    return item


label = orders.sub_flow("label", labels, payload=orders.payload[0], result=frame)
approval = orders.signal("approval", bool, timeout=90, after=(label,))
pause = orders.sleep("pause", seconds=2.5, after=(approval,))
until = orders.sleep("until", until=wait.result)


@orders.on_failure
def undo(error: RunError = orders.error) -> None: ...
"""
LINES = """\
price: on failure skip
pack: for each of flow.payload
label: starts a run of labels, and takes the result of frame
check: when (price.result > 2) | is_null(price.result), else skip; 5 s later
approval: waits for a signal, for 90 s at most
until: sleeps until wait.result
pause: sleeps 2.5 s
undo: runs once the run has failed
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "orders.py").write_text(SOURCE)


def test_the_graph_is_followed_by_what_is_special(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", "orders"]) == exit_codes.OK
    drawing, _, lines = capsys.readouterr().out.partition("\n\n")
    assert "label (flow)" in drawing
    assert lines == LINES
    assert main(["graph", "labels"]) == exit_codes.OK
    assert "\n\n" not in capsys.readouterr().out


def test_scripts_get_it_as_the_manifest_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", "orders", "--json"]) == exit_codes.OK
    steps = {step["slug"]: step for step in json.loads(capsys.readouterr().out)["steps"]}
    assert steps["wait"] == {"slug": "wait", "kind": "single", "deps": []}
    assert steps["pause"]["seconds"] == 2.5
    assert steps["label"] == {
        "slug": "label",
        "kind": "flow",
        "deps": [],
        "flow": "labels",
        "flow_step": "frame",
    }
    assert [part["op"] for part in steps["check"]["when"]["of"]] == [">", "is_null"]


def test_a_step_that_a_condition_looks_at_is_no_dep_for_the_order_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["graph", "orders", "--mermaid"]) == exit_codes.OK
    edges = capsys.readouterr().out.splitlines()[-4:]
    assert edges == [
        "    price --> check",
        "    label -.-> approval",
        "    wait --> until",
        "    approval -.-> pause",
    ]


def test_types_are_shown_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "--show"]) == exit_codes.OK
    labels, _, orders = capsys.readouterr().out.partition("\n\n")
    assert "CONDUCT" not in labels
    told = dict(line.split(": ", 1) for line in LINES.splitlines())
    for row in orders.splitlines()[2:]:
        slug = row.split()[0]
        if slug in {"wait", "pack"}:  # the list of a map step has a column of its own
            assert row.endswith("annotated")
        else:
            assert row.endswith(told[slug])
