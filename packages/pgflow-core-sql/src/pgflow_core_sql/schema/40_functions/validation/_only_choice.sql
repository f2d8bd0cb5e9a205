-- _only_choice: the one alternative that a value may fit, as far as its type and its tag tell.
-- Called by: _walk.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the index of its node; null when there are none or several.
-- No `set search_path`, for the reason that _walk gives.
create or replace function pgflow._only_choice(
  p_node jsonb, p_value jsonb, p_kind text
) returns jsonb
language sql immutable parallel safe
as $$
  select case
    when p_kind = 'object' and p_node ? 'discriminator' then
      coalesce(p_node -> 'anyOf', p_node -> 'oneOf') -> (
        p_node #> '{discriminator,branches}'
        -> (
          case jsonb_typeof(p_value -> (p_node #>> '{discriminator,property}'))
            when 'string' then p_value -> (p_node #>> '{discriminator,property}')
          end
        )::text
      )::integer
    when jsonb_array_length(p_node -> 'choices' -> p_kind) = 1 then p_node -> 'choices' -> p_kind -> 0
  end;
$$;
