"""A map step starts with one task for each item, wherever its list comes from."""

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.support.builders import (
    a_claimed_task,
    a_flow,
    a_map,
    a_mapped_list,
    a_started_map,
    a_step,
    claim_in_order,
    column,
    complete,
    deploy,
    get_run,
    get_step,
    register_worker,
    scalar,
    start_run,
)

from pgflow_manifest import EachInput, FlowSpec, PayloadInput, ResultInput

Conn = psycopg.Connection[Any]


def over_payload(*further: Any) -> FlowSpec:
    """Return a flow whose first step maps over `items` of the payload."""
    return a_flow("over_payload", a_map("m", PayloadInput(path=("items",))), *further)


def a_chain(length: int) -> FlowSpec:
    """Return `m0` over the payload, and maps each over the one before."""
    maps = [a_map(f"m{n}", ResultInput(step=f"m{n - 1}")) for n in range(1, length)]
    return a_flow("chain", a_map("m0", PayloadInput()), *maps)


def test_every_item_gets_a_task_of_its_own(tx: Conn) -> None:
    worker_id, _ = a_started_map(tx, ["a", {"b": 1}, None, [[]]])
    tasks = claim_in_order(tx, worker_id)
    assert [(task.step_slug, task.task_index, task.args) for task in tasks] == [
        ("double", 0, {"item": "a"}),
        ("double", 1, {"item": {"b": 1}}),
        ("double", 2, {"item": None}),
        ("double", 3, {"item": [[]]}),
    ]
    assert len({task.lease_id for task in tasks}) == 4


def test_map_over_a_part_of_the_payload_starts_with_the_run(tx: Conn) -> None:
    deploy(tx, over_payload())
    worker_id = register_worker(tx, over_payload())
    run_id = start_run(tx, "over_payload", {"items": [7, 8]})
    tasks = claim_in_order(tx, worker_id)
    assert [(task.run_id, task.args["item"]) for task in tasks] == [(run_id, 7), (run_id, 8)]
    assert complete(tx, tasks, [70, 80]) == ["completed"] * 2
    assert get_run(tx, run_id)["output"] == {"m": [70, 80]}


def test_runs_started_in_bulk_have_their_own_items_each(tx: Conn) -> None:
    flow = over_payload(a_step("single"), a_step("end", "m"))
    deploy(tx, flow)
    worker_id = register_worker(tx, flow)
    payloads = [{"items": []}, {"items": [1]}, {"items": [2, 3]}, {"items": "none"}]
    run_ids = scalar(
        tx, "select pgflow.start_flows('over_payload', %s::jsonb[])", [[*map(Jsonb, payloads)]]
    )
    tasks = claim_in_order(tx, worker_id)
    waiting = {(task.run_id, task.step_slug, task.args.get("item")) for task in tasks}
    empty, one, two, wrong = run_ids
    assert waiting == {
        (empty, "single", None),
        (empty, "end", None),
        (one, "single", None),
        (one, "m", 1),
        (two, "single", None),
        (two, "m", 2),
        (two, "m", 3),
    }
    assert get_run(tx, wrong)["status"] == "failed"


def test_map_over_a_part_of_a_result_and_items_in_parts(tx: Conn) -> None:
    flow = a_flow(
        "parts",
        a_step("read"),
        a_map(
            "m",
            ResultInput(step="read", path=("lines", "1")),
            inputs={
                "name": EachInput(path=("name",)),
                "second": EachInput(path=("tags", 1)),
                "missing": EachInput(path=("nothing",)),
                "whole": EachInput(),
            },
        ),
    )
    worker_id, task = a_claimed_task(tx, flow)
    item = {"name": "x", "tags": ["s", "t"]}
    complete(tx, [task], [{"lines": [[], [item]]}])
    [mapped] = claim_in_order(tx, worker_id)
    assert mapped.args == {"name": "x", "second": "t", "missing": None, "whole": item}


def test_what_all_items_share_comes_with_each_of_them(tx: Conn) -> None:
    flow = a_flow(
        "shared",
        a_step("read"),
        a_step("other"),
        a_map(
            "m",
            ResultInput(step="read"),
            "other",
            inputs={
                "item": EachInput(),
                "all": ResultInput(step="read"),
                "part": ResultInput(step="other", path=("x", 0)),
                "language": PayloadInput(path=("language",)),
                "nothing": PayloadInput(path=("nothing",)),
            },
        ),
    )
    deploy(tx, flow)
    worker_id = register_worker(tx, flow)
    start_run(tx, "shared", {"language": "en"})
    results = {"read": [1, 2], "other": {"x": ["y"]}}
    tasks = claim_in_order(tx, worker_id)
    complete(tx, tasks, [results[task.step_slug] for task in tasks])
    rest = {"all": [1, 2], "part": "y", "language": "en", "nothing": None}
    assert [task.args for task in claim_in_order(tx, worker_id)] == [
        {"item": 1, **rest},
        {"item": 2, **rest},
    ]


def test_map_over_a_map_starts_when_the_list_is_complete(tx: Conn) -> None:
    deploy(tx, a_chain(2))
    worker_id = register_worker(tx, a_chain(2))
    run_id = start_run(tx, "chain", [1, 2, 3])
    first = claim_in_order(tx, worker_id)
    complete(tx, first[1:], ["b", "c"])
    assert claim_in_order(tx, worker_id) == []
    complete(tx, first[:1], ["a"])
    second = claim_in_order(tx, worker_id)
    assert [task.args["item"] for task in second] == ["a", "b", "c"]
    complete(tx, second, ["A", "B", "C"])
    assert get_run(tx, run_id)["output"] == {"m1": ["A", "B", "C"]}


def test_empty_list_completes_without_a_task_and_the_next_step_starts(tx: Conn) -> None:
    worker_id, run_id = a_started_map(tx, [])
    step = get_step(tx, run_id, "double")
    assert (step["status"], step["result"]) == ("completed", [])
    assert step["tasks"] == {"total": 0, "completed": 0, "skipped": 0, "running": 0, "waiting": 0}
    [total] = claim_in_order(tx, worker_id)
    assert (total.step_slug, total.args) == ("total", {"doubled": []})


def test_chain_of_five_hundred_empty_maps_completes_with_the_start(tx: Conn) -> None:
    flow = a_chain(500)
    deploy(tx, flow)
    run = get_run(tx, start_run(tx, "chain", []))
    assert (run["status"], run["output"]) == ("completed", {"m499": []})
    assert {step["status"] for step in run["steps"]} == {"completed"}


def test_chain_of_empty_maps_in_the_middle_of_a_run_resolves_in_one_report(tx: Conn) -> None:
    maps = [a_map(f"m{n}", ResultInput(step=f"m{n - 1}" if n else "read")) for n in range(50)]
    flow = a_flow("middle", a_step("read"), *maps, a_step("end", "m49", "read"))
    worker_id, task = a_claimed_task(tx, flow)
    complete(tx, [task], [[]])
    assert [task.step_slug for task in claim_in_order(tx, worker_id)] == ["end"]


def test_empty_maps_that_meet_start_the_step_behind_them_once(tx: Conn) -> None:
    flow = a_flow(
        "meet",
        a_step("read"),
        a_map("left", ResultInput(step="read")),
        a_map("right", ResultInput(step="read")),
        a_map("both", ResultInput(step="left"), "right"),
        a_step("end", "both", "left"),
    )
    worker_id, task = a_claimed_task(tx, flow)
    complete(tx, [task], [[]])
    assert [task.step_slug for task in claim_in_order(tx, worker_id)] == ["end"]


NO_LISTS: dict[str, tuple[Any, str]] = {
    "null": ({"items": None}, "null"),
    "an object": ({"items": {"0": 1}}, "object"),
    "a text": ({"items": "abc"}, "string"),
    "nothing": ({}, "nothing"),
    "no object around it": ([1], "nothing"),
}


@pytest.mark.parametrize("what", NO_LISTS)
def test_what_is_no_list_fails_the_step_and_the_run_without_a_retry(tx: Conn, what: str) -> None:
    payload, found = NO_LISTS[what]
    flow = over_payload(a_step("single"))
    deploy(tx, flow)
    run = get_run(tx, start_run(tx, "over_payload", payload))
    message = f"step 'm' goes over the payload/items, where there is {found} and not a list"
    error = {"code": "PF609", "type": "NotAListError", "message": message}
    assert (run["status"], run["error"]) == ("failed", {"step": "m", **error})
    states = {step["slug"]: step["status"] for step in run["steps"]}
    assert states == {"m": "failed", "single": "cancelled"}
    assert run["steps"][0]["error"] == error
    assert scalar(tx, "select count(*) from pgflow.tasks") == 0


def test_no_list_beside_an_empty_one_starts_nothing_further(tx: Conn) -> None:
    flow = a_flow(
        "beside",
        a_step("read"),
        a_map("empty", ResultInput(step="read", path=("list",))),
        a_map("wrong", ResultInput(step="read", path=("other",))),
        a_step("after", "empty"),
        a_step("besides", "read"),
    )
    worker_id, task = a_claimed_task(tx, flow)
    assert complete(tx, [task], [{"list": [], "other": 1}]) == ["completed"]
    run = get_run(tx, task.run_id)
    assert run["status"] == "failed"
    assert run["error"]["message"].startswith("step 'wrong' goes over the result of step 'read'/")
    assert claim_in_order(tx, worker_id) == []


def test_other_runs_of_the_batch_are_not_touched_by_one_without_list(tx: Conn) -> None:
    flow = a_mapped_list()
    deploy(tx, flow)
    worker_id = register_worker(tx, flow)
    for _ in range(3):
        start_run(tx, "mapped", {})
    tasks = claim_in_order(tx, worker_id)
    assert complete(tx, tasks, [[1], {"no": "list"}, []]) == ["completed"] * 3
    assert sorted(task.step_slug for task in claim_in_order(tx, worker_id)) == ["double", "total"]
    failed = column(tx, "select run_id from pgflow.runs where status = 'failed'")
    assert failed == [tasks[1].run_id]
