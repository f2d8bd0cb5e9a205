"""What the rules of the machine are made of: calls whose answers are held to the oracle."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Final
from uuid import UUID

from hypothesis import note
from hypothesis.stateful import RuleBasedStateMachine
from psycopg.types.json import Jsonb
from tests.support import builders
from tests.support.builders import Claimed
from tests.support.invariants import check_invariants
from tests.support.model import flows, recount
from tests.support.model.oracle import BEAT_SECONDS, Oracle
from tests.support.model.reports import (
    LEASE_SECONDS,
    Draft,
    Held,
    Report,
    by_lease,
    told_by_engine,
)
from tests.support.model.sessions import Conn, Sessions, sqlstate_of
from tests.support.model.state import TaskKey, contract_of, key_of

from pgflow_manifest import FlowSpec

NOON: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)


class Player(RuleBasedStateMachine):
    """Subclass it with `sessions`; its instances are the examples."""

    sessions: ClassVar[Sessions]

    def __init__(self) -> None:
        super().__init__()
        self.oracle = Oracle(now=NOON, find_sub_run=self.sessions.find_sub_run)
        self.known: list[Held] = []
        """Every lease that there ever was."""
        self.is_sound = True
        """Whether nothing has failed yet: a failed program is not played to its end."""
        recount.clear(self.sessions.onlooker)
        self.sessions.begin()

    def flow(self) -> FlowSpec:
        """Return the flow of which runs are started."""
        return self.oracle.flows[flows.SLUG]

    def worker(self, pick: int) -> UUID:
        """Return one of the workers."""
        return [*self.oracle.workers][pick % len(self.oracle.workers)]

    def run(self, pick: int) -> UUID:
        """Return one of the runs, sub-runs among them."""
        return [*self.oracle.runs][pick % len(self.oracle.runs)]

    def at(self, session: int) -> Conn:
        """Return a session; a moment has passed since the last call."""
        self.oracle.now += timedelta(milliseconds=1)
        self.is_sound = False  # until `check` says otherwise
        return self.sessions.at(session, self.oracle.now)

    def check(self) -> None:
        """Hold the tables against the oracle."""
        recount.check_same(self.sessions.onlooker, self.oracle)
        check_invariants(self.sessions.onlooker)
        self.is_sound = True

    def deploy(self, *some: FlowSpec) -> None:
        """Deploy flows."""
        builders.deploy(self.at(0), *some)
        for flow in some:
            self.oracle.deploy(flow)
        self.check()

    def register(self, session: int, worker_id: UUID, handlers: Mapping[str, FlowSpec]) -> None:
        """Register a worker that has the handlers of some steps of each flow."""
        contracts = [contract_of(flow, step) for flow in handlers.values() for step in flow.steps]
        flow_slugs, step_slugs, digests = zip(*contracts, strict=True)
        self.at(session).execute(
            "select pgflow.register_worker(%s, 'w', %s::text[], %s::text[], %s::text[], %s)",
            [worker_id, [*flow_slugs], [*step_slugs], [*digests], BEAT_SECONDS],
        )
        self.oracle.register_worker(worker_id, contracts)
        self.check()

    def beat(self, session: int) -> None:
        """Let every worker say that it lives."""
        for worker_id in self.oracle.workers:
            conn = self.at(session)
            told = sqlstate_of(partial(conn.execute, "select pgflow.beat(%s)", [worker_id]))
            assert told == self.oracle.beat(worker_id)
        self.check()

    def start(self, session: int, payload: Any, delay: float = 0) -> None:
        """Start a run, now or later."""
        run_id = UUID(int=1 + sum(run.parent is None for run in self.oracle.runs.values()))
        conn = self.at(session)
        start_at = self.oracle.now + timedelta(seconds=delay) if delay else None
        conn.execute(
            "select pgflow.start_flow(%s, %s, %s, %s)",
            [flows.SLUG, Jsonb(payload), run_id, start_at],
        )
        assert self.oracle.start_flow(run_id, flows.SLUG, payload, start_at) is None
        self.check()

    def claim(self, session: int, worker_id: UUID, limit: int) -> None:
        """Claim tasks."""
        conn = self.at(session)
        claimed: list[Claimed] = []
        told = sqlstate_of(
            lambda: claimed.extend(builders.claim(conn, worker_id, limit, LEASE_SECONDS))
        )
        self.take(worker_id, limit, claimed, told)

    def take(
        self,
        worker_id: UUID,
        limit: int,
        claimed: list[Claimed],
        told: str | None,
        handed: frozenset[TaskKey] = frozenset(),
    ) -> None:
        """Remember what was claimed; *told* is the error, if any."""
        if self.oracle.workers[worker_id].status != "running":
            assert told == "PF104"
        else:
            assert told is None, told
            self.oracle.claim_tasks(worker_id, limit, claimed, LEASE_SECONDS, handed)
        self.check()
        in_order = sorted(claimed, key=lambda t: (t.run_id, t.step_slug, t.task_index))
        first = len(self.known)
        self.known += [Held(**asdict(t), number=first + n) for n, t in enumerate(in_order)]

    def live(self) -> list[Held]:
        """Return the tasks that somebody holds."""
        now = {lease.lease_id for lease in self.oracle.leases.values()}
        return [task for task in self.known if task.lease_id in now]

    def drawn(self, draft: Draft, beside: Report | None = None) -> Report:
        """Return the report of a draft, about tasks that there are.

        *beside* another one it is about other tasks of the same runs, if there are any.
        """
        live, now = self.live(), self.oracle.leases
        # of a lease that is over, above all when somebody else has the task now
        over = [task for task in self.known if task not in live and key_of(task) in now]
        pool = (over if draft.late else live) or self.known
        if beside is not None:
            runs = {task.run_id for task in beside.tasks}
            others = [t for t in pool if t.run_id in runs and t not in beside.tasks]
            pool = others or pool
        tasks = [pool[pick % len(pool)] for pick in draft.picks]
        if draft.verb == "complete step":
            tasks = tasks[:1]
        report = Report(verb=draft.verb, tasks=tasks, results=self.made(tasks, draft.numbers))
        note(f"# {report}")
        return report

    def made(self, tasks: Sequence[Held], numbers: Sequence[int]) -> list[Any]:
        """Return a result for each task; equal ones for a lease that is named twice."""
        by_lease: dict[int, Any] = {}
        for ordinal, task in enumerate(tasks):
            step = self.oracle.runs[task.run_id].flow.step(task.step_slug)
            result = flows.result_of(step, numbers[ordinal % len(numbers)])
            by_lease.setdefault(task.number, result)
        return [by_lease[task.number] for task in tasks]

    def report(self, session: int, report: Report) -> None:
        """Make a report."""
        self.compare(report, told_by_engine(self.at(session), report))
        self.check()

    def compare(self, report: Report, told: Any) -> None:
        """Hold the answer to a report against the oracle's."""
        right = self._right(report)
        if report.verb not in ("cancel", "complete step"):
            told, right = by_lease(report.tasks, told), by_lease(report.tasks, right)
        assert told == right, f"{report.verb} answered {told}; right is {right}"

    def _right(self, report: Report) -> Any:
        """What the oracle answers to a report."""
        tasks = report.tasks
        answers: dict[str, Callable[[], Any]] = {
            "complete": lambda: self.oracle.complete_tasks(
                [*zip(tasks, report.results, strict=True)]
            ),
            "fail": lambda: self.oracle.fail_tasks(tasks, retryable=True, retry_after=None),
            "fail at once": lambda: self.oracle.fail_tasks(tasks, retryable=True, retry_after=0),
            "give up": lambda: self.oracle.fail_tasks(tasks, retryable=False, retry_after=None),
            "release": lambda: self.oracle.release_tasks(tasks),
            "extend": lambda: self.oracle.extend_leases(tasks, LEASE_SECONDS),
            "cancel": lambda: self.oracle.cancel_run(tasks[0].run_id),
        }
        if report.verb == "complete step":
            (outcome,) = answers["complete"]()
            return "PF301" if outcome == "stale" else None
        return answers[report.verb]()

    def sweep(self, session: int, limit: int) -> None:
        """Let happen what is due, and end what is overdue."""
        if len(self.oracle.due_runs()) > 1 or self.oracle.sub_runs:
            # of what is due at the same time any may come first, also news for a run that has ended
            limit = 1000
        self.compare_sweep(swept(self.at(session), limit), self.oracle.sweep(limit))
        self.check()

    def compare_sweep(self, told: tuple[int, int, int], right: tuple[int, int, int]) -> None:
        """News for runs that have ended may be counted as fired."""
        assert told[:2] == right[:2], f"sweep answered {told}; right is {right}"
        assert told[2] >= right[2], f"{told[2]} timers fired, and {right[2]} were due"

    def signal(self, session: int, run_id: UUID, slug: str, payload: Any) -> None:
        """Send a signal."""
        conn = self.at(session)
        told = signalled(conn, run_id, slug, payload)
        right = self.oracle.send_signal(run_id, slug, payload)
        assert told == right, f"the signal was answered {told}; right is {right}"
        self.check()

    def cancel(self, session: int, run_id: UUID) -> None:
        """Cancel a run."""
        assert cancelled(self.at(session), run_id) == self.oracle.cancel_run(run_id)
        self.check()


def swept(conn: Conn, limit: int) -> tuple[int, int, int]:
    """Return how many leases expired, how many workers died, and how many timers fired."""
    row = conn.execute("select expired, dead_workers, fired from pgflow.sweep(%s)", [limit])
    [(expired, dead_workers, fired)] = row.fetchall()
    return expired, dead_workers, fired


def signalled(conn: Conn, run_id: UUID, slug: str, payload: Any) -> str:
    """Send a signal; return the answer, or the code of the error."""
    call = "select pgflow.send_signal(%s, %s, %s)"
    told: list[str] = []
    error = sqlstate_of(
        lambda: told.append(builders.scalar(conn, call, [run_id, slug, Jsonb(payload)]))
    )
    return error or told[0]


def cancelled(conn: Conn, run_id: UUID) -> str | None:
    """Cancel a run; return the code of the error, if any."""
    return sqlstate_of(lambda: conn.execute("select pgflow.cancel_run(%s)", [run_id]))
