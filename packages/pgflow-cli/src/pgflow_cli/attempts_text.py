"""The history of a run: every attempt that has ended, with its error."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

from pgflow_cli.connection import Database, call, connect
from pgflow_cli.terminal import duration
from pgflow_manifest import RunId

_ATTEMPTS: LiteralString = """
select
  a.step_slug, case when s.kind = 'map' then a.task_index end as task_index, a.attempt, a.outcome,
  a.started_at, a.ended_at, a.error
from pgflow.attempts as a
join jsonb_to_recordset(pgflow.get_run(%(run_id)s) -> 'steps') as s (slug text, kind text)
  on s.slug = a.step_slug
where a.run_id = %(run_id)s
order by a.started_at, a.step_slug, a.task_index, a.attempt
"""
"""Which steps are maps is asked of the run: the tables of definitions are not for everybody."""


def read_attempts(database: Database, run_id: RunId) -> list[dict[str, Any]]:
    """Return the attempts of a run that have ended, the first that started first.

    Raises:
        RunNotFoundError: PF102, there is no such run, or it is not the caller's.
    """
    with connect(database) as conn:
        rows = call(conn, _ATTEMPTS, {"run_id": run_id})
    return [
        {
            **row,
            "started_at": row["started_at"].isoformat(),
            "ended_at": row["ended_at"].isoformat(),
            "seconds": (row["ended_at"] - row["started_at"]).total_seconds(),
        }
        for row in rows
    ]


def attempts_text(attempts: Sequence[Mapping[str, Any]]) -> str:
    """Return a line for each attempt, and below it the traceback of what it raised."""
    return "\n".join(part for attempt in attempts for part in _told(attempt))


def _told(attempt: Mapping[str, Any]) -> list[str]:
    item = "" if attempt["task_index"] is None else f"[{attempt['task_index']}]"
    line = (
        f"{attempt['step_slug']}{item} attempt {attempt['attempt']} {attempt['outcome']}"
        f" after {duration(attempt['seconds'])}"
    )
    error: Mapping[str, Any] | None = attempt["error"]
    if error is None:
        return [line]
    code = f"[{error['code']}] " if error.get("code") else ""
    kind = f"{error['type']}: " if error.get("type") else ""
    told = [f"{line}: {code}{kind}{error.get('message', '')}"]
    if error.get("traceback"):
        told.append(textwrap.indent(str(error["traceback"]).rstrip(), "    "))
    return told
