"""What every test of privileges iterates over, read from the catalog so that nothing is missed."""

from typing import Any

import psycopg
import pytest


def _call(conn: psycopg.Connection[Any], where: str) -> dict[str, str]:
    """Return a call of each function with nulls for arguments, by signature."""
    rows = conn.execute(
        f"""
        select p.oid::regprocedure::text,
          'select pgflow.' || p.proname || '(' || coalesce((
            select string_agg('null::' || format_type(t, null), ', ' order by n)
            from unnest(p.proargtypes::oid[]) with ordinality as a (t, n)
          ), '') || ')'
        from pg_proc as p
        where p.pronamespace = 'pgflow'::regnamespace and {where}
        """.encode()
    ).fetchall()
    return dict(rows)


@pytest.fixture
def every_call(tx: psycopg.Connection[Any]) -> dict[str, str]:
    """A call of every function, private ones too."""
    return _call(tx, "true")


@pytest.fixture
def private_calls(tx: psycopg.Connection[Any]) -> dict[str, str]:
    """A call of every private function."""
    return _call(tx, "starts_with(p.proname, '_')")


@pytest.fixture
def tables(tx: psycopg.Connection[Any]) -> list[str]:
    """Every table of pgflow."""
    return [
        name
        for (name,) in tx.execute(
            "select relname from pg_class"
            " where relnamespace = 'pgflow'::regnamespace and relkind in ('r', 'v', 'm', 'p')"
        )
    ]
