"""Every SQL call of the client as text and parameters, and how its answer is read. No I/O.

JSON goes out escaped to ASCII and comes back as UTF-8 bytes, parsed here, so that neither encoding
nor row factory nor adapters of the caller's connection can change it. The sessions (session.py,
session_async.py) run the calls.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, LiteralString, TypeVar, cast, get_args
from uuid import UUID

from pgflow_client.json_value import Json, shorten
from pgflow_client.payload import encode_payload
from pgflow_client.run import (
    ErrorReport,
    RunSnapshot,
    RunSummary,
    SchemaFault,
    SignalOutcome,
    StepReason,
    StepSnapshot,
    SubRun,
    TaskCounts,
)
from pgflow_manifest import (
    EngineError,
    InvalidArgumentError,
    RunId,
    RunStatus,
    SlugInvalidError,
    slug_problem,
)

AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[AnswerT]):
    """One statement that answers with one value."""

    name: str
    """What it calls, for messages."""
    sql: LiteralString
    params: tuple[object, ...]
    parse: Callable[[Any], AnswerT]
    """From the one value of the answer: text, an array of text, or JSON as bytes."""
    repeatable: bool = False
    """Whether sending it twice does no more than sending it once."""


def start_flow(
    flow_slug: str,
    payload: str,
    run_id: UUID | str | None = None,
    at: datetime | None = None,
) -> Call[RunId]:
    """Start one run; *payload* is JSON text."""
    if at is not None and at.utcoffset() is None:
        raise InvalidArgumentError(
            f"at={at.isoformat()!r} has no time zone",
            hint="give it one, such as datetime.now(UTC) + timedelta(hours=1)",
        )
    return Call(
        name="pgflow.start_flow",
        sql="select pgflow.start_flow(p_flow_slug => %s::text, p_payload => %s::jsonb, "
        "p_run_id => %s::uuid, p_start_at => %s::timestamptz)::text",
        params=(
            flow_slug,
            payload,
            None if run_id is None else str(as_run_id(run_id)),
            None if at is None else at.isoformat(),
        ),
        parse=_parse_run_id,
    )


def start_flows(flow_slug: str, payloads: Sequence[str]) -> Call[list[RunId]]:
    """Start one run for each payload, all or none; answers in their order."""
    return Call(
        name="pgflow.start_flows",
        sql="select pgflow.start_flows(p_flow_slug => %s::text, p_payloads => %s::jsonb[])::text[]",
        params=(flow_slug, list(payloads)),
        parse=_parse_run_ids,
    )


def get_run(run_id: UUID | str) -> Call[RunSnapshot]:
    """Read a run with all its steps."""
    return Call(
        name="pgflow.get_run",
        sql="select convert_to(pgflow.get_run(p_run_id => %s::uuid)::text, 'UTF8')",
        params=(str(as_run_id(run_id)),),
        parse=parse_run,
        repeatable=True,
    )


def list_runs(
    flow_slug: str | None = None, status: str | None = None, limit: int = 50
) -> Call[tuple[RunSummary, ...]]:
    """Read the newest runs that the caller may see."""
    if flow_slug is not None and (problem := slug_problem(flow_slug)) is not None:
        raise SlugInvalidError(shorten(problem), hint="name a flow by its slug")
    statuses = get_args(RunStatus)
    if status is not None and status not in statuses:
        raise InvalidArgumentError(
            f"{shorten(status)!r} is not the status of a run", hint=f"use {', '.join(statuses)}"
        )
    return Call(
        name="pgflow.list_runs",
        sql="select convert_to(coalesce(jsonb_agg(to_jsonb(r)), '[]')::text, 'UTF8') "
        "from pgflow.list_runs(p_flow_slug => %s::text, p_status => %s::text, "
        "p_limit => %s::int) as r",
        params=(flow_slug, status, limit),
        parse=_parse_summaries,
        repeatable=True,
    )


def cancel_run(run_id: UUID | str, reason: str | None = None) -> Call[RunStatus]:
    """Cancel a run that has not ended; answers the status afterwards."""
    return Call(
        name="pgflow.cancel_run",
        sql="select pgflow.cancel_run(p_run_id => %s::uuid, p_reason => %s::jsonb #>> '{}')",
        params=(str(as_run_id(run_id)), encode_payload(reason, what="the reason")),
        parse=lambda value: cast("RunStatus", _text(value)),
        repeatable=True,
    )


def send_signal(run_id: UUID | str, signal: str, payload: object) -> Call[SignalOutcome]:
    """Give a run what a signal step of it waits for; the exact repeat changes nothing."""
    if (problem := slug_problem(signal)) is not None:
        raise SlugInvalidError(shorten(problem), hint="name the signal by the slug of its step")
    return Call(
        name="pgflow.send_signal",
        sql="select pgflow.send_signal(p_run_id => %s::uuid, p_step_slug => %s::text, "
        "p_payload => %s::jsonb)",
        params=(str(as_run_id(run_id)), signal, encode_payload(payload, what="the signal")),
        parse=lambda value: cast("SignalOutcome", _text(value)),
        repeatable=True,
    )


def explain_run(run_id: UUID | str) -> Call[tuple[StepReason, ...]]:
    """Ask why the unfinished steps of a run do not run."""
    return Call(
        name="pgflow.explain_run",
        sql="select convert_to(coalesce(jsonb_agg(to_jsonb(e)), '[]')::text, 'UTF8') "
        "from pgflow.explain_run(p_run_id => %s::uuid) as e",
        params=(str(as_run_id(run_id)),),
        parse=lambda value: tuple(StepReason(**row) for row in _parse_json(value)),
        repeatable=True,
    )


def watch_run(run_id: UUID | str, seconds: float) -> Call[str]:
    """Ask that changes of a run are notified for some time; answers the channel."""
    return Call(
        name="pgflow.watch_run",
        sql="select pgflow.watch_run(p_run_id => %s::uuid, p_seconds => %s::double precision)",
        params=(str(as_run_id(run_id)), seconds),
        parse=_text,
        repeatable=True,
    )


def as_run_id(value: UUID | str) -> RunId:
    """Return *value* as a run id.

    Raises:
        InvalidArgumentError: it is not a UUID.
    """
    if isinstance(value, UUID):
        return RunId(value)
    try:
        return RunId(UUID(value))
    except (ValueError, AttributeError, TypeError):
        raise InvalidArgumentError(
            f"{shorten(str(value))!r} is not a run id", hint="a run id is a UUID, as `start` gives"
        ) from None


def parse_run(value: bytes) -> RunSnapshot:
    """Read the document of `pgflow.get_run`."""
    document = _parse_json(value)
    return RunSnapshot(
        run_id=RunId(UUID(document["run_id"])),
        flow_slug=document["flow_slug"],
        parent_run_id=_parse_id(document.get("parent_run_id")),
        version=document["version"],
        status=document["status"],
        payload=document["payload"],
        output_or_none=document["output"],
        error=_parse_error(document["error"]),
        owner=document["owner"],
        started_at=_parse_time(document["started_at"]),
        ended_at=_parse_time(document["ended_at"]),
        steps=tuple(_parse_step(step) for step in document["steps"]),
    )


def _parse_step(step: dict[str, Any]) -> StepSnapshot:
    return StepSnapshot(
        slug=step["slug"],
        kind=step["kind"],
        status=step["status"],
        result=step["result"],
        error=_parse_error(step["error"]),
        attempts=step["attempts"],
        started_at=_parse_time(step["started_at"]),
        ended_at=_parse_time(step["ended_at"]),
        running=step["running"],
        worker=step["worker"],
        retry_at=_parse_time(step["retry_at"]),
        tasks=None if step["tasks"] is None else TaskCounts(**step["tasks"]),
        sub_run_id=_parse_id(step.get("sub_run_id")),
        sub_runs=tuple(
            SubRun(task_index=sub_run["task_index"], run_id=RunId(UUID(sub_run["run_id"])))
            for sub_run in step.get("sub_runs") or ()
        ),
        skip_reason=step["skip_reason"],
    )


def _parse_error(document: Json) -> ErrorReport | None:
    if document is None:
        return None
    if not isinstance(document, dict):
        return ErrorReport(code=None, type=None, message=str(document))
    texts = {key: value for key, value in document.items() if isinstance(value, str)}
    index = document.get("task_index")
    return ErrorReport(
        code=texts.get("code"),
        type=texts.get("type"),
        message=texts.get("reason") or texts.get("message") or "",
        traceback=texts.get("traceback"),
        faults=tuple(_parse_faults(document.get("errors"))),
        task_index=index if isinstance(index, int) else None,
    )


def _parse_faults(faults: Json) -> Iterator[SchemaFault]:
    """Take what the engine wrote; the errors of other reporters may have any form."""
    for fault in faults if isinstance(faults, list) else ():
        match fault:
            case {"at": str(at), "keyword": str(keyword), "message": str(message)}:
                yield SchemaFault(at=at, keyword=keyword, message=message)
            case _:
                continue


def _parse_summaries(value: bytes) -> tuple[RunSummary, ...]:
    return tuple(
        RunSummary(
            run_id=RunId(UUID(row["run_id"])),
            flow_slug=row["flow_slug"],
            version=row["version"],
            status=row["status"],
            owner=row["owner"],
            started_at=_parse_time(row["started_at"]),
            ended_at=_parse_time(row["ended_at"]),
        )
        for row in _parse_json(value)
    )


def _parse_run_id(value: object) -> RunId:
    return RunId(UUID(_text(value)))


def _parse_run_ids(value: Sequence[object] | None) -> list[RunId]:
    return [_parse_run_id(item) for item in value or ()]


def _parse_id(value: str | None) -> RunId | None:
    return None if value is None else RunId(UUID(value))


def _parse_time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _text(value: object) -> str:
    # A connection with the client encoding SQL_ASCII gives text as bytes.
    return value.decode() if isinstance(value, bytes) else str(value)


def _parse_json(value: bytes) -> Any:
    try:
        return json.loads(bytes(value))
    except RecursionError:
        raise EngineError(
            "the run holds a value that nests too deeply to be read here",
            hint="read it where less of the call stack is used",
        ) from None
    except ValueError:
        # Python refuses integers of more than 4300 digits, which jsonb may well hold.
        return json.loads(bytes(value), parse_int=lambda digits: int(Decimal(digits)))
