-- _predicate_string: the condition for what a node says about strings.
-- Called by: _predicate_types.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   as _predicate; it holds for no value of another type.
create or replace function pgflow._predicate_string(p_node jsonb, p_exact boolean) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_exact and (p_node ? 'maxLength' or p_node -> 'minLength' > '1') then null
    else pgflow._predicate_joined(
      '&&',
      array[
        case when p_node ? 'pattern' then format('@ like_regex %s flag "s"', p_node -> 'pattern') else '' end,
        case
          when (p_node -> 'minLength' > '0') is not true then ''
          when p_node ? 'pattern' then '@ != ""'
          else '(@.type() == "string" && @ != "")'
        end
      ]
    )
  end;
$$;
