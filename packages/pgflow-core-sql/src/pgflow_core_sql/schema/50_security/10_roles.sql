-- Roles are shared by all databases of a server: made once, and left when they exist.
do $$
declare
  v_role text;
begin
  foreach v_role in array array['pgflow_client', 'pgflow_worker', 'pgflow_viewer', 'pgflow_admin']
  loop
    if not exists (select 1 from pg_catalog.pg_roles as r where r.rolname = v_role) then
      begin
        execute format('create role %I nologin', v_role);
      exception
        when duplicate_object or unique_violation then
          null;  -- another database of this server was migrated at the same moment
      end;
    end if;
  end loop;
end;
$$;
