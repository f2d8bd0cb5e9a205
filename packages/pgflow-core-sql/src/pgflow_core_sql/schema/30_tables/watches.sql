-- watches: the runs that a client looks at, until when. NOTIFY takes a database-wide lock at
-- commit, so it is sent for these runs only.
create table pgflow.watches (
  run_id uuid primary key,
  watched_until timestamptz not null
) with (fillfactor = 50);
