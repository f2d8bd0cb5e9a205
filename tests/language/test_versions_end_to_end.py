"""A flow that changes while its runs wait: compared, deployed, served by both, upgraded."""

import shutil
from pathlib import Path

import pytest
from tests.support.fix_project import Project

from pgflow_cli import exit_codes
from pgflow_client import RunHandle
from pgflow_client.json_value import Json

VERSIONS = Path(__file__).parent / "versions"
OLD, NEW = VERSIONS / "old" / "loans.py", VERSIONS / "new" / "loans.py"


def waiting_run(project: Project, amount: int) -> RunHandle[Json]:
    run = project.client.start("loans", amount)
    project.until_step(run, "consent", "started")
    return run


@pytest.fixture
def changed(project: Project) -> list[RunHandle[Json]]:
    """Two runs of the old version, which wait for a signal when the new one is deployed."""
    project.take(OLD)
    leaving = project.worker("--flows", "loans")
    runs = [waiting_run(project, 100), waiting_run(project, 200)]
    leaving.process.terminate()
    assert leaving.process.wait(20) == 0
    project.take(NEW)
    project.worker()
    return runs


def test_change_is_told_before_it_is_deployed(project: Project) -> None:
    project.take(OLD)
    old = shutil.copy(project.manifest, "old.json")
    shutil.copy(NEW, project.flows)
    told = project.command("compile", "--diff", old, code=exit_codes.DIFFERS)
    assert "breaking  loans.pay_out: result may be what it was not before" in told.out
    assert "additive  loans.letter: new step" in told.out
    assert "options   loans" in told.out
    dry = project.command("deploy", "--dry-run", code=exit_codes.DIFFERS)
    assert dry.out == told.out
    assert project.client.get(project.client.start("loans", 1).run_id).version == 1
    project.command("compile")
    project.command("deploy")
    assert project.command("deploy", "--dry-run").err == "nothing changes\n"
    assert project.client.get(project.client.start("loans", 1).run_id).version == 2


def test_run_that_waited_through_a_release_ends_on_its_version(
    project: Project, changed: list[RunHandle[Json]]
) -> None:
    """A step that did not change is served by the new worker, the other needs an old one."""
    run, _ = changed
    assert run.signal("consent", True) == "completed"
    project.until(lambda: [each.reason for each in run.explain()] == ["no_worker"])
    shown = project.command("status")
    assert "loans          1        pay_out  1" in shown.out
    assert "`pgflow runs upgrade`" in shown.err
    project.worker(flows=OLD)
    ended = project.ended(run)
    assert (ended.version, ended.output) == (1, {"pay_out": "old 100"})
    after = waiting_run(project, 300)
    after.signal("consent", True)
    ended = project.ended(after)
    assert (ended.version, ended.output) == (2, {"letter": "new 270"})
    assert project.in_memory("loans", 300, {"consent": True}).output == ended.output


def test_runs_that_wait_are_upgraded_and_go_on(
    project: Project, changed: list[RunHandle[Json]]
) -> None:
    waits, stranded = changed
    stranded.signal("consent", False)
    project.until(lambda: [each.reason for each in stranded.explain()] == ["no_worker"])
    told = project.command("runs", "upgrade", str(stranded.run_id))
    assert told.out == f"{stranded.run_id}  upgraded, version 1 -> 2\n"
    assert project.ended(stranded).output == {"letter": "new 0"}
    told = project.command("runs", "upgrade", "--flow", "loans", "--json")
    assert [row["run_id"] for row in told.document] == [str(waits.run_id)]
    waits.signal("consent", True)
    ended = project.ended(waits)
    assert (ended.version, ended.output) == (2, {"letter": "new 90"})
    assert ended.result("rate") == 10
    again = project.command(
        *("runs", "upgrade", str(waits.run_id), "--to", "1", "--json"), code=exit_codes.FAILED
    )
    assert again.document[0]["problems"] == [{"step": None, "reason": "it has completed"}]
