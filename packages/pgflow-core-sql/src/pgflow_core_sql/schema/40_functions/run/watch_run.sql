-- watch_run: ask for a NOTIFY whenever this run changes, for a while; ask again to go on.
-- Called by: clients that wait.
-- Locks:     the row of the watch.
-- Raises:    PF102 unknown run, or not the caller's; PF203 the duration is out of range.
-- Returns:   the channel to LISTEN on.
create or replace function pgflow.watch_run(
  p_run_id uuid, p_seconds double precision default 60
) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_owner text;
begin
  if p_seconds is null or p_seconds not between 1 and 3600 then
    raise exception using
      errcode = 'PF203',
      message = format('p_seconds is %s; it must be between 1 and 3600', coalesce(p_seconds::text, 'null')),
      detail = jsonb_build_object('p_seconds', p_seconds)::text,
      hint = 'ask for a shorter time, and again before it ends';
  end if;
  select r.owner into v_owner from pgflow.runs as r where r.run_id = p_run_id;
  if not found or not pgflow.may_see(v_owner) then
    perform pgflow._raise_run_not_found(p_run_id);
  end if;
  insert into pgflow.watches as w (run_id, watched_until)
  values (p_run_id, pgflow._now() + make_interval(secs => p_seconds))
  on conflict (run_id) do update
    set watched_until = greatest(w.watched_until, excluded.watched_until);
  return 'pgflow_run_' || replace(p_run_id::text, '-', '');
end;
$$;
