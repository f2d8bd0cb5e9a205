"""_recompile_schemas: what migrations call that change the compiler."""

from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from tests.support.builders import scalar

Conn = psycopg.Connection[Any]
SCHEMAS: tuple[dict[str, Any], ...] = (
    {"type": "string", "maxLength": 3},
    {"type": "array", "items": {"type": "object", "required": ["a"]}},
)
ROWS = "select jsonb_object_agg(schema_id, to_jsonb(s)) from pgflow.schemas as s"
DOCUMENTS = "select jsonb_object_agg(uri, to_jsonb(d)) from pgflow.schema_documents as d"


def test_rows_of_older_compilers_become_what_this_one_makes(tx: Conn) -> None:
    for schema in SCHEMAS:
        tx.execute("select pgflow._put_schema(%s, '', 'the schema')", [Jsonb(schema)])
    rows, documents = scalar(tx, ROWS), scalar(tx, DOCUMENTS)
    tx.execute(
        "update pgflow.schemas set compiler_version = 0, program = '[]', predicate = null,"
        " residual_paths = null, residual_kinds = null, residual_mins = null, residual_maxs = null"
    )
    tx.execute("update pgflow.schema_documents set program = null")
    tx.execute("select pgflow._recompile_schemas()")
    assert (scalar(tx, ROWS), scalar(tx, DOCUMENTS)) == (rows, documents)


def test_rows_of_this_compiler_are_not_touched(tx: Conn) -> None:
    tx.execute("select pgflow._put_schema(%s, '', 'the schema')", [Jsonb(SCHEMAS[0])])
    tx.execute("update pgflow.schemas set program = '[true]'")
    tx.execute("select pgflow._recompile_schemas()")
    assert scalar(tx, "select program from pgflow.schemas") == [True]
