-- send_signal: give a run what one of its signal steps waits for, or will wait for.
-- It is kept when the step has not begun to wait. Sent again with the same payload it is answered as
-- 'repeated' and changes nothing, also when the run has ended.
-- Called by: clients, the CLI, anybody with SQL.
-- Locks:     run, then step state.
-- Raises:    PF102 unknown run; PF103 the flow has no such signal; PF202 the payload does not fit;
--            PF210 it is too large; PF212 a limit was hit; PF302 the run has ended; PF305 another payload
--            was sent before; PF306 the time is over; PF401 not yours; PF503 isolation level.
-- Returns:   'completed' when a step waited for it, 'kept' when none does yet, or 'repeated'.
create or replace function pgflow.send_signal(
  p_run_id uuid,
  p_step_slug text,
  p_payload jsonb
) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_found record;
  v_state record;
  v_detail jsonb := jsonb_build_object('run_id', p_run_id, 'step_slug', p_step_slug);
begin
  perform pgflow._require_read_committed();
  perform pgflow._lock_runs(array[p_run_id]);
  select r.status, r.owner, r.flow_slug, r.version, s.kind, c.result_schema_id, c.max_result_bytes
  into v_found
  from pgflow.runs as r
  left join pgflow.steps as s
    on s.flow_slug = r.flow_slug and s.version = r.version and s.step_slug = p_step_slug
  left join pgflow.contracts as c on c.contract_id = s.contract_id
  where r.run_id = p_run_id;
  if not found or not pgflow.may_see(v_found.owner) then
    perform pgflow._raise_run_not_found(p_run_id);
  end if;
  if v_found.owner <> pgflow._current_owner() and not pgflow._is_admin() then
    raise exception using
      errcode = 'PF401',
      message = format('run %s belongs to another owner', p_run_id),
      detail = v_detail::text,
      hint = 'send the signal as its owner or as pgflow_admin';
  end if;
  if v_found.kind is distinct from 'signal' then
    raise exception using
      errcode = 'PF103',
      message = format('flow %L has no signal %L', v_found.flow_slug, p_step_slug),
      detail = (v_detail || jsonb_build_object('flow_slug', v_found.flow_slug))::text,
      hint = 'its signals are: ' || coalesce(
        (
          select string_agg(s.step_slug, ', ' order by s.step_index)
          from pgflow.steps as s
          where s.flow_slug = v_found.flow_slug and s.version = v_found.version and s.kind = 'signal'
        ),
        'none'
      );
  end if;
  perform pgflow._check_signal(
    p_step_slug, p_payload, v_found.result_schema_id, v_found.max_result_bytes, v_detail
  );

  if exists (
    select 1
    from pgflow.signals as g
    where g.run_id = p_run_id and g.step_slug = p_step_slug and g.payload = p_payload
  ) then
    return 'repeated';
  end if;
  select s.status into v_state
  from pgflow.step_states as s
  where s.run_id = p_run_id and s.step_slug = p_step_slug;
  perform pgflow._check_signal_is_awaited(p_run_id, p_step_slug, v_found.status, v_state.status, v_detail);

  insert into pgflow.signals (run_id, step_slug, payload, sent_at, sender)
  values (p_run_id, p_step_slug, p_payload, pgflow._now(), pgflow._current_owner());
  if v_state.status is null then
    return 'kept';
  end if;
  update pgflow.step_states as s
  set status = 'completed', step_result = p_payload, ended_at = pgflow._now()
  where s.run_id = p_run_id and s.step_slug = p_step_slug;
  delete from pgflow.timers as t
  where t.run_id = p_run_id and t.step_slug = p_step_slug and t.kind = 'signal';
  perform pgflow._advance_runs(array[p_run_id], array[p_step_slug]);
  return 'completed';
end;
$$;
