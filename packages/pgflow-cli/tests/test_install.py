"""`pgflow install`: what it adds, in whose naming, and what it never touches."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgflow_cli import exit_codes, main
from pgflow_cli.errors import CommandError
from pgflow_cli.migration_copies import Style, find_copies, plan_copies, style_of
from pgflow_cli.writing import create_files
from pgflow_core_sql import Migration, migrations
from pgflow_core_sql.embedded import EmbeddedPostgres


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def next_migration() -> Migration:
    """A migration that this version of pgflow does not have yet."""
    number = migrations()[-1].number + 1
    return Migration(
        number=number, name="later", sql="select 1;\n", phase="before-deploy", breaking=False
    )


def test_an_empty_folder_gets_migrations_and_a_flow(project: Path) -> None:
    assert main(["install"]) == exit_codes.OK
    assert list(files(project)) == ["flows/hello.py", "migrations/pgflow_0001_initial.sql"]


def test_the_second_time_there_is_nothing_to_do(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["install"])
    before = files(project)
    capsys.readouterr()
    assert main(["install"]) == exit_codes.OK
    assert capsys.readouterr().out == "nothing to do\n"
    assert files(project) == before


def test_a_folder_of_supabase_gets_its_timestamps(project: Path) -> None:
    (project / "supabase" / "migrations").mkdir(parents=True)
    (project / "supabase" / "migrations" / "29990131235959_users.sql").write_text("select 1;")
    assert main(["install"]) == exit_codes.OK
    assert list(files(project)) == [
        "supabase/flows/hello.py",
        "supabase/migrations/29990131235959_users.sql",
        "supabase/migrations/29990201000000_pgflow_0001_initial.sql",
    ]


@pytest.mark.parametrize(
    ("existing", "path", "style", "name"),
    [
        ({}, "supabase/migrations", "supabase", "20260102030405_pgflow_0001_initial.sql"),
        ({}, "db/migrations", "plain", "pgflow_0001_initial.sql"),
        ({"README.md": ""}, "m", "plain", "pgflow_0001_initial.sql"),
        (
            {"20250101000000_a.sql": ""},
            "m",
            "supabase",
            "20260102030405_pgflow_0001_initial.sql",
        ),
        (
            {"20269999999999_a.sql": ""},
            "m",
            "supabase",
            "20270000000000_pgflow_0001_initial.sql",
        ),
        (
            {"20250101000000_a.sql": "-- migrate:up\n-- migrate:down\n"},
            "m",
            "dbmate",
            "20260102030405_pgflow_0001_initial.sql",
        ),
        ({"007_a.sql": "", "008-b.sql": ""}, "m", "numbered", "009-pgflow_0001_initial.sql"),
        ({"0009_a.up.sql": ""}, "m", "numbered", "0010_pgflow_0001_initial.up.sql"),
        ({"users.sql": ""}, "m", "plain", "pgflow_0001_initial.sql"),
    ],
    ids=str,
)
def test_the_names_continue_those_of_the_folder(
    project: Path, existing: dict[str, str], path: str, style: Style, name: str
) -> None:
    folder = project / path
    folder.mkdir(parents=True)
    for file, content in existing.items():
        (folder / file).write_text(content)
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert style_of(folder) == style
    planned = plan_copies(folder, migrations(), now=now)
    assert planned[0].path.name == name
    content = planned[0].content
    assert ("-- migrate:up" in content) == (style == "dbmate")
    assert migrations()[0].sql.rstrip() in content


@pytest.mark.parametrize("folder", ["supabase/migrations", "db/migrations"])
def test_an_upgrade_adds_only_what_is_new_and_sorts_it_last(project: Path, folder: str) -> None:
    main(["install", "--migrations-path", folder])
    (old,) = find_copies(Path(folder))
    planned = plan_copies(Path(folder), [*migrations(), next_migration()])
    assert [copy.key for copy in planned] == ["0002_later"]
    assert planned[0].path.name > old.path.name


def test_a_copy_is_recognised_under_any_name(project: Path) -> None:
    main(["install"])
    copy = project / "migrations" / "pgflow_0001_initial.sql"
    copy.rename(project / "migrations" / "20250101000000_engine.sql")
    assert plan_copies(project / "migrations", migrations()) == []


def test_a_changed_copy_is_reported_and_left_alone(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["install"])
    copy = project / "migrations" / "pgflow_0001_initial.sql"
    copy.write_text(copy.read_text() + "\n-- a note of ours\n")
    before = files(project)
    assert main(["install"]) == exit_codes.OK
    told = capsys.readouterr()
    assert "nothing to do" in told.out
    assert "left alone: migrations/pgflow_0001_initial.sql was changed by hand" in told.err
    assert files(project) == before


def test_other_line_ends_are_no_change(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["install"])
    copy = project / "migrations" / "pgflow_0001_initial.sql"
    copy.write_bytes(copy.read_bytes().replace(b"\n", b"\r\n"))
    capsys.readouterr()
    assert main(["install", "--json"]) == exit_codes.OK
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert report == {
        "written": [],
        "kept": ["migrations/pgflow_0001_initial.sql"],
        "changed": [],
    }


def test_the_users_flows_are_never_touched(project: Path) -> None:
    (project / "flows").mkdir()
    (project / "flows" / "mine.py").write_text("# mine\n")
    main(["install"])
    assert files(project / "flows") == {"mine.py": b"# mine\n"}


def test_a_file_in_the_way_stops_it_before_anything_is_written(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "flows").write_text("a file\n")
    assert main(["install"]) == exit_codes.USAGE
    assert "'flows' is a file, not a folder" in capsys.readouterr().err
    assert files(project) == {"flows": b"a file\n"}


def test_when_it_fails_in_the_middle_nothing_is_left(project: Path) -> None:
    (project / "old").mkdir()
    unwritable = project / "flows" / f"{'x' * 300}.py"
    with pytest.raises(CommandError, match=r"cannot write .*: File name too long") as caught:
        create_files(
            {project / "old" / "a.sql": "a", project / "new" / "b.sql": "b", unwritable: ""}
        )
    assert "nothing was changed" in (caught.value.hint or "")
    assert [str(path.relative_to(project)) for path in project.rglob("*")] == ["old"]


def test_a_file_that_exists_is_never_replaced(project: Path) -> None:
    (project / "b.sql").write_text("theirs")
    with pytest.raises(CommandError, match="File exists"):
        create_files({project / "new" / "a.sql": "a", project / "b.sql": "ours"})
    assert files(project) == {"b.sql": b"theirs"}


def test_the_copies_alone_make_a_database_that_works(
    project: Path, empty_database_url: str, pg_server: EmbeddedPostgres
) -> None:
    main(["install", "--migrations-path", "supabase/migrations", "--flows-path", "supabase/flows"])
    compiled = subprocess.run(
        [sys.executable, "-m", "pgflow_cli", "compile", "supabase/flows", "-o", "-"],
        capture_output=True,
        text=True,
        check=True,
    )
    psql = psql_of(pg_server)
    for path in sorted((project / "supabase" / "migrations").glob("*.sql")):
        apply = [psql, empty_database_url, "-v", "ON_ERROR_STOP=1", "-q", "-f", str(path)]
        subprocess.run(apply, check=True, capture_output=True)
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        deployed = conn.execute("select pgflow.deploy(%s::jsonb)", [compiled.stdout]).fetchall()
        assert deployed == [(("hello", "1", "created"),)]
        started = conn.execute("""select pgflow.start_flow('hello', '{"name": "Ada"}')""")
        assert started.fetchone() is not None
    # and pgflow knows that they have been applied
    assert main(["migrate", "--database-url", empty_database_url]) == exit_codes.OK


def psql_of(server: EmbeddedPostgres) -> str:
    """The psql that came with the server's own binaries."""
    from pgflow_core_sql._embedded_place import find_binaries

    return str(find_binaries(server.version) / "psql")
