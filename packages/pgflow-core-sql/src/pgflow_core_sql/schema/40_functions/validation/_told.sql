-- _told: errors of a validation in one line, for messages.
-- Called by: _result_error, _misfit, _check_sub_flow, _check_signal, _check_payloads.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the first error with its JSON pointer, and how many more there are.
create or replace function pgflow._told(p_errors jsonb) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select concat(
    'at ', coalesce(nullif(p_errors #>> '{0,at}', ''), 'the top'), ', ', p_errors #>> '{0,message}',
    case when n.more > 0 then format(' (and %s more)', n.more) end
  )
  from (select jsonb_array_length(p_errors) - 1 as more) as n;
$$;
