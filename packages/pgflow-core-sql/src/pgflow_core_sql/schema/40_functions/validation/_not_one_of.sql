-- _not_one_of: what to say of a value that is not among those that are allowed.
-- Called by: _walk_choice_errors, _walk_own_errors, _walk_tag_errors.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the sentence, with as many of the allowed values as 200 characters hold.
create or replace function pgflow._not_one_of(p_value jsonb, p_allowed jsonb) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when jsonb_array_length(p_allowed) = 0 then pgflow._show(p_value) || ', where no value is allowed'
    when jsonb_array_length(p_allowed) = 1
      then pgflow._show(p_value) || ' is not ' || pgflow._show(p_allowed -> 0)
    else format(
      '%s is not one of [%s%s]',
      pgflow._show(p_value),
      string_agg(a.shown, ', ' order by a.n) filter (where a.length <= 200),
      case when count(*) filter (where a.length <= 200) < jsonb_array_length(p_allowed) then ', …' end
    )
  end
  from (
    select s.shown, e.ordinality as n, sum(length(s.shown) + 2) over (order by e.ordinality) as length
    from jsonb_array_elements(p_allowed) with ordinality as e
    cross join lateral pgflow._show(e.value) as s (shown)
    where e.ordinality <= 50
  ) as a;
$$;
