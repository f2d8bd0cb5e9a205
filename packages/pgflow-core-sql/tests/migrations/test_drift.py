"""The migrations say what the sources say, and the comparison sees what it must see."""

from typing import Any

import psycopg
import pytest

from pgflow_core_sql.drift import snapshot_of_migrations, snapshot_of_sources
from pgflow_core_sql.embedded import EmbeddedPostgres
from pgflow_core_sql.snapshot import differences, snapshot

Conn = psycopg.Connection[Any]


def test_sources_and_migrations_agree(pg_server: EmbeddedPostgres) -> None:
    found = differences(snapshot_of_sources(pg_server), snapshot_of_migrations(pg_server))
    assert found == []


CHANGES = {
    "changed body": (
        """create or replace function pgflow._is_slug(p_text text) returns boolean
        language sql immutable parallel safe set search_path = pg_catalog, pg_temp
        as 'select true'""",
        ["differs: function pgflow._is_slug(text)"],
    ),
    "changed setting of a function": (
        "alter function pgflow.claim_tasks set jit = on",
        ["differs: function pgflow.claim_tasks(uuid,integer,double precision)"],
    ),
    "left-over overload": (
        """create function pgflow._is_slug(p_text text, p_more text) returns boolean
        language sql return true""",
        ["left over: function pgflow._is_slug(text,text)"],
    ),
    "missing function": (
        "drop function pgflow.status()",
        ["missing: function pgflow.status()"],
    ),
    "missing index": (
        "drop index pgflow.tasks_to_claim",
        ["missing: index pgflow.tasks_to_claim"],
    ),
    "changed grant on a function": (
        "grant execute on function pgflow.deploy to pgflow_client",
        ["differs: function pgflow.deploy(jsonb)"],
    ),
    "function open to public": (
        "grant execute on function pgflow._now() to public",
        ["differs: function pgflow._now()"],
    ),
    "changed grant on a table": (
        "grant select on pgflow.runs to pgflow_client",
        ["differs: table pgflow.runs"],
    ),
    "changed grant on the schema": (
        "grant usage on schema pgflow to public",
        ["differs: schema pgflow"],
    ),
    "table without row-level security": (
        "alter table pgflow.runs disable row level security",
        ["differs: table pgflow.runs"],
    ),
    "changed policy": (
        "alter policy own_runs on pgflow.runs using (true)",
        ["differs: policy runs.own_runs"],
    ),
    "changed storage option": (
        "alter table pgflow.leases set (fillfactor = 100)",
        ["differs: table pgflow.leases"],
    ),
    "new column": (
        "alter table pgflow.runs add column extra int",
        ["left over: column pgflow.runs.extra"],
    ),
    "changed default": (
        "alter table pgflow.tasks alter column attempts_count set default 1",
        ["differs: column pgflow.tasks.attempts_count"],
    ),
    "changed comment": (
        "comment on column pgflow.runs.owner is 'somebody'",
        ["differs: column pgflow.runs.owner"],
    ),
    "missing constraint": (
        "alter table pgflow.runs drop constraint status_is_known",
        ["missing: constraint pgflow.runs.status_is_known"],
    ),
    "trigger that nobody wrote down": (
        """create trigger surprise before update on pgflow.runs
        for each row execute function suppress_redundant_updates_trigger()""",
        ["left over: trigger pgflow.runs.surprise"],
    ),
    "other program of a document": (
        """update pgflow.schema_documents set program = '[true]'
        where uri = 'https://json-schema.org/draft/2020-12/schema'""",
        ["differs: seed https://json-schema.org/draft/2020-12/schema"],
    ),
    "other gateway": (
        "delete from pgflow.gateways where role_name = 'authenticator'",
        ["differs: seed gateways"],
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_change_is_seen_and_its_object_named(tx: Conn, change: str) -> None:
    statement, expected = CHANGES[change]
    before = snapshot(tx)
    tx.execute(statement.encode())
    assert differences(before, snapshot(tx)) == expected


def test_same_schema_has_no_differences(tx: Conn) -> None:
    assert differences(snapshot(tx), snapshot(tx)) == []
