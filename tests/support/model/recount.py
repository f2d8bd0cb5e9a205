"""Oracle and tables side by side, both as one plain mapping, so that a difference is one line."""

from typing import Any, Final

from psycopg import Connection
from tests.support.model.oracle import Oracle

Rows = dict[str, Any]
"""What is told about each thing, by what it is."""

_TABLES: Final = b"""
select 'run ' || run_id,
  jsonb_build_array(status, error ->> 'step', error ->> 'code', parent_run_id, parent_step_slug)
from pgflow.runs
union all
select 'step ' || run_id || ' ' || step_slug,
  jsonb_build_array(status, step_result, error ->> 'code', lease_id, skip_reason, cascades)
from pgflow.step_states
union all
select 'waits ' || run_id || ' ' || step_slug || ' ' || task_index,
  jsonb_build_array(attempts_count, extract(epoch from available_at)::text) from pgflow.tasks
union all
select 'leased ' || run_id || ' ' || step_slug || ' ' || task_index,
  jsonb_build_array(attempt, lease_id, worker_id, extract(epoch from leased_until)::text)
from pgflow.leases
union all
select 'result ' || run_id || ' ' || step_slug || ' ' || task_index, result from pgflow.map_results
union all
select 'attempts ' || run_id || ' ' || step_slug || ' ' || task_index,
  jsonb_agg(jsonb_build_array(attempt, outcome, lease_id, error ->> 'code') order by lease_id)
from pgflow.attempts group by run_id, step_slug, task_index
union all
select 'worker ' || worker_id, to_jsonb(status) from pgflow.workers
union all
-- news for a run that has ended change nothing
select 'timer ' || t.run_id || ' ' || t.step_slug || ' ' || t.kind,
  to_jsonb(extract(epoch from t.due_at)::text)
from pgflow.timers as t
left join pgflow.runs as r on r.run_id = t.run_id and r.status <> 'started'
where r.run_id is null or t.kind not in ('sub_flow', 'parent')
union all
select 'signal ' || run_id || ' ' || step_slug, payload from pgflow.signals
union all
select 'sub-run ' || run_id || ' ' || step_slug, to_jsonb(sub_run_id) from pgflow.sub_runs
"""


def in_tables(conn: Connection[Any]) -> Rows:
    """Return what the tables say."""
    return dict(conn.execute(_TABLES).fetchall())


def in_oracle(oracle: Oracle) -> Rows:
    """Return what they should say."""
    rows: Rows = {}
    for run_id, run in oracle.runs.items():
        codes = {slug: run.steps[slug].code for slug in run.failed_by}
        parent_id, parent_slug = run.parent or (None, None)
        rows[f"run {run_id}"] = [run.status, codes, parent_id and str(parent_id), parent_slug]
        for slug, state in run.steps.items():
            lease_id = None if state.lease_id is None else str(state.lease_id)
            skip = [state.skip_reason, state.cascades]
            rows[f"step {run_id} {slug}"] = [
                *(state.status, state.result, state.code, lease_id),
                *skip,
            ]
            if state.status == "started":
                for index, result in state.results.items():
                    rows[f"result {run_id} {slug} {index}"] = result
    for (run_id, slug, index), task in oracle.tasks.items():
        rows[f"waits {run_id} {slug} {index}"] = [
            task.attempts_count,
            f"{task.available_at.timestamp():.6f}",
        ]
    for (run_id, slug, index), lease in oracle.leases.items():
        rows[f"leased {run_id} {slug} {index}"] = [
            lease.attempt,
            str(lease.lease_id),
            str(lease.worker_id),
            f"{lease.leased_until.timestamp():.6f}",
        ]
    for (run_id, slug, index), attempts in oracle.attempts.items():
        rows[f"attempts {run_id} {slug} {index}"] = [
            [ended.attempt, ended.outcome, str(ended.lease_id), ended.code]
            for ended in sorted(attempts, key=lambda ended: ended.lease_id)
        ]
    for worker_id, worker in oracle.workers.items():
        rows[f"worker {worker_id}"] = worker.status
    for (run_id, slug, kind), due_at in oracle.timers.items():
        if oracle.runs[run_id].status == "started" or kind not in ("sub_flow", "parent"):
            rows[f"timer {run_id} {slug} {kind}"] = f"{due_at.timestamp():.6f}"
    for (run_id, slug), payload in oracle.signals.items():
        rows[f"signal {run_id} {slug}"] = payload
    for (run_id, slug), sub_run_id in oracle.sub_runs.items():
        rows[f"sub-run {run_id} {slug}"] = str(sub_run_id)
    return rows


def check_same(conn: Connection[Any], oracle: Oracle) -> None:
    """Fail with what the tables say otherwise than the oracle."""
    told, right = in_tables(conn), in_oracle(oracle)
    wrong = [
        f"{what}: the tables say {told.get(what, 'nothing')},"
        f" the oracle {right.get(what, 'nothing')}"
        for what in sorted(told.keys() | right.keys())
        if not _is_same(what, told.get(what), right.get(what))
    ]
    assert not wrong, "\n".join(wrong)


def _is_same(what: str, told: Any, right: Any) -> bool:
    if not what.startswith("run ") or told is None or right is None:
        return bool(told == right)
    # of several steps that fail at once, either may be the one that the run names
    (status, step, code, *parent), (right_status, codes, *right_parent) = told, right
    of_run = {None: "PF620" if right_status == "failed" else None}
    return bool(
        [status, *parent] == [right_status, *right_parent]
        and step in (codes or of_run)
        and code == (codes or of_run)[step]
    )


def check_documents(conn: Connection[Any], oracle: Oracle) -> None:
    """Fail when `get_run` tells another story than the tables do."""
    for run_id, run in oracle.runs.items():
        row = conn.execute("select pgflow.get_run(%s)", [run_id]).fetchone()
        assert row is not None
        document = row[0]
        assert (document["status"], document["output"]) == (run.status, run.output)
        unbegun = "created" if run.status == "started" else "cancelled"
        shown = [s for s in run.flow.steps if s.kind != "failure" or s.slug in run.steps]
        for step, told in zip(shown, document["steps"], strict=True):
            state = run.steps.get(step.slug)
            assert told["slug"] == step.slug
            assert told["status"] == (unbegun if state is None else state.status)
            assert told["result"] == (None if state is None else state.result)
            assert told["skip_reason"] == (None if state is None else state.skip_reason)
            if state is not None and state.items is not None and state.status == "started":
                keys = [(run_id, step.slug, index) for index in range(len(state.items))]
                assert told["tasks"] == {
                    "total": len(keys),
                    "completed": len(state.results),
                    "running": sum(key in oracle.leases for key in keys),
                    "waiting": sum(key in oracle.tasks for key in keys),
                }


def clear(conn: Connection[Any]) -> None:
    """Leave nothing of one example to the next; not even the place where its rows were."""
    conn.execute(
        "truncate pgflow.timers, pgflow.signals, pgflow.sub_runs, pgflow.attempt_log,"
        " pgflow.leases, pgflow.tasks, pgflow.map_results, pgflow.map_items, pgflow.maps,"
        " pgflow.step_states, pgflow.runs, pgflow.watches, pgflow.workers, pgflow.step_inputs,"
        " pgflow.deps, pgflow.steps, pgflow.contracts, pgflow.flow_versions, pgflow.flows"
        " restart identity"
    )
