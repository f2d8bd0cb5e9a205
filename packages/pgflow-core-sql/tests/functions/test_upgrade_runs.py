"""upgrade_runs: move runs to another version where everything fits; else say why not."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row
from tests.support.builders import (
    STRING,
    a_flow,
    a_map,
    a_step,
    attempts,
    claim,
    complete,
    deploy,
    fail,
    get_run,
    object_schema,
    register_worker,
    scalar,
    start_run,
)

from pgflow_manifest import FlowSpec, PayloadInput, ResultInput

Conn = psycopg.Connection[Any]
NUMBER = {"type": "number"}


def upgrade(conn: Conn, *run_ids: UUID, version: int | None = None) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "select * from pgflow.upgrade_runs(%s::uuid[], %s)", [list(run_ids), version]
        ).fetchall()


def refusals(conn: Conn, run_id: UUID) -> list[tuple[str | None, str]]:
    [row] = upgrade(conn, run_id)
    assert row["outcome"] == "refused"
    assert get_run(conn, run_id)["version"] == row["from_version"]
    return [(problem["step"], problem["reason"]) for problem in row["problems"]]


def chain(*, result: Any = STRING, second: Any = STRING, payload: Any = None) -> FlowSpec:
    """A -> b, whose contracts may differ."""
    return a_flow(
        "f",
        a_step("a", result_schema=result),
        a_step("b", "a", result_schema=second),
        payload_schema=payload,
    )


def begun(conn: Conn, flow: FlowSpec, *results: Any) -> UUID:
    """Deploy, start a run, and complete as many steps as there are results."""
    deploy(conn, flow)
    worker_id = register_worker(conn, flow)
    run_id = start_run(conn, flow.slug)
    for result in results:
        [task] = claim(conn, worker_id, 1)
        assert complete(conn, [task], [result]) == ["completed"]
    return run_id


def finish(conn: Conn, flow: FlowSpec, result: Any = "x") -> None:
    worker_id = register_worker(conn, flow)
    while tasks := claim(conn, worker_id):
        assert set(complete(conn, tasks, [result] * len(tasks))) == {"completed"}


def test_a_waiting_task_gets_the_new_contract(tx: Conn) -> None:
    run_id = begun(tx, chain(), "done")
    new = chain(second=NUMBER)
    deploy(tx, new)
    assert upgrade(tx, run_id) == [
        {
            "run_id": run_id,
            "from_version": 1,
            "to_version": 2,
            "outcome": "upgraded",
            "problems": [],
        }
    ]
    worker_id = register_worker(tx, new)
    [task] = claim(tx, worker_id)
    assert complete(tx, [task], [2]) == ["completed"]
    run = get_run(tx, run_id)
    assert (run["version"], run["status"], run["output"]) == (2, "completed", {"b": 2})


def test_attempts_are_kept(tx: Conn) -> None:
    old, new = chain(), chain(result=NUMBER)
    deploy(tx, old)
    worker_id = register_worker(tx, old)
    run_id = start_run(tx, "f")
    fail(tx, claim(tx, worker_id), retry_after=0)
    deploy(tx, new)
    upgrade(tx, run_id)
    [task] = claim(tx, register_worker(tx, new))
    assert task.attempt == 2
    assert attempts(tx, run_id) == [("a", 1, "failed")]


def test_a_leased_task_with_the_same_contract_stays_where_it_is(tx: Conn) -> None:
    old, new = chain(), chain(second=NUMBER)
    deploy(tx, old)
    worker_id = register_worker(tx, old)
    run_id = start_run(tx, "f")
    [task] = claim(tx, worker_id)
    deploy(tx, new)
    assert upgrade(tx, run_id)[0]["outcome"] == "upgraded"
    assert complete(tx, [task], ["x"]) == ["completed"]
    [follower] = claim(tx, register_worker(tx, new))
    assert follower.step_slug == "b"


def test_new_steps_start_when_they_are_ready(tx: Conn) -> None:
    second = a_flow("g", a_step("a"), a_step("b", "a"))
    run_id = begun(tx, second, [1, 2])
    wider = a_flow(
        "g",
        a_step("a"),
        a_step("b", "a"),
        a_step("root"),
        a_step("later", "a", "root"),
        a_map("each_one", ResultInput(step="a")),
    )
    deploy(tx, wider)
    assert upgrade(tx, run_id)[0]["outcome"] == "upgraded"
    steps = {step["slug"]: step["status"] for step in get_run(tx, run_id)["steps"]}
    assert steps == {
        "a": "completed",
        "b": "started",
        "root": "started",
        "later": "created",
        "each_one": "started",
    }
    finish(tx, wider)
    assert get_run(tx, run_id)["output"] == {"b": "x", "later": "x", "each_one": ["x", "x"]}


def test_a_step_that_has_begun_must_be_there(tx: Conn) -> None:
    chained = a_flow("g", a_step("a"), a_step("b", "a"), a_step("c", "b"))
    run_id = begun(tx, chained, 1, 2)
    deploy(tx, a_flow("g", a_step("a"), a_step("b", "a")))
    assert refusals(tx, run_id) == [("c", "it has begun, and version 2 has no such step")]


def test_a_version_without_the_steps_to_come_completes_the_run(tx: Conn) -> None:
    old = a_flow("f", a_step("a"), a_step("slow"), a_step("end", "a", "slow"))
    deploy(tx, old)
    worker_id = register_worker(tx, old)
    run_id = start_run(tx, "f")
    tasks = claim(tx, worker_id)
    complete(tx, tasks[:1], [1])
    deploy(tx, a_flow("f", a_step("a"), a_step("slow")))
    assert upgrade(tx, run_id)[0]["outcome"] == "upgraded"
    assert get_run(tx, run_id)["status"] == "started"
    complete(tx, tasks[1:], [2])
    run = get_run(tx, run_id)
    assert run["status"] == "completed"
    assert run["output"].keys() == {"a", "slow"}


def test_what_does_not_fit_is_told(tx: Conn) -> None:
    run_id = begun(tx, chain(), "text")
    deploy(tx, chain(result=NUMBER, payload=object_schema("missing")))
    told = refusals(tx, run_id)
    assert [step for step, _ in told] == [None, "a"]
    assert "its payload does not fit" in told[0][1]
    assert "missing" in told[0][1]
    assert told[1][1].startswith("its result does not fit: at the top")


def test_a_leased_task_of_another_contract_stays(tx: Conn) -> None:
    old = chain()
    deploy(tx, old)
    worker_id = register_worker(tx, old)
    run_id = start_run(tx, "f")
    [task] = claim(tx, worker_id)
    deploy(tx, chain(result=NUMBER))
    assert refusals(tx, run_id) == [
        ("a", "a worker holds its task, for another contract: try again when it has ended")
    ]
    assert complete(tx, [task], ["x"]) == ["completed"]


def test_a_step_must_not_overtake_its_deps(tx: Conn) -> None:
    run_id = begun(tx, chain(), "x")
    deploy(
        tx,
        a_flow(
            "f",
            a_step("before", result_schema=STRING),
            a_step("a", "before", result_schema=STRING),
            a_step("b", "a", "before", result_schema=STRING),
        ),
    )
    assert refusals(tx, run_id) == [
        ("a", "it has completed, and in version 2 it waits for before"),
        ("b", "it has begun, and in version 2 it waits for before"),
    ]


def test_a_map_at_work_keeps_its_contract(tx: Conn) -> None:
    def mapped(item: Any) -> FlowSpec:
        return a_flow("m", a_map("each_one", PayloadInput(), item_schema=item))

    deploy(tx, mapped(STRING))
    run_id = start_run(tx, "m", [1, 2])
    deploy(tx, mapped(NUMBER))
    reason = "it is at work on its items, for another contract"
    assert refusals(tx, run_id) == [("each_one", reason)]


def test_kinds_must_agree(tx: Conn) -> None:
    items = {"type": "array", "items": STRING}
    deploy(tx, a_flow("m", a_step("s", result_schema=items)))
    run_id = start_run(tx, "m", [1])
    deploy(tx, a_flow("m", a_map("s", PayloadInput(), item_schema=STRING)))
    assert refusals(tx, run_id) == [("s", "it has begun as a single step, and is a map step")]


def test_runs_are_judged_one_by_one(tx: Conn) -> None:
    old = chain()
    good = begun(tx, old)
    cancelled = start_run(tx, "f")
    tx.execute("select pgflow.cancel_run(%s)", [cancelled])
    deploy(tx, chain(second=NUMBER))
    fresh, unknown = start_run(tx, "f"), uuid4()
    rows = upgrade(tx, unknown, cancelled, good, fresh)
    assert [row["outcome"] for row in rows] == ["refused", "refused", "upgraded", "unchanged"]
    assert rows[0]["problems"] == [{"step": None, "reason": "there is no such run"}]
    assert rows[1]["problems"] == [{"step": None, "reason": "it was cancelled"}]


def test_back_to_an_older_version(tx: Conn) -> None:
    old, new = chain(), chain(second=NUMBER)
    deploy(tx, old, a_flow("other", a_step("a")))
    deploy(tx, new)
    run_id = start_run(tx, "f")
    [row] = upgrade(tx, run_id, version=1)
    assert (row["outcome"], row["to_version"]) == ("upgraded", 1)
    [row] = upgrade(tx, run_id, version=7)
    assert row["problems"] == [{"step": None, "reason": "flow 'f' has no version 7"}]


def test_null_is_refused(tx: Conn) -> None:
    with pytest.raises(psycopg.Error) as caught:
        scalar(tx, "select pgflow.upgrade_runs(null)")
    assert caught.value.sqlstate == "PF209"
