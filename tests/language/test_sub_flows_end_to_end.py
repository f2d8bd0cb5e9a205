"""Sub-flows, from their file to the screen: results and failures come up, cancelling goes down."""

from pathlib import Path

import pytest
from tests.support.fix_project import Project

from pgflow_cli import exit_codes
from pgflow_client import RunFailedError, RunHandle
from pgflow_client.json_value import Json

FLOW = Path(__file__).parent / "flows" / "parcels.py"


@pytest.fixture(autouse=True)
def worker(project: Project) -> None:
    project.take(FLOW)
    project.worker()


def sub_run(project: Project, run: RunHandle[Json], *slugs: str) -> RunHandle[Json]:
    """Return the run that a step has started, and so on down the slugs."""
    for slug in slugs:
        project.until_begun(run, slug)
        sub_run_id = run.get().step(slug).sub_run_id
        assert sub_run_id is not None
        run = project.client.handle(sub_run_id)
    return run


def test_results_come_up_and_the_tree_is_shown(project: Project) -> None:
    run = project.client.start("letters", "Oslo, Rome")
    ended = project.ended(run)
    output = {"post": "parcel with * OSLO *, * OSLO, ROME *"}
    assert ended.output == output
    parcel = sub_run(project, run, "parcel")
    label = sub_run(project, parcel, "label")
    assert parcel.get().parent_run_id == run.run_id
    assert label.get().result("frame") == "* OSLO *"
    assert label.get().owner == run.get().owner

    lines = project.shown(run.run_id).splitlines()
    for handle, margin in ((parcel, 4), (label, 8)):
        assert f"{' ' * margin}run {handle.run_id}" in lines
    assert any(line.startswith(f"{' ' * 8}frame completed in ") for line in lines)
    assert f"parent   {parcel.run_id}" in project.shown(label.run_id)
    assert project.in_memory("letters", "Oslo, Rome").output == output


def test_failure_comes_up_or_is_skipped(project: Project) -> None:
    told = project.command("run", "letters", '""', "--watch", code=exit_codes.FAILED)
    assert "PF630" in told.err
    run = project.client.start("letters", "")
    with pytest.raises(RunFailedError, match=r"PF630.*a label needs a city"):
        run.output(20)
    text = project.shown(run.run_id)
    assert "        spell failed in " in text
    assert 'raise GiveUp("a label needs a city")' in text
    assert project.ended(sub_run(project, run, "parcel", "label")).status == "failed"

    some = project.command("run", "tolerant", '""', "--watch", "--json").document
    assert some["output"] == {"say": "nothing came"}
    [reason] = [step["skip_reason"] for step in some["steps"] if step["slug"] == "maybe"]
    assert reason == "handler_failed"

    here = project.in_memory("letters", "")
    assert here.error is not None
    assert (here.error.code, here.error.step) == ("PF630", "parcel")
    assert project.in_memory("tolerant", "").output == some["output"]


def test_cancelling_goes_down_and_a_cancelled_sub_run_fails_its_step(project: Project) -> None:
    run = project.client.start("letters", "wait")
    parcel, label = (sub_run(project, run, *path) for path in (["parcel"], ["parcel", "label"]))
    project.until_step(label, "stamp", "started")
    assert "parcel waits for its run" in project.shown(run.run_id)
    project.command("runs", "cancel", str(run.run_id), "--reason", "no paper")
    for below in (parcel, label):
        assert project.ended(below).status == "cancelled"
    assert "reason   no paper" in project.shown(run.run_id)

    other = project.client.start("letters", "wait")
    sub_run(project, other, "parcel", "label").cancel("by itself")
    with pytest.raises(RunFailedError, match="PF630"):
        other.output(20)
    assert project.ended(sub_run(project, other, "parcel")).status == "failed"


def test_sub_run_is_signalled_as_any_run(project: Project) -> None:
    run = project.client.start("parcels", "wait")
    label = sub_run(project, run, "label")
    project.until_step(label, "stamp", "started")
    project.command("runs", "signal", str(label.run_id), "stamp", '" 1 EUR"')
    assert project.ended(run).output == {"pack": "parcel with * WAIT 1 EUR *"}
