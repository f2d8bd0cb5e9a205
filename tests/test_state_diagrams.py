"""The diagrams in docs/state_machine.md show all states, and every change of them."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.support.builders import (
    Claimed,
    a_flow,
    a_map,
    a_step,
    claim,
    complete,
    deploy,
    fail,
    get_run,
    get_step,
    register_worker,
    release,
    start_run,
)
from tests.support.fix_clock import SetClock
from tests.support.ruled import HANDLER_INPUTS, a_ruled_flow, a_started_run, is_true, register_for
from tests.support.waiting import a_signal, a_sleep, a_sub_flow

from pgflow_manifest import RUN_STATUSES, STEP_STATUSES, TERMINAL_STATUSES, PayloadInput

DOCUMENT: Final = Path(__file__).parent.parent / "docs" / "state_machine.md"
NOON: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)
BEGIN: Final = "[*]"
UNSEEN: Final = {(BEGIN, "created"), ("created", "cancelled")}
"""What a step does before it has a row."""
Conn = psycopg.Connection[Any]
Change = tuple[str, str]


def drawn(name: str) -> set[Change]:
    """Return the changes that the diagram called *name* shows."""
    text = DOCUMENT.read_text(encoding="utf-8")
    found = re.search(rf'state "[\w -]+" as {name} \{{\n(.*?)\n  \}}', text, re.DOTALL)
    assert found is not None
    return set(re.findall(r"^ +(\S+) --> ([\w*\[\]]+)", found[1], re.MULTILINE))


@pytest.mark.parametrize("document", sorted(DOCUMENT.parent.glob("*.md")), ids=lambda p: p.name)
def test_labels_have_nothing_that_mermaid_takes_for_their_end(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for diagram in re.findall(r"```mermaid\nstateDiagram-v2\n(.*?)```", text, re.DOTALL):
        for label in re.findall(r"-->[^:\n]*:(.*)", diagram):
            assert not {":", ";"} & set(label), label


@pytest.mark.parametrize(("name", "statuses"), [("run", RUN_STATUSES), ("step", STEP_STATUSES)])
def test_diagram_has_every_status_and_no_way_out_of_the_last_ones(
    name: str, statuses: tuple[str, ...]
) -> None:
    changes = drawn(name)
    assert {state for change in changes for state in change} == {BEGIN, *statuses}
    assert not {old for old, _ in changes} & TERMINAL_STATUSES


def record(conn: Conn, table: str, first: str) -> None:
    """Note every change of `status` in *table*; rows come from the state *first*."""
    conn.execute(
        f"""
        create table if not exists public.changes (
          number bigint generated always as identity, name text, run_id uuid, step_slug text,
          during xid8 default pg_current_xact_id(), old text, new text
        );
        create function public.note_{table}() returns trigger language plpgsql as $$
        begin
          insert into public.changes (name, run_id, step_slug, old, new) values (
            '{table}', new.run_id, to_jsonb(new) ->> 'step_slug',
            case tg_op when 'INSERT' then '{first}' else old.status end, new.status
          );
          return null;
        end $$;
        create trigger note after insert or update of status on pgflow.{table}
        for each row execute function public.note_{table}();
        """
    )


def recorded_of_runs(conn: Conn) -> set[Change]:
    query = "select distinct old, new from public.changes where name = 'runs' and old <> new"
    return set(conn.execute(query).fetchall())


def recorded_of_steps(conn: Conn, kind: str | None = None) -> set[Change]:
    """Return the changes that others see: what a transaction does to a step is one change."""
    query = """
        select distinct
          (array_agg(c.old order by c.number))[1], (array_agg(c.new order by c.number desc))[1]
        from public.changes as c
        join pgflow.runs as r using (run_id)
        join pgflow.steps as s using (flow_slug, version, step_slug)
        where c.name = 'step_states' and (%s::text is null or s.kind = %s)
        group by c.run_id, c.step_slug, c.during
        """
    return {(old, new) for old, new in conn.execute(query, [kind, kind]) if old != new}


def test_every_change_is_drawn_and_each_that_is_drawn_happens(
    conn: Conn, set_clock: SetClock
) -> None:
    set_clock(conn, NOON)
    record(conn, "runs", BEGIN)
    record(conn, "step_states", "created")
    other = a_flow("other", a_step("inner"))
    deploy(conn, other)
    flow = a_flow(
        "f",
        a_step("works"),
        a_step("may_fail"),
        a_step("unmet"),
        a_step("after", "unmet"),
        a_map("none", PayloadInput()),
        a_sleep("past", seconds=0),
        a_sleep("nap", seconds=60),
        a_signal("sent"),
        a_signal("timed", timeout=60),
        a_sub_flow("sub", "other", PayloadInput()),
        a_step("last", "works", "nap", "sub"),
    )
    rules: dict[str, dict[str, Any]] = {
        "may_fail": {"on_failure": "skip"},
        "unmet": {"when": is_true({"value": False}), "when_unmet": "skip_cascade"},
    }
    document = a_ruled_flow(flow, rules, handler=HANDLER_INPUTS)
    worker_id, run_id = a_started_run(conn, document, [])
    conn.execute("select pgflow.send_signal(%s, 'sent', %s)", [run_id, Jsonb(1)])
    may_fail, works = sorted(claim(conn, worker_id), key=lambda task: task.step_slug)
    fail(conn, [may_fail], retryable=False)
    complete(conn, [works], [1])
    complete(conn, claim(conn, register_worker(conn, other)), ["inside"])
    set_clock(conn, NOON + timedelta(minutes=2))
    conn.execute("select pgflow.sweep()")
    worker_id = register_for(conn, document)
    complete(conn, claim(conn, worker_id), ["done"])
    assert get_run(conn, run_id)["status"] == "completed"

    failing, cancelled = start_run(conn, "f", [1]), start_run(conn, "f", [])
    conn.execute("select pgflow.cancel_run(%s)", [cancelled])
    given_up = [task for task in claim(conn, worker_id) if task.step_slug == "works"]
    fail(conn, given_up, retryable=False)
    complete(conn, claim(conn, worker_id), ["told"])
    # a step that has not begun when its run ends has no row
    assert {step["status"] for step in get_run(conn, failing)["steps"]} >= {"cancelled", "failed"}
    assert "last" in not_begun(conn, cancelled)

    missing = a_flow("missing_flow", a_sub_flow("sub", "missing", PayloadInput()))
    deploy(conn, missing)
    assert get_run(conn, start_run(conn, "missing_flow"))["status"] == "failed"

    assert recorded_of_runs(conn) == drawn("run")
    assert recorded_of_steps(conn) | UNSEEN == drawn("step")


def test_every_change_of_a_sub_flow_step_is_drawn(conn: Conn) -> None:
    record(conn, "step_states", "created")
    other = a_flow("other", a_step("inner"))
    deploy(conn, other)
    flow = a_flow(
        "f",
        a_sub_flow("strict", "other", PayloadInput()),
        a_sub_flow("lenient", "other", PayloadInput()),
        a_sub_flow("unmet", "other", PayloadInput()),
        a_sub_flow("last", "other", PayloadInput(), "strict"),
    )
    rules: dict[str, dict[str, Any]] = {
        "lenient": {"on_failure": "skip"},
        "unmet": {"when": is_true({"value": False}), "when_unmet": "skip"},
    }
    _, completing = a_started_run(conn, a_ruled_flow(flow, rules), 1)
    worker_id = register_worker(conn, other)
    fail(conn, [inside(conn, worker_id, completing, "lenient")], retryable=False)
    complete(conn, [inside(conn, worker_id, completing, "strict")], [1])
    conn.execute("select pgflow.sweep()")
    complete(conn, [inside(conn, worker_id, completing, "last")], [1])
    failing = start_run(conn, "f", 2)
    fail(conn, [inside(conn, worker_id, failing, "strict")], retryable=False)
    conn.execute("select pgflow.sweep()")
    assert get_run(conn, completing)["status"] == "completed"
    assert get_run(conn, failing)["status"] == "failed"
    assert not_begun(conn, failing) == {"last"}
    deploy(conn, a_flow("g", a_sub_flow("sub", "missing", PayloadInput())))
    assert get_run(conn, start_run(conn, "g"))["status"] == "failed"
    unseen = {("created", "cancelled")}
    assert recorded_of_steps(conn, "flow") | unseen == drawn("flow")


def inside(conn: Conn, worker_id: UUID, run_id: UUID, step_slug: str) -> Claimed:
    """Claim the task of the run that a step has started."""
    sub_run_id = get_step(conn, run_id, step_slug)["sub_run_id"]
    tasks = {str(task.run_id): task for task in claim(conn, worker_id)}
    wanted = tasks.pop(sub_run_id)
    release(conn, list(tasks.values()))
    return wanted


def test_every_change_of_a_failure_handler_is_drawn(conn: Conn) -> None:
    record(conn, "step_states", "created")
    document = a_ruled_flow(a_flow("f", a_step("a")), handler=HANDLER_INPUTS)
    worker_id, first = a_started_run(conn, document)
    second = start_run(conn, "f")
    fail(conn, claim(conn, worker_id), retryable=False)
    handlers = {task.run_id: task for task in claim(conn, worker_id)}
    complete(conn, [handlers[first]], ["told"])
    fail(conn, [handlers[second]], retryable=False)
    assert {get_run(conn, run_id)["status"] for run_id in (first, second)} == {"failed"}
    assert recorded_of_steps(conn, "failure") == drawn("failure")


def not_begun(conn: Conn, run_id: Any) -> set[str]:
    """Return the steps that are cancelled without having begun."""
    return {
        step["slug"]
        for step in get_run(conn, run_id)["steps"]
        if step["status"] == "cancelled" and step["started_at"] is None
    }
