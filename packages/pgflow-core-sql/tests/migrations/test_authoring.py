"""The next migration is written from the sources; what a tool cannot know, a person is told."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgflow_core_sql import authoring, migrate, migrations
from pgflow_core_sql.authoring import initial_migration, main, next_migration
from pgflow_core_sql.snapshot import differences, snapshot
from pgflow_core_sql.sources import source_files

Conn = psycopg.Connection[Any]
NUMBER = len(migrations()) + 1


def changes_since(conn: Conn, sources: dict[str, str]) -> dict[str, str]:
    lines = differences(sources, snapshot(conn))
    return {item: change for change, _, item in (line.partition(": ") for line in lines)}


def test_old_database_is_brought_to_the_sources(empty_database_url: str) -> None:
    """A missing, a changed and a left-over function."""
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        migrate(conn)
        sources = snapshot(conn)
        conn.execute("drop function pgflow.status()")
        conn.execute("alter function pgflow.beat reset search_path")
        conn.execute("create function pgflow.old_one(p_id uuid) returns int language sql return 1")
        text, by_hand = next_migration(NUMBER, "tidy_up", changes_since(conn, sources))
        assert by_hand == []
        conn.execute(text.encode())
        assert differences(sources, snapshot(conn)) == []
        row = conn.execute(
            "select name, phase, breaking from pgflow.migrations where number = %s", [NUMBER]
        ).fetchone()
        assert row == ("tidy_up", "before-deploy", False)


def test_changed_function_is_written_verbatim() -> None:
    text, _ = next_migration(NUMBER, "x", {"function pgflow.status()": "differs"})
    source = next(path for path in source_files() if path.stem == "status")
    assert source.read_text(encoding="utf-8").strip() in text


def test_new_function_is_granted_to_supabases_roles_too() -> None:
    text, _ = next_migration(NUMBER, "x", {})
    assert "service_role" in text


def test_what_is_no_function_is_left_to_a_person() -> None:
    changes = {
        "column pgflow.runs.extra": "missing",
        "index pgflow.tasks_to_claim": "left over",
        "table pgflow.runs": "differs",
    }
    _, by_hand = next_migration(NUMBER, "x", changes)
    assert by_hand == [
        "missing: column pgflow.runs.extra",
        "left over: index pgflow.tasks_to_claim",
        "differs: table pgflow.runs",
    ]


def test_written_migration_is_one_that_can_be_read(tmp_path: Path) -> None:
    for number, text in (
        (1, initial_migration()),
        (2, next_migration(2, "second_one", {})[0]),
    ):
        name = "initial" if number == 1 else "second_one"
        (tmp_path / f"{number:04}_{name}.sql").write_text(text, encoding="utf-8")
    assert [m.name for m in migrations(tmp_path)] == ["initial", "second_one"]


def test_initial_migration_is_what_the_sources_say() -> None:
    if migrations()[0].file_name not in authoring.released_checksums():
        assert migrations()[0].sql == initial_migration()


def test_usage_is_shown_for_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err


def test_released_initial_migration_is_not_rewritten(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(authoring, "released_checksums", lambda: {"0001_initial.sql": "x"})
    assert main(["initial"]) == 1
    assert "never changes" in capsys.readouterr().err
