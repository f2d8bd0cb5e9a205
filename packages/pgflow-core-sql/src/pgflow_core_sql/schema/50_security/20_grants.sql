-- Nothing for PUBLIC; each role gets the functions of its work and no table to write.
revoke all on all tables in schema pgflow from public;
revoke all on all functions in schema pgflow from public;

grant usage on schema pgflow to pgflow_client, pgflow_worker, pgflow_viewer, pgflow_admin;

grant execute on function
  pgflow.start_flow, pgflow.start_flows, pgflow.get_run, pgflow.list_runs, pgflow.watch_run, pgflow.explain_run,
  pgflow.cancel_run, pgflow.send_signal, pgflow.may_see, pgflow.schema_version, pgflow.breaking_version
to pgflow_client, pgflow_admin;

grant execute on function
  pgflow.register_worker, pgflow.beat, pgflow.stop_worker, pgflow.claim_tasks,
  pgflow.complete_tasks, pgflow.exchange_tasks, pgflow.complete_step, pgflow.fail_tasks, pgflow.release_tasks,
  pgflow.extend_leases, pgflow.sweep, pgflow.schema_version, pgflow.breaking_version
to pgflow_worker, pgflow_admin;

grant execute on function
  pgflow.get_run, pgflow.list_runs, pgflow.watch_run, pgflow.explain_run, pgflow.status, pgflow.may_see,
  pgflow.deployed_manifest,
  pgflow.schema_version, pgflow.breaking_version
to pgflow_viewer, pgflow_admin;
grant select on all tables in schema pgflow to pgflow_viewer, pgflow_admin;

-- Not for clients, which may be anybody with a browser: it compiles the schema that it is given, and
-- a hostile one takes up to a second, and then two for the value.
grant execute on function pgflow.validate to pgflow_worker, pgflow_viewer, pgflow_admin;

grant execute on function pgflow.deploy, pgflow.upgrade_runs to pgflow_admin;
