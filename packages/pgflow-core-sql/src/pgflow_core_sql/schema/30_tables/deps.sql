-- deps: "to_step_slug waits for from_step_slug".
create table pgflow.deps (
  flow_slug text not null,
  version integer not null,
  from_step_slug text not null,
  to_step_slug text not null,
  primary key (flow_slug, version, from_step_slug, to_step_slug),
  foreign key (flow_slug, version, from_step_slug) references pgflow.steps,
  foreign key (flow_slug, version, to_step_slug) references pgflow.steps,
  constraint step_does_not_wait_for_itself check (from_step_slug <> to_step_slug)
);
create index deps_by_waiting_step on pgflow.deps (
  flow_slug, version, to_step_slug, from_step_slug
);
comment on column pgflow.deps.from_step_slug is 'the dep: completes first';
comment on column pgflow.deps.to_step_slug is 'the step that waits';
