"""What a pgflow schema consists of, read from the catalog: object by object, comparable.

No pg_dump: its text depends on its version, and a difference in it does not name the object.
"""

from typing import Any

import psycopg
from psycopg.rows import tuple_row

_QUERIES = {
    "schema": """
        select n.nspname,
               concat_ws(' ', obj_description(n.oid, 'pg_namespace'), array(
                 select a.grantee::regrole::text || '=' || a.privilege_type
                 from aclexplode(n.nspacl) a where a.grantee <> n.nspowner order by 1)::text)
        from pg_namespace n where n.nspname = 'pgflow'""",
    "function": """
        select p.oid::regprocedure::text,
               pg_get_functiondef(p.oid) || coalesce(array(
                 select a.grantee::regrole::text || '=' || a.privilege_type
                 from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
                 where a.grantee <> p.proowner order by 1)::text, '')
        from pg_proc p where p.pronamespace = 'pgflow'::regnamespace""",
    "table": """
        select c.oid::regclass::text,
               concat_ws(' ', c.relkind, c.relrowsecurity, c.reloptions::text,
                 case when c.relkind = 'v' then pg_get_viewdef(c.oid) end,
                 obj_description(c.oid, 'pg_class'), array(
                 select a.grantee::regrole::text || '=' || a.privilege_type
                 from aclexplode(c.relacl) a where a.grantee <> c.relowner order by 1)::text)
        from pg_class c
        where c.relnamespace = 'pgflow'::regnamespace and c.relkind in ('r', 'v', 'c', 'S')""",
    "column": """
        select c.oid::regclass::text || '.' || a.attname,
               concat_ws(' ', a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                 a.attidentity, a.attstorage, pg_get_expr(d.adbin, d.adrelid),
                 col_description(c.oid, a.attnum))
        from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relnamespace = 'pgflow'::regnamespace and c.relkind in ('r', 'v', 'c')""",
    "constraint": """
        select conrelid::regclass::text || '.' || conname, pg_get_constraintdef(oid)
        from pg_constraint where connamespace = 'pgflow'::regnamespace and contype <> 'n'""",
    "index": """
        select schemaname || '.' || indexname, indexdef
        from pg_indexes where schemaname = 'pgflow'""",
    "trigger": """
        select tgrelid::regclass::text || '.' || tgname, pg_get_triggerdef(t.oid)
        from pg_trigger t join pg_class c on c.oid = t.tgrelid
        where c.relnamespace = 'pgflow'::regnamespace and not tgisinternal""",
    "policy": """
        select tablename || '.' || policyname,
               concat_ws(' ', permissive, roles::text, cmd, qual, with_check)
        from pg_policies where schemaname = 'pgflow'""",
    "seed": """
        select 'gateways', array(select role_name::text from pgflow.gateways order by 1)::text
        union all
        select d.uri, md5(concat(d.document, d.program)) from pgflow.schema_documents as d""",
}


def snapshot(conn: psycopg.Connection[Any]) -> dict[str, str]:
    """Return the definition of every object in the schema `pgflow`, by kind and name."""
    found: dict[str, str] = {}
    with conn.cursor(row_factory=tuple_row) as cursor:
        for kind, query in _QUERIES.items():
            for name, definition in cursor.execute(query.encode()):
                found[f"{kind} {name}"] = definition
    return found


def differences(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    """Name each object that is missing, left over or different."""
    lines: list[str] = []
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            lines.append(f"missing: {name}")
        elif name not in expected:
            lines.append(f"left over: {name}")
        elif expected[name] != found[name]:
            lines.append(f"differs: {name}")
    return lines
