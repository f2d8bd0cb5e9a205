-- _check_signal_is_awaited: refuse a signal that comes too late, or after another one.
-- Called by: send_signal, which holds the lock of the run.
-- Locks:     none.
-- Raises:    PF302 the run has ended; PF305 another payload was sent before; PF306 the step has ended.
-- Returns:   nothing.
create or replace function pgflow._check_signal_is_awaited(
  p_run_id uuid, p_step_slug text, p_run_status text, p_step_status text, p_detail jsonb
) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select 1 from pgflow.signals as g where g.run_id = p_run_id and g.step_slug = p_step_slug
  ) then
    raise exception using
      errcode = 'PF305',
      message = format('signal %L was sent to run %s before, with another payload', p_step_slug, p_run_id),
      detail = p_detail::text,
      hint = 'a signal is taken once; look at what the run has with get_run';
  elsif p_run_status <> 'started' then
    raise exception using
      errcode = 'PF302',
      message = format(
        'run %s has already %s', p_run_id,
        case p_run_status when 'cancelled' then 'been cancelled' else p_run_status end
      ),
      detail = (p_detail || jsonb_build_object('status', p_run_status))::text,
      hint = 'only a run that has not ended takes signals';
  elsif p_step_status <> 'started' then
    raise exception using
      errcode = 'PF306',
      message = format(
        'run %s does not wait for signal %L any more: the step is %s', p_run_id, p_step_slug, p_step_status
      ),
      detail = (p_detail || jsonb_build_object('status', p_step_status))::text,
      hint = case p_step_status
        when 'skipped' then 'its condition did not hold, or a step that it waits for was skipped; see explain_run'
        else 'the time to wait was over; give the signal a longer timeout'
      end;
  end if;
end;
$$;
