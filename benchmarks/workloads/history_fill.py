"""A past for our tables: finished runs of one step, as the engine would have left them.

By set-based SQL, because a million real runs take minutes. `tests/benchmarks` compares what it
writes with what a real run leaves.
"""

from typing import Final

import psycopg

_CHUNK: Final = 250_000
_PARTS: Final = 4
_WORKER: Final = """
insert into pgflow.workers (
  worker_id, name, contract_ids, status, beat_seconds, started_at, last_beat_at, ended_at
)
select
  gen_random_uuid(), 'past', array_agg(s.contract_id), 'stopped', 10,
  now() - interval '31 days', now(), now()
from pgflow.steps as s
join pgflow.flows as f on f.flow_slug = s.flow_slug and f.current_version = s.version
where s.flow_slug = 'single'
returning worker_id
"""
_RUNS: Final = """
create temporary table past as
select
  n as number,
  -- as _uuid_v7 makes them: milliseconds, then chance
  (
    lpad(to_hex((extract(epoch from t.at) * 1000)::bigint), 12, '0') || '7'
    || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15)
  )::uuid as run_id,
  t.at
from generate_series(%(first)s::integer, %(last)s::integer) as n
cross join lateral (
  select now() - interval '30 days' + interval '29 days' * (n / %(all)s::float8) as at
) as t
"""
_START: Final = (
    """
insert into pgflow.runs (run_id, flow_slug, version, owner, payload, started_at)
select p.run_id, f.flow_slug, f.current_version, pgflow._current_owner(), to_jsonb(p.number), p.at
from past as p
join pgflow.flows as f on f.flow_slug = 'single'
order by p.run_id
""",
    """
insert into pgflow.step_states (run_id, step_slug, started_at)
select p.run_id, 'only', p.at
from past as p
order by p.run_id
""",
)
_COMPLETE: Final = (
    """
update pgflow.step_states as s
set status = 'completed', step_result = to_jsonb(p.number),
  ended_at = p.at + interval '20 milliseconds', attempt = 1, lease_id = gen_random_uuid(),
  worker_id = %(worker_id)s, claimed_at = p.at + interval '10 milliseconds'
from past as p
where s.run_id = p.run_id and p.number %% %(parts)s = %(part)s
""",
    """
update pgflow.runs as r
set status = 'completed', ended_at = p.at + interval '20 milliseconds'
from past as p
where r.run_id = p.run_id and p.number %% %(parts)s = %(part)s
""",
)


def fill_history(url: str, runs: int) -> None:
    """Write *runs* finished runs of the flow `single`, and let the planner know."""
    with psycopg.connect(url, autocommit=True) as conn:
        row = conn.execute(_WORKER).fetchone()
        assert row is not None
        for first in range(1, runs + 1, _CHUNK):
            last = min(first + _CHUNK - 1, runs)
            conn.execute(_RUNS, {"first": first, "last": last, "all": runs})
            conn.execute("analyze past")
            # Not in one transaction, nor in one statement with all that a row ends with: what is
            # over would still take its room, and rows would move from pages, on each of which a
            # little room stays that the engine does not leave. New runs would take a page each.
            for statement in _START:
                conn.execute(statement)
            for part in range(_PARTS):
                for statement in _COMPLETE:
                    values = {"worker_id": row[0], "parts": _PARTS, "part": part}
                    conn.execute(statement, values)
            conn.execute("drop table past")
        conn.execute("vacuum (analyze) pgflow.runs, pgflow.step_states")
        conn.execute("checkpoint")
