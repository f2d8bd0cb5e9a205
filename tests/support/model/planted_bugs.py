"""Bugs that are planted into functions of the engine, one at a time: the machine must find each.

A bug is a text of the function's body and what replaces it; when the function is written otherwise
one day, the test says so, and the bug is to be planted anew.
"""

from typing import Final, NamedTuple


class Bug(NamedTuple):
    """What is wrong with the engine."""

    function: str
    right: str
    wrong: str


BUGS: Final = {
    "end an attempt without the fence": Bug("_end_attempts", "and l.lease_id = n.lease_id", ""),
    "release without the fence": Bug("release_tasks", "and l.lease_id = n.lease_id", ""),
    "leases survive the end of the run": Bug(
        "_end_runs", "where l.run_id = any (v_run_ids)", "where false"
    ),
    "tasks survive the end of the run": Bug(
        "_end_runs",
        "delete from pgflow.tasks as t\n  where t.run_id = any (v_run_ids)",
        "delete from pgflow.tasks as t\n  where false",
    ),
    "steps start with one dep missing": Bug(
        "_start_ready_steps",
        "where not exists (\n      select 1\n      from pgflow.deps as d",
        "where 1 >= (\n      select count(*)\n      from pgflow.deps as d",
    ),
    "a failed dep will do": Bug(
        "_start_ready_steps", "ss.status in ('completed', 'skipped')", "ss.status <> 'created'"
    ),
    "runs complete with their first leaf": Bug(
        "_complete_runs", "and ss.status in ('completed', 'skipped')", ""
    ),
    "one attempt too many": Bug(
        "_end_attempts", "e.attempt < c.max_attempts", "e.attempt <= c.max_attempts"
    ),
    "released tasks lose an attempt": Bug("release_tasks", "r.attempt - 1", "r.attempt"),
    "retries at once": Bug("_end_attempts", "e.attempt, e.retry_at", "e.attempt, v_now"),
    "a silent worker keeps its leases": Bug(
        "_overdue_leases", "or (w.status = 'running' and", "or (false and"
    ),
    "tasks are claimed before their time": Bug("claim_tasks", "and t2.available_at <= v_now", ""),
    "the newest task first": Bug(
        "claim_tasks", "order by t2.available_at", "order by t2.available_at desc"
    ),
    "reports do not lock the run": Bug(
        "_complete_batch", "perform pgflow._lock_runs(p_run_ids);", ""
    ),
    "a map is complete one task early": Bug(
        "_complete_items", "where m.open_index < 0", "where m.open_index < 1"
    ),
    "results of a map in the order of the reports": Bug(
        "_gather_results", "order by r.task_index", "order by r.ctid"
    ),
    "an empty map is not complete": Bug(
        "_start_map_wave", "array_agg(o.run_id) filter (where o.tasks_count = 0)", "null::uuid[]"
    ),
    "a repeat is stale": Bug("_outcomes", "and s.step_result = n.result", "and false"),
    "any repeat is accepted": Bug("_outcomes", "and s.step_result = n.result", ""),
    "results that do not fit are stored": Bug(
        "_check_results",
        "c.contract_id is not null and k.error is null",
        "c.contract_id is not null",
    ),
    # conditions, skips, policies
    "a cascade is ignored": Bug("_fate", "and ss.cascades", "and false"),
    "every skip cascades": Bug("_start_special_wave", "d.fate <> 'skip'", "true"),
    "a policy to cascade does not": Bug(
        "_fail_steps", "when 'skip_cascade' then true", "when 'skip_cascade' then false"
    ),
    "a condition is not asked": Bug(
        "_fate", "pgflow._condition_holds(v_condition, p_step.run_id)", "true"
    ),
    "a skipped dep is waited for": Bug(
        "_start_ready_steps", "ss.status in ('completed', 'skipped')", "ss.status = 'completed'"
    ),
    "a skip is forgotten when another step begins to wait": Bug(
        "_start_special_wave",
        "run_ids := run_ids || v_run_ids",
        "run_ids := v_run_ids || v_run_ids",
    ),
    "a run is not complete when its last leaf is skipped": Bug(
        "_start_special_steps", "perform pgflow._complete_runs(v_run_ids, v_step_slugs);", ""
    ),
    "an item that may be skipped fails its map": Bug(
        "_give_up", "s.kind = 'map' and s.on_failure = 'skip'", "false"
    ),
    "nothing starts when the last attempt of a step is skipped": Bug(
        "_give_up", "if v_run_ids is not null then", "if false then"
    ),
    "the first attempt comes at once": Bug(
        "_queue_steps", "make_interval(secs => c.start_delay_seconds)", "make_interval()"
    ),
    # signals, sleeps, deadlines
    "an early signal is lost": Bug(
        "_start_signals", "on g.run_id = n.run_id and", "on false and g.run_id = n.run_id and"
    ),
    "any signal after the first is a repeat": Bug("send_signal", "and g.payload = p_payload", ""),
    "a signal that does not fit is taken": Bug(
        "send_signal", "perform pgflow._check_signal(", "perform jsonb_build_array("
    ),
    "a signal leaves its timer": Bug("send_signal", "and t.kind = 'signal'", "and false"),
    "the wait for a signal is as long as a handler may take": Bug(
        "_put_contracts", "when 'signal' then s.value -> 'options'", "when 'signal' then o.options"
    ),
    "a sleep ends with another one of its run": Bug(
        "_fire_timers",
        "where t.run_id = any (v_run_ids) and t.due_at <= v_now",
        "where t.run_id = any (v_run_ids)",
    ),
    "timers survive the end of their run": Bug(
        "_end_runs",
        "delete from pgflow.timers as t\n  where t.run_id = any (v_run_ids)",
        "delete from pgflow.timers as t\n  where false",
    ),
    "a sweep waits for whoever is at a run": Bug(
        "_fire_timers", "for no key update skip locked", "for no key update"
    ),
    "a deadline is ignored": Bug("_fire_timers", "d.kind = 'deadline'", "false"),
    "a later start is one at once": Bug(
        "_start_runs", "if p_start_at > v_now then", "if false then"
    ),
    # the failure handler
    "a cancelled run begins its failure handler": Bug(
        "_end_runs", "if p_status = 'failed' then", "if true then"
    ),
    "a failure handler never begins": Bug(
        "_end_runs", "if p_status = 'failed' then", "if false then"
    ),
    "a failure handler begins twice": Bug(
        "_end_runs",
        "perform pgflow._start_failure_handlers(v_run_ids);",
        "perform pgflow._start_failure_handlers(v_run_ids || v_run_ids);"
        " perform pgflow._start_failure_handlers(v_run_ids);",
    ),
    "a failure handler that fails is skipped": Bug(
        "_fail_steps", "when s.kind = 'failure' then 'alone'", "when s.kind = 'failure' then 'skip'"
    ),
    "a failure handler is a leaf": Bug(
        "_put_steps",
        "n.value ->> 'kind' is distinct from 'failure' and not exists (",
        "not exists (",
    ),
    # sub-flows
    "a parent is not told that its sub-run has completed": Bug(
        "_complete_runs", "where e.parent_run_id is not null", "where false"
    ),
    "a parent is not told that its sub-run has ended early": Bug(
        "_end_runs", "and r.parent_run_id is not null", "and false"
    ),
    "sub-runs go on when their parent has ended": Bug(
        "_end_runs", "perform pgflow._tell_sub_runs(v_run_ids);", ""
    ),
    "a cancelled sub-run completes its step": Bug(
        "_sub_flow_error", "if v_run.status = 'completed' then", "if v_run.status <> 'failed' then"
    ),
    "the result of a sub-flow is that of another step": Bug(
        "_end_sub_flows", "p.sub_step_slug", "null"
    ),
    "a payload that does not fit starts a sub-run": Bug(
        "_check_sub_flow", "v_errors := pgflow._check_value(", "perform pgflow._check_value("
    ),
}
