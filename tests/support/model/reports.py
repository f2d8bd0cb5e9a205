"""What workers and clients say about tasks: as Hypothesis draws it, and as the engine is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from tests.support import builders
from tests.support.builders import Claimed
from tests.support.model import flows
from tests.support.model.sessions import Conn, sqlstate_of

LEASE_SECONDS: Final = 45.0
VERBS: Final = ("complete", "fail", "give up", "release", "extend", "cancel")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Held(Claimed):
    """A task as it was claimed once; its lease may be over."""

    number: int

    def __repr__(self) -> str:
        """Short, because programs that fail are read."""
        return (
            f"<lease {self.number}: {self.step_slug}[{self.task_index}]"
            f" of run {self.run_id.int}, attempt {self.attempt}>"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One call that a worker or a client makes about tasks that it knows."""

    verb: str
    tasks: Sequence[Held]
    results: Sequence[Any] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A report as Hypothesis draws it: about which of the tasks that are held, or ever were."""

    verb: str
    picks: tuple[int, ...]
    numbers: tuple[int, ...]
    late: bool


def drafts(*verbs: str) -> st.SearchStrategy[Draft]:
    """Return reports of some kinds."""
    return st.builds(
        Draft,
        verb=st.sampled_from(verbs),
        picks=st.lists(st.integers(0, 9), min_size=1, max_size=3).map(tuple),
        numbers=st.tuples(flows.numbers, flows.numbers, flows.numbers),
        late=st.sampled_from([False, False, False, True]),
    )


def told_by_engine(conn: Conn, report: Report) -> Any:
    """Make the call; return what the engine answers, or the code of its error."""
    tasks = report.tasks
    match report.verb:
        case "complete":
            return builders.complete(conn, tasks, report.results)
        case "complete step":
            [task], [result] = tasks, report.results
            call = "select pgflow.complete_step(%s, %s, %s, %s, %s)"
            key = [task.run_id, task.step_slug, task.lease_id, Jsonb(result), task.task_index]
            return sqlstate_of(lambda: conn.execute(call, key))
        case "fail":
            return builders.fail(conn, tasks)
        case "fail at once":
            return builders.fail(conn, tasks, retry_after=0)
        case "give up":
            return builders.fail(conn, tasks, retryable=False)
        case "release":
            return builders.release(conn, tasks)
        case "extend":
            return builders.extend(conn, tasks, LEASE_SECONDS)
        case _:
            return sqlstate_of(
                lambda: conn.execute("select pgflow.cancel_run(%s)", [tasks[0].run_id])
            )


def by_lease(tasks: Sequence[Held], answers: Sequence[Any]) -> dict[int, list[Any]]:
    """Return the answers by lease: of one that is named twice, either may count."""
    told: dict[int, list[Any]] = {}
    for task, answer in zip(tasks, answers, strict=True):
        told.setdefault(task.number, []).append(answer)
    return {number: sorted(of_it, key=str) for number, of_it in told.items()}
