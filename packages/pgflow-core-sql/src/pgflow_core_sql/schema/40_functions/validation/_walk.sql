-- _walk: does a value fit a node of a linked schema, and if not, what does not fit.
-- Called by: _explain, _predicate_enum; and itself through _walk_array, _walk_choice, _walk_combined, _walk_more,
--            _evaluated.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _explain catches it. A limit is raised and not returned: as a
--            misfit, `not` would take it for a fit.
-- Returns:   null when the value fits; else at most p_wanted errors, `at` relative to the value.
-- No `set search_path`: it is private, everything that leads here pins the path already, and
-- pinning it again would cost 1 us of the 4 us that a visit takes.
create or replace function pgflow._walk(
  p_program jsonb,
  p_node jsonb,
  p_value jsonb,
  p_wanted integer,  -- 0 asks whether it fits at all: the answer then is null or an empty array
  p_deadline timestamptz
) returns jsonb
language plpgsql stable
as $$
declare
  v_node jsonb := p_node;
  v_kind constant text := jsonb_typeof(p_value);
  v_accepts boolean;
  v_fits boolean;
  v_text text;
  v_left integer := p_wanted;
  v_errors jsonb;
  v_found jsonb;
  v_next text;
  v_key text;
  v_sub jsonb;
  v_child jsonb;
begin
  if clock_timestamp() > p_deadline then
    perform pgflow._raise_walk_limit();
  end if;
  loop
    v_accepts := v_node -> 'accepts' ? v_kind;
    if v_accepts then
      return v_errors;
    elsif v_accepts is null then
      if v_node = 'true' then
        return v_errors;
      end if;
      return coalesce(v_errors, '[]') || pgflow._walk_own_errors(v_node, p_value, v_left);
    end if;

    -- the value itself: one expression for each type, because a statement costs more than a test
    v_fits := case
      when (v_node -> 'type' ? v_kind) is false
        and not (v_kind = 'number' and v_node -> 'type' ? 'integer' and p_value::numeric % 1 = 0)
        then false
      when not v_node ? 'enum' then true
      when v_kind in ('object', 'array') then pgflow._in_enum(v_node -> 'enum', p_value)
      else v_node -> 'enum' @> p_value  -- a scalar is contained if it is one of the items
    end;
    if not v_fits then
      return coalesce(v_errors, '[]') || pgflow._walk_own_errors(v_node, p_value, v_left);
    end if;
    case v_kind
      when 'string' then
        v_text := p_value #>> '{}';
        v_fits := (length(v_text) >= (v_node -> 'minLength')::integer) is not false
          and (length(v_text) <= (v_node -> 'maxLength')::integer) is not false
          and (v_text ~ (v_node ->> 'pattern')) is not false;
      when 'number' then
        v_fits := (p_value >= v_node -> 'minimum') is not false
          and (p_value <= v_node -> 'maximum') is not false
          and (p_value > v_node -> 'exclusiveMinimum') is not false
          and (p_value < v_node -> 'exclusiveMaximum') is not false
          and (p_value::numeric % (v_node -> 'multipleOf')::numeric = 0) is not false;
      when 'object' then
        v_fits := (p_value ?& (v_node ->> 'required_keys')::text[]) is not false;
      when 'array' then
        v_fits := (jsonb_array_length(p_value) >= (v_node -> 'minItems')::integer) is not false
          and (jsonb_array_length(p_value) <= (v_node -> 'maxItems')::integer) is not false;
      else
        null;
    end case;
    if not v_fits then
      v_errors := coalesce(v_errors, '[]') || pgflow._walk_own_errors(v_node, p_value, v_left);
      v_left := p_wanted - jsonb_array_length(v_errors);
      if v_left <= 0 then
        return v_errors;
      end if;
    end if;

    -- what is in it
    if v_kind = 'object' and v_node ?| '{properties,additionalProperties}' then
      for v_key, v_child, v_sub in
        select e.key, e.value, n.node
        from jsonb_each(p_value) as e
        cross join lateral (
          select p_program -> coalesce(
            v_node -> 'properties' -> e.key,
            case when not v_node ? 'patternProperties' then v_node -> 'additionalProperties' end
          )::integer
        ) as n (node)
        where not coalesce(n.node -> 'accepts' ? jsonb_typeof(e.value), n.node <> 'false', true)
      loop
        v_found := case
          when v_sub <> 'false' then pgflow._walk(p_program, v_sub, v_child, v_left, p_deadline)
          else pgflow._unexpected(v_left, v_node, v_key)
        end;
        if v_found is not null then
          v_errors := coalesce(v_errors, '[]') || pgflow._under(v_key, v_found);
          v_left := p_wanted - jsonb_array_length(v_errors);
          if v_left <= 0 then
            return v_errors;
          end if;
        end if;
      end loop;
    end if;
    if v_node -> 'more' ? v_kind then
      v_found := case v_kind
        when 'array' then pgflow._walk_array(p_program, v_node, p_value, v_left, p_deadline)
        else pgflow._walk_more(p_program, v_node, p_value, v_left, p_deadline)
      end;
      if v_found is not null then
        v_errors := coalesce(v_errors, '[]') || v_found;
        v_left := p_wanted - jsonb_array_length(v_errors);
        if v_left <= 0 then
          return v_errors;
        end if;
      end if;
    end if;

    -- other schemas for the same value; where one is all that is left, no call is needed
    v_next := v_node ->> 'next';
    if v_next is null then
      return v_errors;
    end if;
    v_sub := case v_next
      when 'ref' then v_node -> 'ref'
      when 'choice' then pgflow._only_choice(v_node, p_value, v_kind)
    end;
    if v_sub is null then
      v_found := case v_next
        when 'choice' then pgflow._walk_choice(
          p_program, v_node, case when v_node ? 'anyOf' then 'anyOf' else 'oneOf' end,
          coalesce(v_node -> 'choices' -> v_kind, '[]'), p_value, v_left, p_deadline
        )
        else pgflow._walk_combined(p_program, v_node, p_value, v_left, p_deadline)
      end;
      return case when v_found is null then v_errors else coalesce(v_errors, '[]') || v_found end;
    end if;
    v_node := p_program -> v_sub::integer;
  end loop;
end;
$$;
