-- On a database with Supabase's roles: signed-in users are clients, the service role is worker and
-- admin, `anon` is nothing. Realtime reads the tables as the user, so the user may select from
-- runs and step_states, under row-level security. On any other Postgres nothing happens.
-- Supabase's roles are NOINHERIT: membership says who they are and gives them no privilege, so each
-- privilege is granted to them as well. May run again, when functions were added.
do $$
declare
  v_role record;
  v_grant record;
begin
  for v_role in
    select m.target, m.source
    from (
      values
      ('authenticated', 'pgflow_client'),
      ('service_role', 'pgflow_worker'),
      ('service_role', 'pgflow_viewer'),
      ('service_role', 'pgflow_admin')
    ) as m (target, source)
    join pg_catalog.pg_roles as r on r.rolname = m.target
  loop
    if not pg_has_role(v_role.target, v_role.source, 'member') then
      execute format('grant %I to %I', v_role.source, v_role.target);
    end if;
    execute format('grant usage on schema pgflow to %I', v_role.target);
    for v_grant in
      select a.privilege_type, 'function ' || p.oid::regprocedure::text as object
      from pg_catalog.pg_proc as p
      cross join lateral aclexplode(p.proacl) as a
      where p.pronamespace = 'pgflow'::regnamespace
        and a.grantee = v_role.source::regrole
      union all
      select a.privilege_type, 'table ' || c.oid::regclass::text
      from pg_catalog.pg_class as c
      cross join lateral aclexplode(c.relacl) as a
      where c.relnamespace = 'pgflow'::regnamespace
        and a.grantee = v_role.source::regrole
    loop
      execute format('grant %s on %s to %I', v_grant.privilege_type, v_grant.object, v_role.target);
    end loop;
  end loop;

  if exists (select 1 from pg_catalog.pg_roles as r where r.rolname = 'authenticated') then
    grant select on pgflow.runs, pgflow.step_states to authenticated;
  end if;

  for v_grant in
    select t.name
    from (values ('runs'), ('step_states')) as t (name)
    join pg_catalog.pg_publication as p on p.pubname = 'supabase_realtime'
    where not p.puballtables
      and not exists (
        select 1
        from pg_catalog.pg_publication_rel as pr
        where pr.prpubid = p.oid and pr.prrelid = ('pgflow.' || t.name)::regclass
      )
  loop
    execute format('alter publication supabase_realtime add table pgflow.%I', v_grant.name);
  end loop;
end;
$$;
