"""Map steps, from their file to the screen: items that fail, are tried again, or end the step."""

from pathlib import Path

import pytest
from tests.support.fix_project import Project

FLOW = Path(__file__).parent / "flows" / "images.py"


@pytest.fixture(autouse=True)
def worker(project: Project) -> None:
    project.take(FLOW)
    project.worker()


def test_item_that_fails_is_null_and_the_others_go_on(project: Project) -> None:
    images = ["a.png", "b.gif", "shy.png"]
    run = project.client.start("images", images)
    ended = project.ended(run)
    output = {"album": "3 images, 0: small a.png, 1: nothing, 2: small shy.png"}
    assert ended.output == output
    assert ended.result("shrink") == ["small a.png", None, "small shy.png"]
    shrink, title = ended.step("shrink"), ended.step("title")
    assert (str(shrink.tasks), str(title.tasks)) == ("2/3 (1 skipped)", "3/3")

    text = project.shown(run.run_id)
    assert "2/3 (1 skipped) items" in text
    assert '["small a.png", null, "small shy.png"]' in text

    here = project.in_memory("images", images)
    assert here.output == output
    assert here.attempts["shrink"] == 4


def test_empty_list_needs_no_task(project: Project) -> None:
    told = project.command("run", "images", "[]", "--watch")
    assert told.document == {"album": "0 images, "}
    assert project.in_memory("images", []).output == told.document


def test_item_that_fails_skips_its_step_and_what_waits_for_it(project: Project) -> None:
    images = ["a.png", "b.gif"]
    told = project.command("run", "strict_images", '["a.png", "b.gif"]', "--watch", "--json")
    document = told.document
    assert document["output"] == {"total": None, "count": 2}
    reasons = {step["slug"]: step["skip_reason"] for step in document["steps"]}
    assert reasons == {"check": "handler_failed", "total": "dependency_skipped", "count": None}
    step = project.client.get(document["run_id"]).step("check")
    assert step.error is not None
    assert (step.error.task_index, step.error.message) == (1, "no gif")
    text = project.shown(document["run_id"])
    assert "check skipped, it failed: item 1: [PF603] GiveUp: no gif" in text
    assert "total skipped, a step that it waits for was" in text

    here = project.in_memory("strict_images", images)
    assert here.output == document["output"]
    assert here.skip_reasons == {slug: reason for slug, reason in reasons.items() if reason}
