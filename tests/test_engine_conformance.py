"""The engine reads manifests as `manifests/conformance` says, and has the words of the contract."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from pgflow_manifest import (
    ATTEMPT_OUTCOMES,
    RUN_STATUSES,
    STEP_STATUSES,
    WORKER_STATUSES,
    error_from_sqlstate,
)

EXAMPLES: Final = Path(__file__).parent.parent / "manifests/conformance"
VALID: Final = sorted(EXAMPLES.glob("valid/*.json"))
INVALID: Final = sorted(
    path for path in EXAMPLES.glob("invalid/*.json") if ".expected" not in path.name
)


def deploy(conn: psycopg.Connection, manifest: str) -> list[tuple[Any, ...]]:
    return conn.execute("select * from pgflow.deploy(%s::jsonb)", [manifest]).fetchall()


def name_of(path: Path) -> str:
    return path.stem


def test_valid_manifests_are_deployed_and_the_second_time_change_nothing(
    conn: psycopg.Connection,
) -> None:
    for path in VALID:
        manifest = path.read_text(encoding="utf-8")
        slugs = [flow["slug"] for flow in json.loads(manifest)["flows"]]
        assert [row[0] for row in deploy(conn, manifest)] == slugs
        assert [row[2] for row in deploy(conn, manifest)] == ["unchanged"] * len(slugs)


@pytest.mark.parametrize("path", INVALID, ids=name_of)
def test_invalid_manifest_is_refused_whole_and_at_the_same_place(
    path: Path, conn: psycopg.Connection
) -> None:
    expected = json.loads(path.with_suffix(".expected.json").read_text(encoding="utf-8"))
    manifest = path.read_text(encoding="utf-8")
    if expected["deploy"] is None:
        deploy(conn, manifest)
        return
    with pytest.raises(psycopg.Error) as refused:
        deploy(conn, manifest)
    diag = refused.value.diag
    error = error_from_sqlstate(refused.value.sqlstate, diag.message_primary or "")
    assert error is not None
    assert error.code == expected["deploy"]
    if error.code == refused.value.sqlstate:
        assert diag.message_hint
        details = json.loads(diag.message_detail or "null")
        # one of the two may name the whole, where the other names the part of it
        found = details.get("at", "")
        assert any(
            at.startswith(found) or found.startswith(f"{at}/") for at in expected["at"] or [""]
        )
    assert conn.execute("select count(*) from pgflow.flows").fetchone() == (0,)


@pytest.mark.parametrize(
    ("table", "column", "words"),
    [
        ("runs", "status", RUN_STATUSES),
        # a step that waits for its deps has no row
        ("step_states", "status", [word for word in STEP_STATUSES if word != "created"]),
        ("attempt_log", "outcome", ATTEMPT_OUTCOMES),
        ("workers", "status", WORKER_STATUSES),
    ],
)
def test_words_of_the_database_are_those_of_the_contract(
    conn: psycopg.Connection, table: str, column: str, words: Sequence[str]
) -> None:
    row = conn.execute(
        "select pg_get_constraintdef(oid) from pg_constraint "
        "where conrelid = format('pgflow.%%I', %s::text)::regclass and conname = %s",
        [table, f"{column}_is_known"],
    ).fetchone()
    assert row is not None
    assert sorted(re.findall(r"'(\w+)'::text", row[0])) == sorted(words)
