-- On a database with Supabase's roles: signed-in users are clients, the service role is worker and
-- admin, `anon` is nothing. Realtime reads the tables as the user, so the user may select from
-- runs and step_states, under row-level security. On any other Postgres nothing happens.
do $$
begin
  if exists (select 1 from pg_catalog.pg_roles as r where r.rolname = 'authenticated') then
    grant pgflow_client to authenticated;
    grant select on pgflow.runs, pgflow.step_states to authenticated;
  end if;
  if exists (select 1 from pg_catalog.pg_roles as r where r.rolname = 'service_role') then
    grant pgflow_worker, pgflow_viewer, pgflow_admin to service_role;
  end if;
  if exists (select 1 from pg_catalog.pg_publication as p where p.pubname = 'supabase_realtime') then
    alter publication supabase_realtime add table pgflow.runs, pgflow.step_states;
  end if;
end;
$$;
