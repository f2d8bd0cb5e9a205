-- list_runs: the newest runs that the caller may see.
-- Called by: clients, the CLI.
-- Locks:     none.
-- Raises:    PF203 the limit is out of range.
-- Returns:   newest first: run ids sort by the time of the start.
create or replace function pgflow.list_runs(
  p_flow_slug text default null,
  p_status text default null,
  p_limit integer default 50
) returns table (
  run_id uuid, flow_slug text, version integer, status text, owner text,
  started_at timestamptz, ended_at timestamptz
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  -- Asked once, and not of every row: may_see(r.owner) cost seconds over 300,000 runs of others.
  v_sees_all boolean := pgflow._sees_all();
  v_owner text := pgflow._current_owner();
begin
  if p_limit is null or p_limit not between 1 and 10000 then
    raise exception using
      errcode = 'PF203',
      message = format('p_limit is %s; it must be between 1 and 10000', coalesce(p_limit::text, 'null')),
      detail = jsonb_build_object('p_limit', p_limit)::text,
      hint = 'ask for fewer runs';
  end if;
  return query
  select r.run_id, r.flow_slug, r.version, r.status, r.owner, r.started_at, r.ended_at
  from pgflow.runs as r
  where (p_flow_slug is null or r.flow_slug = p_flow_slug)
    and (p_status is null or r.status = p_status)
    and (v_sees_all or r.owner = v_owner)
  order by r.run_id desc
  limit p_limit;
end;
$$;
