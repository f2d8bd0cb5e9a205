"""Maps of sub-flows: steps that start a run of another flow for each item of a list.

The ladder of builders.py goes on here: a flow with such a step, a run that has begun its sub-runs.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from tests.support.builders import (
    ANYTHING,
    STRING,
    Claimed,
    a_flow,
    a_step,
    deploy,
    register_worker,
    scalar,
    start_run,
)
from tests.support.waiting import a_sub_flow

from pgflow_manifest import (
    EachInput,
    FlowSpec,
    JsonSchema,
    OnFailure,
    PayloadInput,
    ResultInput,
    StepSpec,
)

INNER: Final = a_flow(
    "inner", a_step("work", inputs={"text": PayloadInput()}), payload_schema=STRING
)


def a_sub_flow_map(
    slug: str,
    flow: str,
    over: PayloadInput | ResultInput,
    *deps: str,
    flow_step: str | None = None,
    path: tuple[str | int, ...] = (),
    item_schema: JsonSchema = ANYTHING,
    on_failure: OnFailure = "fail",
) -> StepSpec:
    """Return a step that starts a run of *flow* with each item of a list, or a part of the item."""
    step = a_sub_flow(
        slug,
        flow,
        over,
        *deps,
        flow_step=flow_step,
        result_schema={"type": "array", "items": item_schema},
    )
    return step.model_copy(
        update={"over": over, "inputs": {"payload": EachInput(path=path)}, "on_failure": on_failure}
    )


def an_outer_flow(**more: Any) -> FlowSpec:
    """Return called (a run of `inner` for each of the payload's items) -> after."""
    return a_flow(
        "outer",
        a_sub_flow_map("called", "inner", PayloadInput(path=("items",)), flow_step="work", **more),
        a_step("after", "called", inputs={"given": ResultInput(step="called")}),
    )


def a_begun_map(
    conn: Connection[Any], items: Any, *, begin: bool = True, **more: Any
) -> tuple[UUID, UUID]:
    """Start a run that goes over *items*, and begin its sub-runs; return worker and run."""
    outer = an_outer_flow(**more)
    deploy(conn, INNER, outer)
    worker_id = register_worker(conn, INNER, outer)
    run_id = start_run(conn, "outer", {"items": items})
    if begin:
        sweep(conn)
    return worker_id, run_id


def sweep(conn: Connection[Any]) -> int:
    """Sweep once; return how many timers have fired."""
    fired: int = scalar(conn, "select fired from pgflow.sweep()")
    return fired


def open_at_once(conn: Connection[Any], count: int) -> None:
    """Let a map have no more than *count* open sub-runs in this database, or transaction."""
    conn.execute(
        "create or replace function pgflow._most_sub_runs() returns integer language sql immutable"
        f" return {count:d}".encode()
    )


def by_text(tasks: Iterable[Claimed]) -> Mapping[Any, Claimed]:
    """Return the tasks of sub-runs by the payload of these."""
    return {task.args["text"]: task for task in tasks}
