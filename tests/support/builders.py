"""The ladder of things tests start from: a manifest, a deployed flow, a run, a claimed task.

Each rung uses public functions of the engine only, so a test that stands on it tests what users
have. The flow is the diamond: transcribe -> (summarize, capitalize) -> merge.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

from psycopg import Connection
from psycopg.rows import dict_row, scalar_row
from psycopg.types.json import Jsonb

from pgflow_manifest import (
    EachInput,
    FlowOptions,
    FlowSpec,
    Input,
    JsonSchema,
    Manifest,
    Over,
    PayloadInput,
    ResultInput,
    StepOptions,
    StepSpec,
    dump_manifest,
    with_digests,
)

NO_DIGEST: Final = "0" * 64
ANYTHING: Final[JsonSchema] = {}
STRING: Final[JsonSchema] = {"type": "string"}
PAYLOAD: Final = {"owner_id": "ada"}


def object_schema(*properties: str) -> JsonSchema:
    """Return the schema of an object with these string properties, all required."""
    return {
        "type": "object",
        "properties": dict.fromkeys(properties, STRING),
        "required": list(properties),
    }


def a_step(
    slug: str,
    *deps: str,
    inputs: Mapping[str, Input] | None = None,
    result_schema: JsonSchema = ANYTHING,
    options: StepOptions | None = None,
) -> StepSpec:
    """Return a step that waits for *deps*."""
    return StepSpec(
        slug=slug,
        deps=tuple(sorted(deps)),
        inputs=dict(inputs or {}),
        result_schema=result_schema,
        options=options or StepOptions(),
        digest=NO_DIGEST,
    )


def a_map(
    slug: str,
    over: Over,
    *deps: str,
    inputs: Mapping[str, Input] | None = None,
    item_schema: JsonSchema = ANYTHING,
    options: StepOptions | None = None,
) -> StepSpec:
    """Return a map step; its handler takes the item as `item`, unless *inputs* say else."""
    source = {over.step} if isinstance(over, ResultInput) else set[str]()
    step = a_step(
        slug,
        *(source | set(deps)),
        inputs={"item": EachInput()} if inputs is None else inputs,
        result_schema={"type": "array", "items": item_schema},
        options=options,
    )
    return step.model_copy(update={"kind": "map", "over": over})


def a_flow(
    slug: str,
    *steps: StepSpec,
    payload_schema: JsonSchema | None = None,
    options: FlowOptions | None = None,
    client_startable: bool = False,
) -> FlowSpec:
    """Return a flow with right digests; *steps* in topological order."""
    return with_digests(
        FlowSpec(
            slug=slug,
            payload_schema=ANYTHING if payload_schema is None else payload_schema,
            options=options or FlowOptions(jitter=0),
            steps=steps,
            client_startable=client_startable,
            digest=NO_DIGEST,
        )
    )


def a_diamond(
    slug: str = "voice_memo",
    *,
    payload_schema: JsonSchema | None = None,
    options: FlowOptions | None = None,
    client_startable: bool = False,
) -> FlowSpec:
    """Return transcribe -> (summarize, capitalize) -> merge, with arguments of every kind."""
    return a_flow(
        slug,
        a_step(
            "transcribe",
            inputs={"memo": PayloadInput()},
            result_schema=object_schema("transcription"),
        ),
        a_step(
            "summarize",
            "transcribe",
            inputs={
                "t": ResultInput(step="transcribe"),
                "owner": PayloadInput(path=("owner_id",)),
            },
            result_schema=STRING,
        ),
        a_step(
            "capitalize",
            "transcribe",
            inputs={"text": ResultInput(step="transcribe", path=("transcription",))},
            result_schema=STRING,
        ),
        a_step(
            "merge",
            "summarize",
            "capitalize",
            inputs={
                "summary": ResultInput(step="summarize"),
                "loud": ResultInput(step="capitalize"),
            },
            result_schema=STRING,
        ),
        payload_schema=payload_schema,
        options=options,
        client_startable=client_startable,
    )


def a_mapped_list(
    slug: str = "mapped",
    *,
    item_schema: JsonSchema = ANYTHING,
    options: StepOptions | None = None,
) -> FlowSpec:
    """Return numbers -> double (a map over them) -> total."""
    return a_flow(
        slug,
        a_step("numbers", inputs={"given": PayloadInput()}),
        a_map("double", ResultInput(step="numbers"), item_schema=item_schema, options=options),
        a_step("total", "double", inputs={"doubled": ResultInput(step="double")}),
    )


DIAMOND_RESULTS: Final[Mapping[str, Any]] = {
    "transcribe": {"transcription": "hello"},
    "summarize": "short",
    "capitalize": "HELLO",
    "merge": "short HELLO",
}


def deploy(conn: Connection[Any], *flows: FlowSpec) -> list[tuple[str, int, str]]:
    """Deploy *flows*; return slug, version and outcome of each."""
    manifest = Manifest(flows=tuple(sorted(flows, key=lambda flow: flow.slug)))
    with conn.cursor() as cursor:
        cursor.execute(
            "select flow_slug, version, outcome from pgflow.deploy(%s)",
            [dump_manifest(manifest).decode()],
        )
        return cursor.fetchall()


def register_worker(
    conn: Connection[Any], *flows: FlowSpec, name: str = "tester", beat_seconds: float = 10
) -> UUID:
    """Register a worker that has a handler for every step of *flows*; return its id."""
    worker_id = uuid4()
    handlers = [(flow.slug, step.slug, step.digest) for flow in flows for step in flow.steps]
    conn.execute(
        "select * from pgflow.register_worker(%s, %s, %s::text[], %s::text[], %s::text[], %s)",
        [
            worker_id,
            name,
            [handler[0] for handler in handlers],
            [handler[1] for handler in handlers],
            [handler[2] for handler in handlers],
            beat_seconds,
        ],
    )
    return worker_id


def start_run(conn: Connection[Any], flow: str = "voice_memo", payload: Any = PAYLOAD) -> UUID:
    """Start one run; return its id."""
    run_id: UUID = scalar(conn, "select pgflow.start_flow(%s, %s)", [flow, Jsonb(payload)])
    return run_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """One row of `claim_tasks`."""

    run_id: UUID
    step_slug: str
    task_index: int
    attempt: int
    lease_id: UUID
    args: Any


def claim(
    conn: Connection[Any], worker_id: UUID, limit: int = 100, lease_seconds: float = 30
) -> list[Claimed]:
    """Claim up to *limit* tasks."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            "select run_id, step_slug, task_index, attempt, lease_id, args"
            " from pgflow.claim_tasks(%s, %s, %s)",
            [worker_id, limit, lease_seconds],
        ).fetchall()
    return [Claimed(**row) for row in rows]


def claim_in_order(
    conn: Connection[Any], worker_id: UUID, limit: int = 100, lease_seconds: float = 30
) -> list[Claimed]:
    """Claim up to *limit* tasks; those of a map come in the order of its items."""
    tasks = claim(conn, worker_id, limit, lease_seconds)
    return sorted(tasks, key=lambda task: (task.run_id, task.step_slug, task.task_index))


def keys(tasks: Sequence[Claimed]) -> list[list[Any]]:
    """Return the four parallel arrays that name *tasks* in every report."""
    return [
        [task.run_id for task in tasks],
        [task.step_slug for task in tasks],
        [task.task_index for task in tasks],
        [task.lease_id for task in tasks],
    ]


_KEYS: Final = "%s::uuid[], %s::text[], %s::int[], %s::uuid[]"


def complete(
    conn: Connection[Any], tasks: Sequence[Claimed], results: Iterable[Any] | None = None
) -> list[str]:
    """Complete *tasks*, with the results of the diamond by default; return the outcomes."""
    chosen = [DIAMOND_RESULTS[task.step_slug] for task in tasks] if results is None else results
    return column(
        conn,
        f"select outcome from pgflow.complete_tasks({_KEYS}, %s::jsonb[]) order by ordinal",
        [*keys(tasks), [Jsonb(result) for result in chosen]],
    )


def exchange(
    conn: Connection[Any],
    worker_id: UUID,
    tasks: Sequence[Claimed],
    limit: int = 100,
    *,
    results: Iterable[Any] | None = None,
    lease_seconds: float = 30,
) -> tuple[dict[int, str], list[Claimed]]:
    """Complete *tasks* and claim; return what was not completed, by ordinal, and the claimed."""
    chosen = [DIAMOND_RESULTS[task.step_slug] for task in tasks] if results is None else results
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            "select ordinal, outcome, run_id, step_slug, task_index, attempt, lease_id, args"
            f" from pgflow.exchange_tasks(%s, {_KEYS}, %s::jsonb[], %s, %s)",
            [worker_id, *keys(tasks), [Jsonb(one) for one in chosen], limit, lease_seconds],
        ).fetchall()
    outcomes: dict[int, str] = {}
    claimed: list[Claimed] = []
    for row in rows:
        ordinal, outcome = row.pop("ordinal"), row.pop("outcome")
        if ordinal is None:
            claimed.append(Claimed(**row))
        else:
            outcomes[ordinal] = outcome
    return outcomes, claimed


def fail(
    conn: Connection[Any],
    tasks: Sequence[Claimed],
    *,
    retryable: bool = True,
    retry_after: float | None = None,
    message: str = "boom",
) -> list[str]:
    """Fail *tasks*; return the outcomes."""
    error = Jsonb({"code": "PF603", "type": "ValueError", "message": message})
    return column(
        conn,
        f"select outcome from pgflow.fail_tasks({_KEYS}, %s::jsonb[], %s::boolean[], %s::float8[])"
        " order by ordinal",
        [
            *keys(tasks),
            [error for _ in tasks],
            [retryable for _ in tasks],
            [retry_after for _ in tasks],
        ],
    )


def release(conn: Connection[Any], tasks: Sequence[Claimed]) -> list[str]:
    """Release *tasks*; return the outcomes."""
    return column(
        conn, f"select outcome from pgflow.release_tasks({_KEYS}) order by ordinal", keys(tasks)
    )


def extend(conn: Connection[Any], tasks: Sequence[Claimed], seconds: float = 30) -> list[Any]:
    """Extend the leases of *tasks*; return the new ends, None for a lease that is lost."""
    return column(
        conn,
        f"select leased_until from pgflow.extend_leases({_KEYS}, %s) order by ordinal",
        [*keys(tasks), seconds],
    )


def work_off(conn: Connection[Any], worker_id: UUID, limit: int = 100) -> int:
    """Claim and complete until nothing is waiting; return how many tasks that were."""
    count = 0
    while tasks := claim(conn, worker_id, limit):
        assert set(complete(conn, tasks)) == {"completed"}
        count += len(tasks)
    return count


def a_claimed_task(
    conn: Connection[Any], flow: FlowSpec | None = None, payload: Any = PAYLOAD
) -> tuple[UUID, Claimed]:
    """Deploy a flow with one root step, start a run, claim its first task; the worker comes too."""
    chosen = flow or a_diamond()
    deploy(conn, chosen)
    worker_id = register_worker(conn, chosen)
    start_run(conn, chosen.slug, payload)
    [task] = claim(conn, worker_id)
    return worker_id, task


def a_started_map(
    conn: Connection[Any], items: Any, flow: FlowSpec | None = None
) -> tuple[UUID, UUID]:
    """Deploy, start and claim `a_mapped_list` until its map goes over *items*; worker and run."""
    worker_id, task = a_claimed_task(conn, flow or a_mapped_list(), {})
    assert complete(conn, [task], [items]) == ["completed"]
    return worker_id, task.run_id


def attempts(conn: Connection[Any], run_id: UUID) -> list[tuple[str, int, str]]:
    """Return step, number and outcome of every ended attempt of a run, oldest first."""
    return conn.execute(
        "select step_slug, attempt, outcome from pgflow.attempts where run_id = %s"
        " order by ended_at, started_at, attempt, step_slug",
        [run_id],
    ).fetchall()


def get_step(conn: Connection[Any], run_id: UUID, step_slug: str) -> dict[str, Any]:
    """Return the part of the run's document that is about one step."""
    steps: list[dict[str, Any]] = get_run(conn, run_id)["steps"]
    return next(step for step in steps if step["slug"] == step_slug)


def get_run(conn: Connection[Any], run_id: UUID) -> dict[str, Any]:
    """Return the document of one run."""
    document: dict[str, Any] = scalar(conn, "select pgflow.get_run(%s)", [run_id])
    return document


def scalar(conn: Connection[Any], query: str, params: Sequence[Any] = ()) -> Any:
    """Return the first column of the first row."""
    with conn.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(query.encode(), params).fetchone()


def column(conn: Connection[Any], query: str, params: Sequence[Any] = ()) -> list[Any]:
    """Return the first column of every row."""
    with conn.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(query.encode(), params).fetchall()
