-- _compile_schema: everything that a row of pgflow.schemas holds besides the schema.
-- The predicate is a fast way to say yes: a value that it accepts, and for which the residual checks
-- hold, fits. It may decline a value that fits; then the walker is asked, who is always right.
-- Called by: _put_schema, _recompile_schemas.
-- Locks:     none.
-- Raises:    PF211 as _link_schema.
-- Returns:   the columns; without a predicate when the schema is beyond what a jsonpath can say, or of a
--            size that costs more with each value than it saves.
create or replace function pgflow._compile_schema(
  p_schema jsonb,
  p_at text,
  p_what text,
  out program jsonb,
  out predicate jsonpath,
  out residual_paths jsonpath [],
  out residual_kinds text [],
  out residual_mins integer [],
  out residual_maxs integer [],
  out residual_free_bytes integer
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set jit = off  -- as _explain says
as $$
declare
  c_places constant integer := 3000;
  c_residuals constant integer := 256;  -- for 250 bounded texts, still half of what the walker takes
  c_any constant integer := 2147483647;  -- no residual checks at all
  -- with the 8 bytes that jsonb has for each key and its value beside these
  v_key_bytes constant bigint := (
    select coalesce(sum(8 + octet_length(r.key)), 0)
    from jsonb_array_elements_text(case p_schema -> 'type' when '"object"' then p_schema -> 'required' end) as r (key)
  );
  v_unrolled integer;
  v_places integer;
  v_places_before integer;
  v_text text;
begin
  program := pgflow._link_schema(p_schema, p_at, p_what);
  -- how often a recursive schema may be inside itself before the predicate declines
  foreach v_unrolled in array '{8,4,2,1,0}'::integer[] loop
    v_places := (select count(*) from pgflow._places(program, v_unrolled, c_places) as p);
    continue when v_places = c_places;
    exit when v_places = v_places_before;  -- it is not recursive
    v_places_before := v_places;
    select array_agg(r.path), array_agg(r.kind), array_agg(r.at_least), array_agg(r.at_most)
    into residual_paths, residual_kinds, residual_mins, residual_maxs
    from pgflow._residual_checks(program, v_unrolled, c_places) as r;
    continue when cardinality(residual_paths) > c_residuals;
    begin
      v_text := pgflow._predicate(program, 0, false, v_unrolled);
      predicate := case
        when v_text = '' then 'strict $'
        when v_text <> pgflow._predicate_never() then 'strict $ ? (' || v_text || ')'
      end;
    exception
      when sqlstate 'PFLIM' or statement_too_complex then
        null;
    end;
    exit when predicate is not null;
  end loop;
  -- A text has no more characters, and an object no more properties, than the value that holds it has bytes
  -- besides the keys that it must have; that there is at least one is in the predicate.
  residual_free_bytes := case
    when predicate is not null then (
      select coalesce(
        min(
          case
            when r.kind = 'unique' or r.at_least > 1 then 0
            when r.kind = 'length' then least(r.at_most + v_key_bytes, c_any)
            else r.at_most
          end
        ),
        c_any
      )
      from unnest(residual_kinds, residual_mins, residual_maxs) as r (kind, at_least, at_most)
    )
  end;
  if predicate is null then
    residual_paths := null;
    residual_kinds := null;
    residual_mins := null;
    residual_maxs := null;
  end if;
end;
$$;
