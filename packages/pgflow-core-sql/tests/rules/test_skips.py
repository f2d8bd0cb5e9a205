"""Steps whose condition does not hold: what becomes of them, and of what waits for them."""

import time
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.support.builders import (
    a_flow,
    a_map,
    a_step,
    claim,
    complete,
    exchange,
    get_run,
    get_step,
    scalar,
)
from tests.support.ruled import (
    Document,
    a_ruled_flow,
    a_started_run,
    deploy_ruled,
    holds,
    is_true,
    of_payload,
    of_result,
    register_for,
    states,
)

from pgflow_manifest import PayloadInput, ResultInput

Conn = psycopg.Connection[Any]
NEVER = is_true({"value": False})
ALWAYS = is_true({"value": True})


def results_of(*slugs: str) -> dict[str, ResultInput]:
    return {slug: ResultInput(step=slug) for slug in slugs}


def a_fork(slug: str = "fork", **rules: dict[str, Any]) -> Document:
    """Return first -> (left, right) -> join -> last, where the rules say what is skipped."""
    return a_ruled_flow(
        a_flow(
            slug,
            a_step("first", inputs={"given": PayloadInput()}),
            a_step("left", "first", inputs=results_of("first")),
            a_step("right", "first", inputs=results_of("first")),
            a_step("join", "left", "right", inputs=results_of("left", "right")),
            a_step("last", "join", inputs=results_of("join")),
        ),
        rules,
    )


def a_chain(length: int, **root: Any) -> Document:
    """Return s0 -> s1 -> ... of *length* steps, the first one with the members *root*."""
    steps = [a_step(f"s{n}", *([f"s{n - 1}"] if n else [])) for n in range(length)]
    return a_ruled_flow(a_flow("chain", *steps), {"s0": root})


def test_skipped_step_gives_null_to_what_waits_for_it(tx: Conn) -> None:
    fork = a_fork(left={"when": holds("==", of_result("first"), "go left")})
    worker_id, run_id = a_started_run(tx, fork)
    complete(tx, claim(tx, worker_id), ["go right"])
    assert states(tx, run_id) == {
        "first": "completed",
        "left": "skipped:condition_unmet",
        "right": "started",
    }
    complete(tx, claim(tx, worker_id), ["R"])
    [join] = claim(tx, worker_id)
    assert (join.step_slug, join.args) == ("join", {"left": None, "right": "R"})
    complete(tx, [join], ["J"])
    complete(tx, claim(tx, worker_id), ["end"])
    run = get_run(tx, run_id)
    assert (run["status"], run["output"]) == ("completed", {"last": "end"})
    left = get_step(tx, run_id, "left")
    assert (left["status"], left["skip_reason"], left["error"], left["attempts"]) == (
        "skipped",
        "condition_unmet",
        None,
        0,
    )
    assert left["started_at"] == left["ended_at"] is not None


def test_step_whose_condition_holds_runs_as_any_other(tx: Conn) -> None:
    fork = a_fork(left={"when": holds("==", of_result("first"), "go left")})
    worker_id, run_id = a_started_run(tx, fork)
    complete(tx, claim(tx, worker_id), ["go left"])
    assert states(tx, run_id) == {"first": "completed", "left": "started", "right": "started"}
    assert sorted(task.step_slug for task in claim(tx, worker_id)) == ["left", "right"]


@pytest.mark.parametrize("skipped_first", [True, False])
def test_cascade_waits_until_all_deps_have_ended(tx: Conn, skipped_first: bool) -> None:
    fork = a_fork(
        left={"when": holds("==", of_result("first"), "go left"), "when_unmet": "skip_cascade"},
        right={"when": is_true({"value": True})},
    )
    worker_id, run_id = a_started_run(tx, fork)
    complete(tx, claim(tx, worker_id), ["go right"])
    assert "join" not in states(tx, run_id)
    complete(tx, claim(tx, worker_id), ["R"])
    assert states(tx, run_id) == {
        "first": "completed",
        "left": "skipped:condition_unmet",
        "right": "completed",
        "join": "skipped:dependency_skipped",
        "last": "skipped:dependency_skipped",
    }
    run = get_run(tx, run_id)
    assert (run["status"], run["output"], run["error"]) == ("completed", {"last": None}, None)


def test_cascade_goes_before_the_condition(tx: Conn) -> None:
    fork = a_fork(
        left={"when": NEVER, "when_unmet": "skip_cascade"},
        join={"when": NEVER, "when_unmet": "fail"},
    )
    worker_id, run_id = a_started_run(tx, fork)
    complete(tx, claim(tx, worker_id), [1])
    complete(tx, claim(tx, worker_id), [2])
    assert states(tx, run_id)["join"] == "skipped:dependency_skipped"
    assert get_run(tx, run_id)["status"] == "completed"


def test_unmet_condition_can_fail_the_run_and_says_why(tx: Conn) -> None:
    fork = a_fork(
        left={
            "when": {"op": "and", "of": [ALWAYS, holds(">", of_result("first", "score"), 0.8)]},
            "when_unmet": "fail",
            "on_failure": "skip",
        }
    )
    worker_id, run_id = a_started_run(tx, fork)
    _, handed = exchange(tx, worker_id, claim(tx, worker_id), results=[{"score": 0.5}])
    assert handed == []
    run = get_run(tx, run_id)
    assert run["status"] == "failed"
    assert run["error"] == {
        "step": "left",
        "code": "PF610",
        "type": "ConditionUnmetError",
        "message": "the condition of step 'left' does not hold: "
        "first.result.score > 0.8 is false: first.result.score is 0.5",
        "unmet": [
            {
                "at": "/of/1",
                "message": "first.result.score > 0.8 is false: first.result.score is 0.5",
            }
        ],
    }
    assert states(tx, run_id) == {"first": "completed", "left": "failed", "right": "cancelled"}
    assert claim(tx, worker_id) == []


def test_root_steps_have_conditions_too(tx: Conn) -> None:
    flow = a_ruled_flow(
        a_flow("f", a_step("a"), a_step("b"), a_step("c", "a", "b")),
        {"a": {"when": holds("==", of_payload("kind"), "x")}},
    )
    worker_id, run_id = a_started_run(tx, flow, {"kind": "y"})
    assert states(tx, run_id) == {"a": "skipped:condition_unmet", "b": "started"}
    [task] = claim(tx, worker_id)
    assert task.step_slug == "b"


def test_run_of_which_everything_is_skipped_completes_at_its_start(tx: Conn) -> None:
    flow = a_ruled_flow(
        a_flow("f", a_step("a"), a_step("b", "a"), a_step("c")),
        {"a": {"when": NEVER, "when_unmet": "skip_cascade"}, "c": {"when": NEVER}},
    )
    _, run_id = a_started_run(tx, flow)
    run = get_run(tx, run_id)
    assert (run["status"], run["output"]) == ("completed", {"b": None, "c": None})
    assert run["ended_at"] is not None


def test_root_that_fails_at_the_start_fails_its_run_only(tx: Conn) -> None:
    flow = a_ruled_flow(
        a_flow("f", a_step("a"), a_step("b")),
        {"a": {"when": is_true(of_payload("ok")), "when_unmet": "fail"}},
    )
    deploy_ruled(tx, flow)
    worker_id = register_for(tx, flow)
    payloads = [Jsonb({"ok": True}), Jsonb({}), Jsonb({"ok": True})]
    run_ids = scalar(tx, "select pgflow.start_flows('f', %s::jsonb[])", [payloads])
    assert [get_run(tx, run_id)["status"] for run_id in run_ids] == ["started", "failed", "started"]
    assert {task.run_id for task in claim(tx, worker_id)} == {run_ids[0], run_ids[2]}


def test_step_after_a_skip_without_cascade_decides_for_itself(tx: Conn) -> None:
    flow = a_ruled_flow(
        a_flow("f", a_step("a"), a_step("b", "a", inputs=results_of("a")), a_step("c", "b")),
        {
            "a": {"when": NEVER},
            "b": {"when": {"op": "is_null", "of": of_result("a")}},
            "c": {"when": holds("==", of_result("b"), 1)},
        },
    )
    worker_id, run_id = a_started_run(tx, flow)
    [task] = claim(tx, worker_id)
    assert (task.step_slug, task.args) == ("b", {"a": None})
    complete(tx, [task], [2])
    assert get_run(tx, run_id)["output"] == {"c": None}


def test_maps_are_skipped_and_empty_maps_mix_with_skips(tx: Conn) -> None:
    flow = a_ruled_flow(
        a_flow(
            "f",
            a_map("m", PayloadInput(path=("items",))),
            a_map("n", ResultInput(step="m"), "m"),
            a_step("s", "n", inputs=results_of("n")),
            a_map("o", PayloadInput(path=("items",)), "s"),
            a_step("t", "o"),
        ),
        {
            "s": {"when": holds(">", {"length": of_result("n")}, 0), "when_unmet": "skip_cascade"},
            "t": {"when": NEVER},
        },
    )
    _, run_id = a_started_run(tx, flow, {"items": []})
    assert states(tx, run_id) == {
        "m": "completed",
        "n": "completed",
        "s": "skipped:condition_unmet",
        "o": "skipped:dependency_skipped",
        "t": "skipped:dependency_skipped",
    }
    assert get_run(tx, run_id)["status"] == "completed"
    assert get_step(tx, run_id, "o")["tasks"] is None


def test_map_over_the_result_of_a_skipped_step_fails_for_there_is_no_list(tx: Conn) -> None:
    flow = a_ruled_flow(
        a_flow("f", a_step("a"), a_map("m", ResultInput(step="a"), "a")), {"a": {"when": NEVER}}
    )
    _, run_id = a_started_run(tx, flow)
    assert get_run(tx, run_id)["error"]["code"] == "PF609"


def test_two_thousand_skips_in_a_chain_take_one_call_and_linear_time(tx: Conn) -> None:
    for length in (500, 2000):
        chain = a_chain(length, when=NEVER, when_unmet="skip_cascade")
        deploy_ruled(tx, chain | {"slug": f"c{length}"})
    tx.execute("analyze pgflow.steps, pgflow.deps")  # as autovacuum does, which is off in tests

    def start(length: int) -> float:
        began = time.perf_counter()
        run_id = scalar(tx, "select pgflow.start_flow(%s, 'null')", [f"c{length}"])
        taken = time.perf_counter() - began
        assert get_run(tx, run_id)["status"] == "completed"
        assert len(states(tx, run_id)) == length
        return taken

    # The better of two, as other processes share the machine. Quadratic would be 16 times as long.
    short, long = (min(start(length) for _ in range(2)) for length in (500, 2000))
    assert long < 8 * short, (short, long)


def test_skips_make_a_step_ready_that_waits_for_two_thousand(tx: Conn) -> None:
    steps = [a_step(f"s{n}") for n in range(2000)]
    never = {f"s{n}": {"when": NEVER} for n in range(2000)}
    flow = a_ruled_flow(a_flow("wide", *steps, a_step("join", *(s.slug for s in steps))), never)
    worker_id, run_id = a_started_run(tx, flow)
    [task] = claim(tx, worker_id)
    assert task.step_slug == "join"
    complete(tx, [task], [0])
    assert get_run(tx, run_id)["status"] == "completed"


def test_only_steps_that_need_a_question_are_not_plain(tx: Conn) -> None:
    deploy_ruled(
        tx,
        a_fork("conditions", left={"when": ALWAYS}),
        a_fork("cascades", left={"on_failure": "skip_cascade"}),
        a_fork("skips", left={"on_failure": "skip"}, first={"on_failure": "skip"}),
    )
    special = tx.execute(
        "select flow_slug, array_agg(step_slug order by step_index) from pgflow.steps"
        " where not is_plain group by flow_slug order by flow_slug"
    ).fetchall()
    assert special == [("cascades", ["join", "last"]), ("conditions", ["left"])]


def test_watchers_are_told_of_a_skip_and_of_the_end(conn: Conn) -> None:
    fork = a_fork(left={"when": NEVER, "when_unmet": "skip_cascade"})
    worker_id, run_id = a_started_run(conn, fork)
    conn.execute(f"listen {scalar(conn, 'select pgflow.watch_run(%s)', [run_id])}".encode())
    for _ in range(2):
        complete(conn, claim(conn, worker_id), [1])
        assert len(list(conn.notifies(timeout=5, stop_after=1))) == 1
    listed = conn.execute("select run_id, status from pgflow.list_runs(p_status => 'completed')")
    assert listed.fetchall() == [(run_id, "completed")]
