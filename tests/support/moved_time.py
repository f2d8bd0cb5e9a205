"""A run in the database whose time is moved: as soon as nothing can be done, to what is due next.

Everything is done on one connection, the handlers by what stands in for a worker: so every time in
the tables is exact, and can be compared with that of a run in memory. Handlers fail by ValueError.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb
from tests.support.builders import (
    Claimed,
    claim,
    column,
    complete,
    deploy,
    fail,
    register_worker,
    scalar,
)
from tests.support.fix_clock import SetClock

from pgflow_dsl import Flow, GiveUp, Retry, Step, compile_flows
from pgflow_manifest import error_from_sqlstate

Conn = psycopg.Connection[Any]
NOON: Final = datetime(2030, 1, 31, 12, tzinfo=UTC)


@dataclass(kw_only=True)
class MovedRun:
    """How a run in the database ended, or what it waits for in vain."""

    status: str
    error: Any
    statuses: Mapping[str, str]
    """Of the steps that have begun."""
    skip_reasons: Mapping[str, str]
    results: Mapping[str, Any]
    """Of those that have completed."""
    times: Mapping[str, tuple[float, float]]
    """When they started and ended, of those that ended before the run did."""
    attempt_seconds: Mapping[str, Sequence[float]]
    answers: Mapping[str, str]
    """What those were told who sent a signal."""


@dataclass(kw_only=True)
class TimeMachine:
    """Moves runs of *flows* on one connection."""

    conn: Conn
    set_clock: SetClock
    flows: Sequence[Flow[Any]]
    seconds: float = 0
    answers: dict[str, str] = field(default_factory=dict[str, str])

    def run(self, payload: Any, sent: Mapping[Step[Any], tuple[float, Any]]) -> MovedRun:
        """Start a run of the first flow and let it go as far as it can.

        Args:
            payload: what it starts with.
            sent: by step of that flow, when a signal is sent, and what.
        """
        self._move(0)
        specs = compile_flows(self.flows).flows
        deploy(self.conn, *specs)
        worker_id = register_worker(self.conn, *specs)
        flow = self.flows[0]
        document = flow.payload_json_type().adapter.dump_python(payload, mode="json")
        run_id = scalar(self.conn, "select pgflow.start_flow(%s, %s)", [flow.slug, Jsonb(document)])
        waiting = sorted(sent.items(), key=lambda item: item[1][0])
        while True:
            while waiting and waiting[0][1][0] <= self.seconds:
                step, (_, value) = waiting.pop(0)
                self.answers[step.slug] = self._send(run_id, step, value)
            self._do_what_is_due(worker_id)
            dues = [*self._dues(), *(when for _, (when, _) in waiting[:1])]
            if not dues:
                return self._told(run_id)
            self._move(min(dues))

    def _move(self, seconds: float) -> None:
        self.seconds = seconds
        self.set_clock(self.conn, NOON + timedelta(seconds=seconds))

    def _send(self, run_id: UUID, step: Step[Any], value: Any) -> str:
        try:
            with self.conn.transaction():
                query = "select pgflow.send_signal(%s, %s, %s)"
                answer: str = scalar(self.conn, query, [run_id, step.slug, Jsonb(value)])
        except psycopg.Error as error:
            known = error_from_sqlstate(error.sqlstate, str(error))
            assert known is not None
            return known.code or ""
        return answer

    def _do_what_is_due(self, worker_id: UUID) -> None:
        while True:
            self.conn.execute("select pgflow.beat(%s)", [worker_id])
            fired = scalar(self.conn, "select fired from pgflow.sweep()")
            tasks = claim(self.conn, worker_id)
            for task in tasks:
                self._work(task)
            if not fired and not tasks:
                return

    def _work(self, task: Claimed) -> None:
        slug = scalar(
            self.conn, "select flow_slug from pgflow.runs where run_id = %s", [task.run_id]
        )
        step = next(f for f in self.flows if f.slug == slug).steps[task.step_slug]
        try:
            value = step.fn(**step.decode_args(json.dumps(task.args)))
            result = json.loads(step.encode_result(value))
        except Exception as error:
            after = error.after if isinstance(error, Retry) else None
            is_retryable = not isinstance(error, GiveUp)
            fail(self.conn, [task], retryable=is_retryable, retry_after=after, message=str(error))
        else:
            complete(self.conn, [task], [result])

    def _dues(self) -> list[float]:
        dues = column(
            self.conn,
            "select due_at from pgflow.timers union all select available_at from pgflow.tasks",
        )
        return [seconds for due in dues if (seconds := _seconds(due)) > self.seconds]

    def _told(self, run_id: UUID) -> MovedRun:
        run = self.conn.execute(
            "select status, error from pgflow.runs where run_id = %s", [run_id]
        ).fetchone()
        assert run is not None
        rows = self.conn.execute(
            "select step_slug, status, skip_reason, step_result, started_at, ended_at"
            " from pgflow.step_states where run_id = %s",
            [run_id],
        ).fetchall()
        attempts = self.conn.execute(
            "select step_slug, started_at from pgflow.attempts where run_id = %s"
            " order by started_at",
            [run_id],
        ).fetchall()
        seconds: dict[str, list[float]] = {}
        for slug, started_at in attempts:
            seconds.setdefault(slug, []).append(_seconds(started_at))
        return MovedRun(
            status=run[0],
            error=run[1],
            statuses={row[0]: row[1] for row in rows},
            skip_reasons={row[0]: row[2] for row in rows if row[2] is not None},
            results={row[0]: row[3] for row in rows if row[1] == "completed"},
            times={
                row[0]: (_seconds(row[4]), _seconds(row[5]))
                for row in rows
                if row[5] is not None and row[1] != "cancelled"
            },
            attempt_seconds=seconds,
            answers=self.answers,
        )


def _seconds(at: datetime) -> float:
    return round((at - NOON).total_seconds(), 6)
