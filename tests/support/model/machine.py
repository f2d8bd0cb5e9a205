"""Random programs for the engine, held against the oracle after each call.

Every rule is one call of a public function, made on any of the sessions; what it answered and
what the tables say afterwards must be what the oracle says, and the invariants are recounted.
Leases are remembered after they were reported, so reports come late, twice, and of tasks that
somebody else has now. At the end of each program, time passes and an honest worker comes: then
every run must end.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from tests.support import builders
from tests.support.builders import Claimed
from tests.support.model import flows, recount
from tests.support.model.playing import Player, cancelled, signalled, swept
from tests.support.model.reports import (
    LEASE_SECONDS,
    VERBS,
    Draft,
    Report,
    drafts,
    told_by_engine,
)
from tests.support.model.sessions import COUNT, sqlstate_of
from tests.support.model.shapes import MOST_STEPS, Shape, shapes

any_session = st.integers(0, COUNT - 1)
limits = st.sampled_from([100, 2, 1, 3])
picks = st.sampled_from([0, 0, 1, 2])
any_run = st.integers(0, 7)

somebody_works = precondition(lambda self: bool(self.oracle.leases))
"""Reports about nothing but leases that are over are a rule of their own."""


class EngineMachine(Player):
    """Every rule: what workers, clients and time do."""

    # definitions and workers

    @initialize(
        graph=flows.graphs,
        inner=flows.inner_graphs,
        innermost=shapes,
        chosen=flows.choices(),
        payloads=st.lists(flows.payloads, min_size=1, max_size=2),
    )
    def begin(
        self,
        graph: list[Shape],
        inner: list[Shape],
        innermost: Shape,
        chosen: flows.Chosen,
        payloads: list[Any],
    ) -> None:
        """A flow, a worker that has all its handlers, and runs."""
        self.deploy(*flows.flows_of(graph, inner, innermost, chosen))
        for payload in payloads:
            self.start(0, payload)
        self.register(0, UUID(int=100), self.oracle.flows)

    @rule(
        session=any_session,
        what=st.sampled_from(
            ["another worker", "again", "stop", "other options", "one more step", "same id"]
        ),
        pick=st.integers(0, 2),
        steps=st.sets(st.integers(0, 5), min_size=1),
        chosen=flows.choices(at_least=3),
        shape=shapes,
    )
    def aside(
        self,
        session: int,
        what: str,
        *,
        pick: int,
        steps: set[int],
        chosen: flows.Chosen,
        shape: Shape,
    ) -> None:
        """What happens seldom; one rule, so that it does."""
        flow = self.flow()
        worker_id = self.worker(pick)
        match what:
            case "another worker" if len(self.oracle.workers) < 3:
                some = tuple(step for number, step in enumerate(flow.steps) if number in steps)
                served = {flow.slug: flow.model_copy(update={"steps": some or flow.steps})}
                self.register(session, UUID(int=100 + len(self.oracle.workers)), served)
            case "stop":
                self.at(session).execute("select pgflow.stop_worker(%s)", [worker_id])
                self.oracle.stop_worker(worker_id)
                self.check()
            case "other options":
                self.deploy(flows.with_options(flow, chosen))
            case "one more step" if len(flow.steps) < MOST_STEPS:
                self.deploy(flows.with_one_more(flow, shape))
            case "same id" if self.oracle.runs:
                conn, run_id = self.at(session), UUID(int=1)
                start = "select pgflow.start_flow(%s, '[]', %s)"
                told = sqlstate_of(lambda: conn.execute(start, [flows.SLUG, run_id]))
                assert told == self.oracle.start_flow(run_id, flows.SLUG, [])
                self.check()
            case _:
                # of one that was stopped or is dead, or had fewer handlers
                self.register(session, worker_id, self.oracle.flows)

    # runs

    @precondition(lambda self: len(self.oracle.runs) < 6)
    @rule(session=any_session, payload=flows.payloads, delay=st.sampled_from([0.0, 0.0, 0.0, 10.0]))
    def start_flow(self, session: int, payload: Any, delay: float) -> None:
        self.start(session, payload, delay)

    @rule(session=any_session, pick=any_run)
    @precondition(lambda self: self.has_waiting_steps())
    def cancel_any(self, session: int, pick: int) -> None:
        """Also one of which nobody holds a task, or one that another one has started."""
        self.cancel(session, self.run(pick))

    @precondition(lambda self: self.has_waiting_steps())
    @rule(session=any_session, pick=any_run, step=st.integers(0, 5), number=flows.numbers)
    def send_signal(self, session: int, pick: int, step: int, number: int) -> None:
        """To a step that waits, or will, or did, or never does."""
        run_id = self.run(pick)
        slugs = self.signals_of(run_id)
        slug = slugs[step % len(slugs)] if slugs and step < 5 else "s0"
        self.signal(session, run_id, slug, flows.signal_of(number))

    # tasks

    @precondition(lambda self: bool(self.oracle.tasks))
    @rule(session=any_session, pick=picks, limit=limits)
    def claim_tasks(self, session: int, pick: int, limit: int) -> None:
        self.claim(session, self.worker(pick), limit)

    @precondition(lambda self: len(self.oracle.leases) < len(self.oracle.tasks))
    @rule(session=any_session)
    def claim_all(self, session: int) -> None:
        """So that there is something to report, also when chance prefers other rules."""
        self.claim(session, self.worker(0), 100)

    @somebody_works
    @rule(
        session=any_session,
        draft=drafts("complete"),
        pick=picks,
        limit=limits,
        is_all=st.booleans(),
    )
    def exchange_tasks(
        self, session: int, draft: Draft, pick: int, limit: int, *, is_all: bool
    ) -> None:
        """As workers report: some of what they hold, or all at once."""
        worker_id = self.worker(pick)
        report = self.drawn(draft)
        if is_all:
            live = self.live()
            report = replace(report, tasks=live, results=self.made(live, draft.numbers))
        conn = self.at(session)
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
            self.compare(report, outcomes)
        handed = frozenset(self.oracle.tasks.keys() - waited)
        self.take(worker_id, limit, claimed, told, handed)

    @somebody_works
    @rule(session=any_session, draft=drafts("complete", "complete", "complete step"))
    def complete_tasks(self, session: int, draft: Draft) -> None:
        self.report(session, self.drawn(draft))

    @somebody_works
    @rule(session=any_session, draft=drafts("fail", "fail at once", "give up", "fail"))
    def fail_tasks(self, session: int, draft: Draft) -> None:
        self.report(session, self.drawn(draft))

    @somebody_works
    @rule(session=any_session, draft=drafts("release", "extend", "release", "extend", "cancel"))
    def release_extend_or_cancel(self, session: int, draft: Draft) -> None:
        self.report(session, self.drawn(draft))

    @somebody_works
    @rule(first=drafts("complete", *VERBS), second=drafts("complete", *VERBS))
    def report_at_once(self, first: Draft, second: Draft) -> None:
        """Two sessions; the second one reports before the first has committed."""
        earlier = self.drawn(first)
        later = self.drawn(second, beside=earlier)
        told = self._overlap(
            lambda conn: told_by_engine(conn, earlier), lambda conn: told_by_engine(conn, later)
        )
        self.compare(earlier, told[0])
        self.compare(later, told[1])
        self.check()

    @somebody_works
    @rule(draft=drafts("complete", "fail", "give up", "cancel"))
    def sweep_meanwhile(self, draft: Draft) -> None:
        """A sweep leaves alone whom somebody else is just reporting about."""
        report = self.drawn(draft)
        told = self._overlap(
            lambda conn: told_by_engine(conn, report), lambda conn: swept(conn, 1000)
        )
        held = report.tasks[:1] if report.verb == "cancel" else report.tasks
        # the sweep did not see yet what was reported
        busy = frozenset(task.run_id for task in held)
        self.compare_sweep(told[1], self.oracle.sweep(1000, busy))
        self.compare(report, told[0])
        self.check()

    @precondition(lambda self: self.oracle.leases and self.has_waiting_steps())
    @rule(draft=drafts("complete", "fail", "give up"), pick=any_run, number=flows.numbers)
    def signal_or_cancel_meanwhile(self, draft: Draft, pick: int, number: int) -> None:
        """Somebody from outside comes while a worker reports, perhaps about the same run."""
        report, run_id = self.drawn(draft), self.run(pick)
        slugs = self.signals_of(run_id)
        if slugs:
            slug, payload = slugs[pick % len(slugs)], flows.signal_of(number)
            told = self._overlap(
                lambda conn: told_by_engine(conn, report),
                lambda conn: signalled(conn, run_id, slug, payload),
            )
            self.compare(report, told[0])
            right: str | None = self.oracle.send_signal(run_id, slug, payload)
        else:
            told = self._overlap(
                lambda conn: told_by_engine(conn, report), lambda conn: cancelled(conn, run_id)
            )
            self.compare(report, told[0])
            right = self.oracle.cancel_run(run_id)
        assert told[1] == right, f"{told[1]} was answered; right is {right}"
        self.check()

    def _overlap(
        self, first: Callable[[Any], Any], second: Callable[[Any], Any]
    ) -> tuple[Any, Any]:
        one, two = self.at(0), self.sessions.at(1, self.oracle.now)
        return self.sessions.overlap(lambda: first(one), one, lambda: second(two), two)

    @precondition(lambda self: bool(self.known))
    @rule(session=any_session, draft=drafts(*VERBS[:-1], "complete step"))
    def report_late(self, session: int, draft: Draft) -> None:
        self.report(session, self.drawn(replace(draft, late=True)))

    @somebody_works
    @rule(session=any_session, draft=drafts(*VERBS))
    def roll_back(self, session: int, draft: Draft) -> None:
        """What was not committed has not been."""
        conn = self.at(session)
        with conn.transaction(force_rollback=True):
            told_by_engine(conn, self.drawn(draft))
        self.check()

    # time

    @rule(
        seconds=st.sampled_from([1, 4, 11, 31, 46]),
        session=any_session,
        beating=st.sampled_from([True, True, False]),
    )
    def wait(self, seconds: int, session: int, *, beating: bool) -> None:
        """The workers live on, or are silent."""
        self.oracle.now += timedelta(seconds=seconds)
        if beating:
            self.beat(session)

    @rule(session=any_session, limit=st.sampled_from([1, 1000]))
    def sweep_now(self, session: int, limit: int) -> None:
        self.sweep(session, limit)

    @precondition(lambda self: bool(self.oracle.timers))
    @rule(session=any_session, limit=st.sampled_from([1000, 1]))
    def sweep_in_time(self, session: int, limit: int) -> None:
        """As a worker does, which is told when the next timer is due."""
        self.oracle.now = max(self.oracle.now, min(self.oracle.timers.values()))
        self.sweep(session, limit)

    def teardown(self) -> None:
        """Time passes, an honest worker comes, and every run ends."""
        if not self.is_sound or not self.oracle.runs:
            return
        self.oracle.now += timedelta(hours=1)
        served = {run.flow.digest: run.flow for run in self.oracle.runs.values()}
        served |= {flow.digest: flow for flow in self.oracle.flows.values()}
        for flow in served.values():
            # a worker of its own for each version, as the contract of a step may differ
            worker_id = UUID(int=1000 + len(self.oracle.workers))
            self.register(0, worker_id, {flow.slug: flow})
        honest = [worker for worker in self.oracle.workers if worker.int >= 1000]
        for _ in range(200):
            if not self._is_anything_to_do():
                break
            self.beat(0)
            self.sweep(0, 1000)
            for run_id, slug in self._awaited():
                self.signal(0, run_id, slug, 5)
            for worker_id in honest:
                self.claim(0, worker_id, 100)
            live = self.live()
            if live:
                self.report(0, Report(verb="complete", tasks=live, results=self.made(live, [0])))
            self.oracle.now += timedelta(seconds=16)
        assert not self._is_anything_to_do()
        recount.check_documents(self.sessions.onlooker, self.oracle)

    def has_waiting_steps(self) -> bool:
        """Whether a flow has steps without a task; others are left in peace."""
        return any(step.kind in ("signal", "sleep", "flow") for step in self.flow().steps) and bool(
            self.oracle.runs
        )

    def signals_of(self, run_id: UUID) -> list[str]:
        """Return what can be sent to a run."""
        steps = self.oracle.runs[run_id].flow.steps
        return [step.slug for step in steps if step.kind == "signal"]

    def _is_anything_to_do(self) -> bool:
        """Whether a run has not ended, or its failure handler has not."""
        return bool(self.oracle.tasks or self.oracle.leases) or any(
            run.status == "started" for run in self.oracle.runs.values()
        )

    def _awaited(self) -> list[tuple[UUID, str]]:
        return [
            (run_id, slug)
            for run_id, run in self.oracle.runs.items()
            for slug, state in run.steps.items()
            if state.status == "started" and run.flow.step(slug).kind == "signal"
        ]
