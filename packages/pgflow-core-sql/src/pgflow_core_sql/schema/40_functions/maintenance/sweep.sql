-- sweep: fire what is due, expire overdue leases, declare silent workers dead, forget old watches.
-- Called by: every worker, every few seconds; pg_cron where there is one. One at a time: whoever
--            finds another one at it returns at once.
-- Locks:     runs by id, skipping those that others hold, then step states, then tasks and leases,
--            then the rows of the workers.
-- Raises:    PF503 isolation level.
-- Returns:   how many leases expired, how many workers were declared dead, how many timers fired, and in
--            how many seconds the next timer is due, null when there is none: sweep again then.
create or replace function pgflow.sweep(p_limit integer default 1000)  -- of how many runs
returns table (
  expired integer, dead_workers integer, fired integer, next_timer_seconds double precision
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pgflow._now();
begin
  perform pgflow._require_read_committed();
  expired := 0;
  dead_workers := 0;
  fired := 0;
  next_timer_seconds := (
    select greatest(extract(epoch from min(t.due_at) - v_now), 0) from pgflow.timers as t
  );
  if not pg_try_advisory_xact_lock(hashtextextended('pgflow.sweep', 0)) then
    return next;
    return;
  end if;

  if next_timer_seconds = 0 then
    fired := pgflow._fire_timers(p_limit);
    next_timer_seconds := (
      select greatest(extract(epoch from min(t.due_at) - v_now), 0) from pgflow.timers as t
    );
  end if;
  perform pgflow._release_leases(p_limit);
  expired := pgflow._expire_leases(p_limit);

  -- Last: claim_tasks and stop_worker touch the row of a worker while they hold runs or tasks.
  update pgflow.workers as w
  set status = 'dead', idle = false, ended_at = v_now
  where w.status = 'running'
    and pgflow._is_silent(w.last_beat_at, w.beat_seconds);
  get diagnostics dead_workers = row_count;

  delete from pgflow.watches as w where w.watched_until < v_now;
  return next;
end;
$$;
