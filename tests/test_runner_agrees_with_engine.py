"""`flow.test` ends a run as engine and worker do: the same statuses, reasons and results."""

from typing import Any, Literal

import psycopg
import pytest
from pydantic import BaseModel
from tests.support.agreement import in_memory

from pgflow_client import Client
from pgflow_dsl import (
    Flow,
    GiveUp,
    RunError,
    compile_flows,
    each,
    is_null,
    length,
    not_,
    one_of,
)
from pgflow_manifest import dump_manifest
from pgflow_worker import Worker


class Order(BaseModel):
    """Decides which of the steps run."""

    kind: Literal["audio", "text"]
    score: float
    tags: list[str]
    lang: str = "en"


flow = Flow("agrees", payload=Order, max_attempts=2, base_delay=0)


@flow.step
def score(given: float = flow.payload.score) -> float:
    if given < 0:
        raise GiveUp("negative")
    return given


@flow.step(when=(score.result > 0.8) & (flow.payload.kind == "audio"))
def loud(given: float = score.result) -> str:
    return f"loud {given}"


@flow.step(
    when=not_(score.result > 0.8) | (length(flow.payload.tags) >= 2), when_unmet="skip_cascade"
)
def quiet() -> str:
    return "quiet"


@flow.map(on_failure="skip")
def tag(text: str = each[flow.payload.tags]) -> str:
    if text == "x":
        raise GiveUp("no x")
    return text


@flow.step(on_failure="skip", when=flow.payload.lang == "en")
def tagged(tags: list[str | None] = tag.result) -> str:
    if not tags:
        raise ValueError("no tags")
    return "tagged"


@flow.step
def both(
    one: str | None = loud.result,
    two: str = quiet.result,
    tags: list[str | None] = tag.result,
) -> str:
    return f"{one} {two} {tags}"


@flow.step(when=is_null(tagged.result) | one_of(flow.payload.kind, ["audio"]))
def either(given: str | None = tagged.result) -> str:
    return f"either {given}"


@flow.step(when=flow.payload.score < 5, when_unmet="fail")
def strict() -> int:
    return 1


@flow.on_failure
def tell(
    error: RunError = flow.error,
    done: str | None = both.if_completed,
    value: float | None = score.if_completed,
) -> list[str | float | None]:
    del done
    return [error.step, error.code, error.message, value]


ORDERS = [
    Order(kind=kind, score=given, tags=tags, lang=lang)
    for kind in ("audio", "text")
    for given in (0.5, 0.9, -1, 9)
    for tags in ([], ["x"], ["x", "y"])
    for lang in ("en", "de")
]


def column(conn: psycopg.Connection, what: bytes, run_id: object) -> dict[str, Any]:
    query = b"select step_slug, " + what + b" from pgflow.step_states where run_id = %s"
    return {slug: value for slug, value in conn.execute(query, [run_id]) if value is not None}


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_same_end(conn: psycopg.Connection, database_url: str, order: Order) -> None:
    manifest = compile_flows([flow])
    conn.execute("select pgflow.deploy(%s::jsonb)", [dump_manifest(manifest).decode()])
    with Client(database_url, manifest=manifest) as client:
        run_id = flow.run(order, client=client).run_id
        Worker([flow], database_url=database_url, drain=True).run_sync()
        status = client.get(run_id).status
    statuses = column(conn, b"status", run_id)
    results = column(conn, b"case status when 'completed' then step_result end", run_id)
    ended = in_memory(flow, order)
    if status == "failed":
        assert ended.statuses["tell"] == statuses["tell"] == "completed"
        assert ended.result(tell)[:3] == results["tell"][:3]
    else:
        assert {k: v for k, v in ended.statuses.items() if v != "created"} == statuses
        assert dict(ended.skip_reasons) == column(conn, b"skip_reason", run_id)
        assert {k: v for k, v in ended.results.items() if statuses[k] == "completed"} == results
