"""A map of sub-flows starts a run for each item, some at a time, and lists their results."""

from typing import Any

import psycopg
import pytest
from tests.support.builders import (
    STRING,
    a_flow,
    a_step,
    claim,
    column,
    complete,
    deploy,
    fail,
    get_run,
    get_step,
    register_worker,
    scalar,
    start_run,
)
from tests.support.sub_flow_maps import (
    INNER,
    a_begun_map,
    a_sub_flow_map,
    an_outer_flow,
    by_text,
    open_at_once,
    sweep,
)

from pgflow_manifest import PayloadInput

Conn = psycopg.Connection[Any]


def statuses(conn: Conn) -> list[Any]:
    return column(conn, "select status from pgflow.runs where flow_slug = 'inner' order by run_id")


def test_each_item_has_a_run_and_the_list_has_their_order(tx: Conn) -> None:
    worker_id, run_id = a_begun_map(tx, ["a", "b", "c"])
    tasks = by_text(claim(tx, worker_id))
    assert sorted(tasks) == ["a", "b", "c"]
    for text in "cab":
        complete(tx, [tasks[text]], [text.upper()])
        assert sweep(tx) == 1
    [after] = claim(tx, worker_id)
    assert (after.run_id, after.args) == (run_id, {"given": ["A", "B", "C"]})
    assert scalar(tx, "select count(*) from pgflow.map_items") == 0


def test_sub_runs_belong_to_the_owner_of_their_parent(tx: Conn) -> None:
    _, run_id = a_begun_map(tx, ["a", "b"])
    rows = tx.execute(
        "select parent_run_id, parent_step_slug, parent_task_index, owner, payload, depth"
        " from pgflow.runs where flow_slug = 'inner' order by parent_task_index"
    ).fetchall()
    owner = get_run(tx, run_id)["owner"]
    assert rows == [
        (run_id, "called", 0, owner, "a", 1),
        (run_id, "called", 1, owner, "b", 1),
    ]


def test_a_part_of_each_item_is_the_payload(tx: Conn) -> None:
    worker_id, _ = a_begun_map(tx, [{"name": "a"}, {"name": "b"}], path=("name",))
    assert set(by_text(claim(tx, worker_id))) == {"a", "b"}


def test_nothing_of_it_begins_in_the_transaction_that_starts_the_step(tx: Conn) -> None:
    a_begun_map(tx, ["a", "b"], begin=False)
    assert statuses(tx) == []
    assert sweep(tx) == 1
    assert statuses(tx) == ["started"] * 2


def test_empty_list_completes_at_once(tx: Conn) -> None:
    worker_id, run_id = a_begun_map(tx, [], begin=False)
    step = get_step(tx, run_id, "called")
    assert (step["status"], step["result"], step["tasks"]["total"]) == ("completed", [], 0)
    assert [task.args for task in claim(tx, worker_id)] == [{"given": []}]
    assert scalar(tx, "select count(*) from pgflow.timers") == 0


@pytest.mark.parametrize("on_failure", ["fail", "skip"])
@pytest.mark.parametrize("items", [None, "text", {"0": "a"}])
def test_what_is_no_list_fails_the_step(tx: Conn, items: Any, on_failure: Any) -> None:
    _, run_id = a_begun_map(tx, items, begin=False, on_failure=on_failure)
    error = get_run(tx, run_id)["error"]
    assert (error["code"], error["step"]) == ("PF609", "called")


def test_no_list_is_skipped_with_all_that_follows_when_the_policy_says_so(tx: Conn) -> None:
    _, run_id = a_begun_map(tx, None, begin=False, on_failure="skip_cascade")
    run = get_run(tx, run_id)
    assert (run["status"], run["output"]) == ("completed", {"after": None})


def test_first_failure_fails_the_step_and_the_other_runs_are_cancelled(tx: Conn) -> None:
    worker_id, run_id = a_begun_map(tx, ["a", "b", "c"])
    tasks = by_text(claim(tx, worker_id))
    complete(tx, [tasks["a"]], ["A"])
    fail(tx, [tasks["b"]], retryable=False, message="no luck")
    sweep(tx)
    run = get_run(tx, run_id)
    assert (run["status"], run["error"]["code"], run["error"]["task_index"]) == (
        "failed",
        "PF630",
        1,
    )
    assert run["error"]["error"]["message"] == "no luck"
    assert get_step(tx, run_id, "called")["tasks"]["completed"] == 1
    sweep(tx)
    assert sorted(statuses(tx)) == ["cancelled", "completed", "failed"]
    assert scalar(tx, "select count(*) from pgflow.leases") == 0
    assert scalar(tx, "select count(*) from pgflow.timers") == 0


def test_item_that_may_fail_is_null_in_the_list(tx: Conn) -> None:
    worker_id, run_id = a_begun_map(tx, ["a", 7, "c"], on_failure="skip")
    tasks = by_text(claim(tx, worker_id))
    assert set(tasks) == {"a", "c"}  # 7 is no payload of inner
    fail(tx, [tasks["a"]], retryable=False)
    complete(tx, [tasks["c"]], ["C"])
    sweep(tx)
    step = get_step(tx, run_id, "called")
    assert step["result"] == [None, None, "C"]
    assert step["tasks"] == {
        "total": 3,
        "completed": 1,
        "skipped": 2,
        "running": 0,
        "waiting": 0,
    }


def test_map_that_is_skipped_with_cascade_ends_its_other_runs(tx: Conn) -> None:
    worker_id, run_id = a_begun_map(tx, ["a", "b"], on_failure="skip_cascade")
    tasks = by_text(claim(tx, worker_id))
    fail(tx, [tasks["a"]], retryable=False)
    sweep(tx)
    assert get_run(tx, run_id)["output"] == {"after": None}
    sweep(tx)
    assert sorted(statuses(tx)) == ["cancelled", "failed"]


def test_item_that_does_not_fit_starts_nothing_and_fails_the_step(tx: Conn) -> None:
    _, run_id = a_begun_map(tx, ["a", 7, 8])
    error = get_run(tx, run_id)["error"]
    assert (error["code"], error["task_index"], statuses(tx)) == ("PF630", 1, [])


def test_flow_that_is_not_there_fails_the_step(tx: Conn) -> None:
    outer = an_outer_flow()
    deploy(tx, outer)
    run_id = start_run(tx, "outer", {"items": ["a"]})
    sweep(tx)
    assert "no flow of that slug" in get_run(tx, run_id)["error"]["message"]


def test_result_that_does_not_fit_what_the_step_was_compiled_with_fails_it(tx: Conn) -> None:
    worker_id, run_id = a_begun_map(tx, ["a"], item_schema=STRING)
    complete(tx, claim(tx, worker_id), [42])
    sweep(tx)
    error = get_run(tx, run_id)["error"]
    assert (error["code"], error["task_index"]) == ("PF606", 0)


def test_cancelling_goes_down_to_all(tx: Conn) -> None:
    open_at_once(tx, 3)
    worker_id, run_id = a_begun_map(tx, list("abcde"))
    complete(tx, claim(tx, worker_id, 1), ["x"])
    sweep(tx)
    tx.execute("select pgflow.cancel_run(%s)", [run_id])
    sweep(tx)
    assert sorted(statuses(tx)) == ["cancelled"] * 3 + ["completed"]
    assert sweep(tx) == 0  # nobody tells a parent that has ended more than it takes
    assert get_step(tx, run_id, "called")["tasks"]["completed"] == 1


def test_only_so_many_are_open_and_the_next_begin_as_others_end(tx: Conn) -> None:
    open_at_once(tx, 3)
    worker_id, run_id = a_begun_map(tx, list("abcdefgh"))
    rounds = []
    while tasks := claim(tx, worker_id, 2):
        if "given" in tasks[0].args:
            break
        rounds.append(statuses(tx).count("started"))
        complete(tx, tasks, [task.args["text"].upper() for task in tasks])
        sweep(tx)
    assert rounds == [3, 3, 3, 2]
    assert get_step(tx, run_id, "called")["result"] == list("ABCDEFGH")


def test_items_that_are_refused_make_room_for_the_next(tx: Conn) -> None:
    open_at_once(tx, 3)
    worker_id, run_id = a_begun_map(tx, [1, 2, 3, 4, 5, "a", 6], on_failure="skip")
    assert sweep(tx) == 1
    assert sweep(tx) == 1 or claim(tx, worker_id) == []
    sweep(tx)
    complete(tx, claim(tx, worker_id), ["A"])
    sweep(tx)
    assert get_step(tx, run_id, "called")["result"] == [None] * 5 + ["A", None]


def test_many_maps_of_many_items_go_on_in_one_sweep(tx: Conn) -> None:
    outer = an_outer_flow()
    deploy(tx, INNER, outer)
    worker_id = register_worker(tx, INNER, outer)
    run_ids = [start_run(tx, "outer", {"items": list("abcde")}) for _ in range(20)]
    assert sweep(tx) == 20
    tasks = claim(tx, worker_id, 500)
    complete(tx, tasks, [task.args["text"].upper() for task in tasks])
    assert sweep(tx) == 100
    for run_id in run_ids:
        assert get_step(tx, run_id, "called")["result"] == list("ABCDE")


def test_one_sweep_begins_a_thousand_at_most_and_each_map_has_its_share(tx: Conn) -> None:
    outer = an_outer_flow()
    deploy(tx, INNER, outer)
    for _ in range(3):
        start_run(tx, "outer", {"items": ["a"] * 600})
    sweep(tx)
    shares = column(tx, "select begun_count from pgflow.maps")
    assert shares == [333] * 3
    sweep(tx)
    assert column(tx, "select begun_count from pgflow.maps") == [600] * 3


def test_maps_inside_maps_have_a_bottom(tx: Conn) -> None:
    endless = a_flow("endless", a_sub_flow_map("again", "endless", PayloadInput()))
    deploy(tx, endless)
    nested: Any = []
    for _ in range(20):
        nested = [nested]
    run_id = start_run(tx, "endless", nested)
    while sweep(tx):
        pass
    assert "16 deep" in scalar(tx, "select error ->> 'message' from pgflow.runs where depth = 16")
    assert get_run(tx, run_id)["status"] == "failed"


def test_map_may_be_inside_a_sub_run_of_a_map(tx: Conn) -> None:
    inner = a_flow("inner", a_step("work", inputs={"text": PayloadInput()}))
    middle = a_flow("middle", a_sub_flow_map("each", "inner", PayloadInput(), flow_step="work"))
    outer = a_flow("outer", a_sub_flow_map("all", "middle", PayloadInput(), flow_step="each"))
    deploy(tx, inner, middle, outer)
    worker_id = register_worker(tx, inner)
    run_id = start_run(tx, "outer", [["a", "b"], [], ["c"]])
    while sweep(tx):
        tasks = claim(tx, worker_id)
        complete(tx, tasks, [task.args["text"].upper() for task in tasks])
    assert get_step(tx, run_id, "all")["result"] == [["A", "B"], [], ["C"]]
