"""What the catalog says about every object: nothing for PUBLIC, and no path for a hostile name."""

from typing import Any

import psycopg
from tests.support.builders import column

from pgflow_core_sql.sources import SCHEMA_DIRECTORY

Conn = psycopg.Connection[Any]

# The whole public surface: who may execute what. A new function must be added here by hand.
SURFACE = {
    "beat": "AW",
    "breaking_version": "ACVW",
    "cancel_run": "AC",
    "send_signal": "AC",
    "claim_tasks": "AW",
    "complete_step": "AW",
    "complete_tasks": "AW",
    "deploy": "A",
    "deployed_manifest": "AV",
    "exchange_tasks": "AW",
    "explain_run": "ACV",
    "extend_leases": "AW",
    "fail_tasks": "AW",
    "get_run": "ACV",
    "list_runs": "ACV",
    "may_see": "ACV",
    "register_worker": "AW",
    "release_tasks": "AW",
    "schema_version": "ACVW",
    "start_flow": "AC",
    "start_flows": "AC",
    "status": "AV",
    "stop_worker": "AW",
    "sweep": "AW",
    "upgrade_runs": "A",
    "validate": "AVW",
    "watch_run": "ACV",
}
ROLES = {"A": "pgflow_admin", "C": "pgflow_client", "V": "pgflow_viewer", "W": "pgflow_worker"}


def test_each_role_may_execute_exactly_what_its_work_needs(tx: Conn) -> None:
    rows = tx.execute(
        "select r.rolname, p.proname from pg_proc p, pg_roles r"
        " where p.pronamespace = 'pgflow'::regnamespace"
        "   and r.rolname = any (%s) and has_function_privilege(r.oid, p.oid, 'execute')",
        [list(ROLES.values())],
    ).fetchall()
    expected = {(ROLES[key], name) for name, keys in SURFACE.items() for key in keys}
    assert set(rows) == expected


def test_private_functions_are_nobodys(tx: Conn) -> None:
    private = column(
        tx,
        "select p.proname from pg_proc p cross join aclexplode(p.proacl) a"
        " where p.pronamespace = 'pgflow'::regnamespace and starts_with(p.proname, '_')"
        "   and a.grantee <> p.proowner",
    )
    assert private == []


def test_nothing_is_granted_to_public(tx: Conn) -> None:
    """`proacl is null` would mean the default, which is EXECUTE for PUBLIC."""
    functions = column(
        tx,
        "select p.oid::regprocedure::text from pg_proc p"
        " cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a"
        " where p.pronamespace = 'pgflow'::regnamespace and a.grantee = 0",
    )
    relations = column(
        tx,
        "select c.oid::regclass::text from pg_class c cross join aclexplode(c.relacl) a"
        " where c.relnamespace = 'pgflow'::regnamespace and a.grantee = 0",
    )
    schema = column(
        tx,
        "select a.privilege_type from pg_namespace n cross join aclexplode(n.nspacl) a"
        " where n.nspname = 'pgflow' and a.grantee = 0",
    )
    assert (functions, relations, schema) == ([], [], [])


def test_no_role_of_pgflow_may_write_a_table(tx: Conn) -> None:
    writable = tx.execute(
        "select c.relname, a.grantee::regrole::text, a.privilege_type"
        " from pg_class c cross join aclexplode(c.relacl) a"
        " where c.relnamespace = 'pgflow'::regnamespace and a.grantee <> c.relowner"
        "   and a.privilege_type <> 'SELECT'"
    ).fetchall()
    assert writable == []


def test_every_public_function_is_security_definer_and_no_private_one(tx: Conn) -> None:
    rows = tx.execute(
        "select proname, prosecdef from pg_proc where pronamespace = 'pgflow'::regnamespace"
    ).fetchall()
    assert {name for name, definer in rows if definer} == set(SURFACE)


def test_every_function_has_pg_catalog_first_and_temporary_types_last(tx: Conn) -> None:
    """With an empty path, Postgres looks for types in pg_temp first: see test_search_path.py."""
    paths = tx.execute(
        "select proname, proconfig from pg_proc where pronamespace = 'pgflow'::regnamespace"
    ).fetchall()
    other = {
        name
        for name, config in paths
        if "search_path=pg_catalog, pg_temp" not in (config or [])
        # The clock has no names to look up, and without settings it is inlined.
        and name != "_now"
    }
    # The walker's own functions inherit the path of those that call it: setting it costs as much
    # as a fourth of a visit. They are private, and say so.
    walking = {
        path.stem
        for path in SCHEMA_DIRECTORY.rglob("_*.sql")
        if "-- No `set search_path`" in path.read_text(encoding="utf-8")
    }
    assert other == walking


def test_backslashes_in_a_function_mean_the_same_in_every_session(tx: Conn) -> None:
    """A session with `standard_conforming_strings = off` would read them as escapes."""
    unpinned = column(
        tx,
        "select proname from pg_proc where pronamespace = 'pgflow'::regnamespace"
        "   and strpos(prosrc, chr(92)) > 0"
        "   and 'standard_conforming_strings=on' <> all (coalesce(proconfig, '{}'))",
    )
    assert unpinned == []


def test_file_name_is_the_function_name_and_there_is_one_of_each(tx: Conn) -> None:
    functions = column(
        tx, "select proname from pg_proc where pronamespace = 'pgflow'::regnamespace"
    )
    files = [
        path.stem
        for path in SCHEMA_DIRECTORY.rglob("*.sql")
        if "create or replace function" in path.read_text(encoding="utf-8")
    ]
    assert sorted(files) == sorted(functions)
    for path in SCHEMA_DIRECTORY.rglob("*.sql"):
        text = path.read_text(encoding="utf-8")
        if path.stem in files:
            assert text.count("create or replace function") == 1
            assert f"create or replace function pgflow.{path.stem}(" in text


def test_roles_of_pgflow_cannot_log_in_and_are_not_members_of_each_other(tx: Conn) -> None:
    rows = tx.execute(
        "select rolname, rolcanlogin, rolsuper, rolbypassrls from pg_roles"
        " where rolname = any (%s)",
        [list(ROLES.values())],
    ).fetchall()
    assert sorted(rows) == [(role, False, False, False) for role in sorted(ROLES.values())]
    members = column(
        tx,
        "select member::regrole::text from pg_auth_members"
        " where roleid::regrole::text = any (%s) and member::regrole::text = any (%s)",
        [list(ROLES.values()), list(ROLES.values())],
    )
    assert members == []
