-- Whoever is granted SELECT on runs or step_states sees the rows of his own runs only; the view
-- `attempts` says so itself.
alter table pgflow.runs enable row level security;
create policy own_runs on pgflow.runs for select using (pgflow.may_see(owner));

alter table pgflow.step_states enable row level security;
create policy steps_of_own_runs on pgflow.step_states for select using (
  exists (select 1 from pgflow.runs as r where r.run_id = step_states.run_id)
);

alter table pgflow.attempt_log enable row level security;
create policy attempts_of_own_runs on pgflow.attempt_log for select using (
  exists (select 1 from pgflow.runs as r where r.run_id = attempt_log.run_id)
);

alter table pgflow.maps enable row level security;
create policy maps_of_own_runs on pgflow.maps for select using (
  exists (select 1 from pgflow.runs as r where r.run_id = maps.run_id)
);

alter table pgflow.signals enable row level security;
create policy signals_of_own_runs on pgflow.signals for select using (
  exists (select 1 from pgflow.runs as r where r.run_id = signals.run_id)
);

alter table pgflow.timers enable row level security;
create policy timers_of_own_runs on pgflow.timers for select using (
  exists (select 1 from pgflow.runs as r where r.run_id = timers.run_id)
);

alter table pgflow.map_items enable row level security;
create policy map_items_of_own_runs on pgflow.map_items for select using (
  exists (select 1 from pgflow.runs as r where r.run_id = map_items.run_id)
);

alter table pgflow.map_results enable row level security;
create policy map_results_of_own_runs on pgflow.map_results for select using (
  exists (select 1 from pgflow.runs as r where r.run_id = map_results.run_id)
);
