-- workers: who runs handlers, and when each was last heard of.
create table pgflow.workers (
  worker_id uuid primary key,
  name text not null,
  contract_ids integer [] not null,
  status text not null default 'running',
  idle boolean not null default false,
  beat_seconds double precision not null,
  started_at timestamptz not null,
  last_beat_at timestamptz not null,
  ended_at timestamptz,
  constraint status_is_known check (status in ('running', 'stopped', 'dead'))
) with (fillfactor = 50);
comment on column pgflow.workers.idle is
  'its last claim found less than it asked for: worth a NOTIFY when there is new work';
