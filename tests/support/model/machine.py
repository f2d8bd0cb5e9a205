"""Random programs for the engine, held against the oracle after each call.

Every rule is one call of a public function, made on any of the sessions; what it answered and
what the tables say afterwards must be what the oracle says, and the invariants are recounted.
Leases are remembered after they were reported, so reports come late, twice, and of tasks that
somebody else has now. At the end of each program, time passes and an honest worker comes: then
every run must end.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Final
from uuid import UUID

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)
from psycopg.types.json import Jsonb
from tests.support import builders
from tests.support.builders import Claimed
from tests.support.invariants import check_invariants
from tests.support.model import flows, recount
from tests.support.model.oracle import BEAT_SECONDS, Oracle
from tests.support.model.reports import (
    LEASE_SECONDS,
    VERBS,
    Draft,
    Held,
    Report,
    by_lease,
    drafts,
    told_by_engine,
)
from tests.support.model.sessions import COUNT, Conn, Sessions, sqlstate_of
from tests.support.model.state import TaskKey, contract_of, key_of

from pgflow_manifest import FlowSpec

NOON: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)


any_session = st.integers(0, COUNT - 1)
limits = st.sampled_from([100, 2, 1, 3])
picks = st.sampled_from([0, 0, 1, 2])


somebody_works = precondition(lambda self: bool(self.oracle.leases))
"""Reports about nothing but leases that are over are a rule of their own."""


class EngineMachine(RuleBasedStateMachine):
    """Subclass it with `sessions`; its instances are the examples."""

    sessions: ClassVar[Sessions]

    def __init__(self) -> None:
        super().__init__()
        self.oracle = Oracle(NOON)
        self.known: list[Held] = []
        """Every lease that there ever was."""
        self.is_sound = True
        """Whether nothing has failed yet: a failed program is not played to its end."""
        recount.clear(self.sessions.onlooker)
        self.sessions.begin()

    # definitions and workers

    @initialize(
        graph=flows.graphs,
        attempts=flows.attempts(),
        payloads=st.lists(flows.payloads, min_size=1, max_size=2),
    )
    def begin(
        self, graph: list[flows.Shape], attempts: flows.Attempts, payloads: list[Any]
    ) -> None:
        """A flow, a worker that has all its handlers, and runs."""
        self._deploy(flows.flow_of(graph, attempts))
        for payload in payloads:
            self._start(0, payload)
        self._register(0, UUID(int=100), self._flow())

    @rule(
        session=any_session,
        what=st.sampled_from(
            ["another worker", "again", "stop", "other options", "one more step", "same id"]
        ),
        pick=st.integers(0, 2),
        steps=st.sets(st.integers(0, 5), min_size=1),
        attempts=flows.attempts(at_least=3),
        shape=flows.shapes,
    )
    def aside(
        self,
        session: int,
        what: str,
        *,
        pick: int,
        steps: set[int],
        attempts: flows.Attempts,
        shape: flows.Shape,
    ) -> None:
        """What happens seldom; one rule, so that it does."""
        flow = self._flow()
        worker_id = self._worker(pick)
        match what:
            case "another worker" if len(self.oracle.workers) < 3:
                some = tuple(step for number, step in enumerate(flow.steps) if number in steps)
                served = flow.model_copy(update={"steps": some})
                self._register(session, UUID(int=100 + len(self.oracle.workers)), served)
            case "stop":
                self._at(session).execute("select pgflow.stop_worker(%s)", [worker_id])
                self.oracle.stop_worker(worker_id)
                self._check()
            case "other options":
                self._deploy(flows.with_options(flow, attempts))
            case "one more step" if len(flow.steps) < flows.MOST_STEPS:
                self._deploy(flows.with_one_more(flow, shape))
            case "same id" if self.oracle.runs:
                conn, run_id = self._at(session), UUID(int=1)
                start = "select pgflow.start_flow(%s, '[]', %s)"
                told = sqlstate_of(lambda: conn.execute(start, [flows.SLUG, run_id]))
                assert told == self.oracle.start_flow(run_id, flows.SLUG, [])
                self._check()
            case _:
                # of one that was stopped or is dead, or had fewer handlers
                self._register(session, worker_id, flow)

    # runs

    @precondition(lambda self: len(self.oracle.runs) < 6)
    @rule(session=any_session, payload=flows.payloads)
    def start_flow(self, session: int, payload: Any) -> None:
        self._start(session, payload)

    # tasks

    @precondition(lambda self: bool(self.oracle.tasks))
    @rule(session=any_session, pick=picks, limit=limits)
    def claim_tasks(self, session: int, pick: int, limit: int) -> None:
        self._claim(session, self._worker(pick), limit)

    @precondition(lambda self: len(self.oracle.leases) < len(self.oracle.tasks))
    @rule(session=any_session)
    def claim_all(self, session: int) -> None:
        """So that there is something to report, also when chance prefers other rules."""
        self._claim(session, self._worker(0), 100)

    def _claim(self, session: int, worker_id: UUID, limit: int) -> None:
        conn = self._at(session)
        claimed: list[Claimed] = []
        told = sqlstate_of(
            lambda: claimed.extend(builders.claim(conn, worker_id, limit, LEASE_SECONDS))
        )
        self._take(worker_id, limit, claimed, told)

    @somebody_works
    @rule(session=any_session, draft=drafts("complete"), pick=picks, limit=limits)
    def exchange_tasks(self, session: int, draft: Draft, pick: int, limit: int) -> None:
        worker_id = self._worker(pick)
        report = self._drawn(draft)
        conn = self._at(session)
        outcomes: list[str] = []
        claimed: list[Claimed] = []

        def call() -> None:
            others, taken = builders.exchange(
                *(conn, worker_id, report.tasks, limit),
                results=report.results,
                lease_seconds=LEASE_SECONDS,
            )
            outcomes.extend(others.get(n + 1, "completed") for n in range(len(report.tasks)))
            claimed.extend(taken)

        told = sqlstate_of(call)
        waited = set(self.oracle.tasks)
        if told is None:
            self._compare(report, outcomes)
        handed = frozenset(self.oracle.tasks.keys() - waited)
        self._take(worker_id, limit, claimed, told, handed)

    @somebody_works
    @rule(session=any_session, draft=drafts("complete", "complete", "complete step"))
    def complete_tasks(self, session: int, draft: Draft) -> None:
        self._report(session, self._drawn(draft))

    @somebody_works
    @rule(session=any_session, draft=drafts("fail", "fail at once", "give up", "fail"))
    def fail_tasks(self, session: int, draft: Draft) -> None:
        self._report(session, self._drawn(draft))

    @somebody_works
    @rule(session=any_session, draft=drafts("release", "extend", "release", "extend", "cancel"))
    def release_extend_or_cancel(self, session: int, draft: Draft) -> None:
        self._report(session, self._drawn(draft))

    @somebody_works
    @rule(first=drafts(*VERBS), second=drafts(*VERBS))
    def report_at_once(self, first: Draft, second: Draft) -> None:
        """Two sessions; the second one reports before the first has committed."""
        earlier, later = self._drawn(first), self._drawn(second)
        one, two = self._at(0), self.sessions.at(1, self.oracle.now)
        told = self.sessions.overlap(
            lambda: told_by_engine(one, earlier), one, lambda: told_by_engine(two, later), two
        )
        self._compare(earlier, told[0])
        self._compare(later, told[1])
        self._check()

    @precondition(lambda self: bool(self.known))
    @rule(session=any_session, draft=drafts(*VERBS[:-1], "complete step"))
    def report_late(self, session: int, draft: Draft) -> None:
        self._report(session, self._drawn(replace(draft, late=True)))

    @somebody_works
    @rule(session=any_session, draft=drafts(*VERBS))
    def roll_back(self, session: int, draft: Draft) -> None:
        """What was not committed has not been."""
        conn = self._at(session)
        with conn.transaction(force_rollback=True):
            told_by_engine(conn, self._drawn(draft))
        self._check()

    # time

    @rule(
        seconds=st.sampled_from([1, 4, 11, 31, 46]),
        session=any_session,
        beating=st.sampled_from([True, True, False]),
    )
    def wait(self, seconds: int, session: int, *, beating: bool) -> None:
        """The workers live on, or are silent."""
        self.oracle.now += timedelta(seconds=seconds)
        for worker_id in self.oracle.workers if beating else ():
            conn = self._at(session)
            told = sqlstate_of(partial(conn.execute, "select pgflow.beat(%s)", [worker_id]))
            assert told == self.oracle.beat(worker_id)
        if beating:
            self._check()

    @rule(session=any_session, limit=st.sampled_from([1, 1000]))
    def sweep(self, session: int, limit: int) -> None:
        row = (
            self._at(session)
            .execute("select expired, dead_workers from pgflow.sweep(%s)", [limit])
            .fetchone()
        )
        assert row == self.oracle.sweep(limit)
        self._check()

    def teardown(self) -> None:
        """Time passes, an honest worker comes, and every run ends."""
        if not self.is_sound or not self.oracle.runs:
            return
        self.oracle.now += timedelta(hours=1)
        for flow in {run.flow.digest: run.flow for run in self.oracle.runs.values()}.values():
            # a worker of its own for each version, as the contract of a step may differ
            worker_id = UUID(int=1000 + len(self.oracle.workers))
            self._register(0, worker_id, flow)
        honest = [worker for worker in self.oracle.workers if worker.int >= 1000]
        self.sweep(0, 1000)
        for _ in range(200):
            if all(run.status != "started" for run in self.oracle.runs.values()):
                break
            for worker_id in honest:
                self._claim(0, worker_id, 100)
            live = self._live()
            if live:
                self._report(0, Report(verb="complete", tasks=live, results=self._made(live, [0])))
        assert all(run.status != "started" for run in self.oracle.runs.values())
        recount.check_documents(self.sessions.onlooker, self.oracle)

    # what the rules are made of

    def _flow(self) -> FlowSpec:
        return self.oracle.flows[flows.SLUG]

    def _worker(self, pick: int) -> UUID:
        return [*self.oracle.workers][pick % len(self.oracle.workers)]

    def _at(self, session: int) -> Conn:
        """Return a session; a moment has passed since the last call."""
        self.oracle.now += timedelta(milliseconds=1)
        self.is_sound = False  # until `_check` says otherwise
        return self.sessions.at(session, self.oracle.now)

    def _check(self) -> None:
        recount.check_same(self.sessions.onlooker, self.oracle)
        check_invariants(self.sessions.onlooker)
        self.is_sound = True

    def _deploy(self, flow: FlowSpec) -> None:
        builders.deploy(self._at(0), flow)
        self.oracle.deploy(flow)
        self._check()

    def _register(self, session: int, worker_id: UUID, flow: FlowSpec) -> None:
        self._at(session).execute(
            "select pgflow.register_worker(%s, 'w', %s::text[], %s::text[], %s::text[], %s)",
            [
                worker_id,
                [flow.slug for _ in flow.steps],
                [step.slug for step in flow.steps],
                [step.digest for step in flow.steps],
                BEAT_SECONDS,
            ],
        )
        self.oracle.register_worker(worker_id, [contract_of(flow, step) for step in flow.steps])
        self._check()

    def _start(self, session: int, payload: Any) -> None:
        run_id = UUID(int=1 + len(self.oracle.runs))
        self._at(session).execute(
            "select pgflow.start_flow(%s, %s, %s)", [flows.SLUG, Jsonb(payload), run_id]
        )
        assert self.oracle.start_flow(run_id, flows.SLUG, payload) is None
        self._check()

    def _live(self) -> list[Held]:
        """Return the tasks that somebody holds."""
        now = {lease.lease_id for lease in self.oracle.leases.values()}
        return [task for task in self.known if task.lease_id in now]

    def _drawn(self, draft: Draft) -> Report:
        live, now = self._live(), self.oracle.leases
        # of a lease that is over, above all when somebody else has the task now
        over = [task for task in self.known if task not in live and key_of(task) in now]
        pool = (over if draft.late else live) or self.known
        tasks = [pool[pick % len(pool)] for pick in draft.picks]
        if draft.verb == "complete step":
            tasks = tasks[:1]
        report = Report(verb=draft.verb, tasks=tasks, results=self._made(tasks, draft.numbers))
        note(f"# {report}")
        return report

    def _made(self, tasks: Sequence[Held], numbers: Sequence[int]) -> list[Any]:
        """Return a result for each task; equal ones for a lease that is named twice."""
        by_lease: dict[int, Any] = {}
        for ordinal, task in enumerate(tasks):
            step = self.oracle.runs[task.run_id].flow.step(task.step_slug)
            result = flows.result_of(step, numbers[ordinal % len(numbers)])
            by_lease.setdefault(task.number, result)
        return [by_lease[task.number] for task in tasks]

    def _take(
        self,
        worker_id: UUID,
        limit: int,
        claimed: list[Claimed],
        told: str | None,
        handed: frozenset[TaskKey] = frozenset(),
    ) -> None:
        if self.oracle.workers[worker_id].status != "running":
            assert told == "PF104"
        else:
            assert told is None, told
            self.oracle.claim_tasks(worker_id, limit, claimed, LEASE_SECONDS, handed)
        self._check()
        in_order = sorted(claimed, key=lambda t: (t.run_id, t.step_slug, t.task_index))
        first = len(self.known)
        self.known += [Held(**asdict(t), number=first + n) for n, t in enumerate(in_order)]

    def _report(self, session: int, report: Report) -> None:
        self._compare(report, told_by_engine(self._at(session), report))
        self._check()

    def _compare(self, report: Report, told: Any) -> None:
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
