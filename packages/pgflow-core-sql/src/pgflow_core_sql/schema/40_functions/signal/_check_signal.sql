-- _check_signal: hold the payload of a signal against budget and schema.
-- Refused and not taken for a failure of the step: who sends it can send another one.
-- Called by: send_signal.
-- Locks:     none.
-- Raises:    PF202 it does not fit or is SQL null; PF210 too large; PF212 a limit was hit.
-- Returns:   nothing.
create or replace function pgflow._check_signal(
  p_step_slug text, p_payload jsonb, p_schema_id bytea, p_max_bytes integer, p_detail jsonb
) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_bytes constant integer := pg_column_size(p_payload);
  v_errors jsonb;
begin
  if p_payload is null then
    raise exception using
      errcode = 'PF202',
      message = format('the payload of signal %L is SQL null', p_step_slug),
      detail = p_detail::text,
      hint = $hint$pass a JSON value; JSON null is 'null'::jsonb$hint$;
  elsif v_bytes > p_max_bytes then
    raise exception using
      errcode = 'PF210',
      message = format(
        'the payload of signal %L takes %s bytes as jsonb; its budget is %s', p_step_slug, v_bytes, p_max_bytes
      ),
      detail = (p_detail || jsonb_build_object('bytes', v_bytes, 'max_payload_bytes', p_max_bytes))::text,
      hint = 'send where large things are, or raise the budget: Flow(..., max_result_bytes=...)';
  end if;
  v_errors := pgflow._check_value(p_schema_id, p_payload);
  if v_errors @> '[{"keyword": "limit"}]' then
    raise exception using
      errcode = 'PF212',
      message = format('the payload of signal %L could not be validated: %s', p_step_slug, pgflow._told(v_errors)),
      detail = (p_detail || jsonb_build_object('errors', v_errors))::text,
      hint = 'send less, or raise pgflow.validation_deadline_ms';
  elsif v_errors is not null then
    raise exception using
      errcode = 'PF202',
      message = format('the payload of signal %L does not fit: %s', p_step_slug, pgflow._told(v_errors)),
      detail = (p_detail || jsonb_build_object('errors', v_errors))::text,
      hint = 'send what the type of the signal says';
  end if;
end;
$$;
