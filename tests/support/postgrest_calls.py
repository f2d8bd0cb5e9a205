"""How PostgREST finds a function by its named arguments, and the statement that calls it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import psycopg
from psycopg import sql
from psycopg.rows import class_row

_FIND = """
select
  n.nspname as schema,
  p.proname as name,
  p.provolatile = 'v' as is_volatile,
  p.proretset as is_set,
  t.typtype = 'c' or p.prorettype = 'record'::regtype as is_composite,
  (
    select coalesce(jsonb_object_agg(a.name, format_type(a.type, null)), '{}')
    from unnest(p.proargnames, coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargmodes)
      as a (name, type, mode)
    where coalesce(a.mode, 'i') in ('i', 'b')
  ) as types,
  p.proargnames[1:p.pronargs - p.pronargdefaults]::text[] as required
from pg_catalog.pg_proc as p
join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
join pg_catalog.pg_type as t on t.oid = p.prorettype
where n.nspname = %s and p.proname = %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Routine:
    """A function of the database."""

    schema: str
    name: str
    is_volatile: bool
    is_set: bool
    is_composite: bool
    types: dict[str, str]
    """The type of each argument, by its name."""
    required: list[str] | None

    def takes(self, names: set[str]) -> bool:
        """Return whether it can be called with just these arguments."""
        return set(self.required or ()) <= names <= self.types.keys()

    def query(self, names: Sequence[str]) -> sql.Composed:
        """Return the statement: its one parameter is the JSON text, its one value the answer."""
        columns = [sql.Identifier(name) for name in names]
        # types come from format_type, which quotes them where they need it
        typed = [
            sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(cast("Any", self.types[name])))
            for name in names
        ]
        given = [sql.SQL("{0} => body.{0}").format(column) for column in columns]
        return sql.SQL(
            "with source as ("
            " select {result} from (select %s::json as document) as payload,"
            " lateral (select {columns} from {record} limit 1) as body,"
            " lateral {call}"
            ") select {answer}::text from source as t"
        ).format(
            result=sql.SQL("called.*" if self.is_composite else "called.scalar"),
            columns=sql.SQL(", ").join(columns) if columns else sql.SQL("1"),
            record=sql.SQL("json_to_record(payload.document) as _({})").format(
                sql.SQL(", ").join(typed)
            )
            if columns
            else sql.SQL("(values (1)) as _"),
            call=self._call(sql.SQL(", ").join(given)),
            answer=self._answer(),
        )

    def _call(self, given: sql.Composed) -> sql.Composed:
        call = sql.SQL("{}({})").format(sql.Identifier(self.schema, self.name), given)
        if self.is_composite:
            return sql.SQL("{} as called").format(call)
        return sql.SQL("(select {} as scalar) as called").format(call)

    def _answer(self) -> sql.SQL:
        item = "t" if self.is_composite else "t.scalar"
        if self.is_set:
            return sql.SQL(cast("Any", f"coalesce(json_agg({item}), '[]')"))
        return sql.SQL(cast("Any", f"coalesce(json_agg({item}) -> 0, 'null')"))


def find_routine(
    conn: psycopg.Connection, schema: str, name: str, arguments: set[str]
) -> Routine | None:
    """Return the function of that name which takes *arguments*."""
    with conn.cursor(row_factory=class_row(Routine)) as cursor:
        found = cursor.execute(_FIND, (schema, name)).fetchall()
    return next((routine for routine in found if routine.takes(arguments)), None)
