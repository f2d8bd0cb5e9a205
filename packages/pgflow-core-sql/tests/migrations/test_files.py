"""The files of migrations/: how they are named, what their first lines say, what they hash to."""

import shutil
from pathlib import Path

import pytest

from pgflow_core_sql import migrations
from pgflow_core_sql.authoring import changed_after_release, release, released_checksums
from pgflow_core_sql.migrations import MIGRATIONS_DIRECTORY

HEADER = "-- phase: {phase}\n-- breaking: {breaking}\nselect 1;\n"


def write(directory: Path, name: str, phase: str = "before-deploy", breaking: str = "no") -> None:
    text = HEADER.format(phase=phase, breaking=breaking)
    (directory / name).write_text(text, encoding="utf-8")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the real migrations."""
    return Path(shutil.copytree(MIGRATIONS_DIRECTORY, tmp_path / "migrations"))


def test_every_migration_records_itself() -> None:
    for migration in migrations():
        breaking = str(migration.breaking).lower()
        row = f"({migration.number}, '{migration.name}', '{migration.phase}', {breaking})"
        assert row in migration.sql


def test_migrations_contain_no_transaction_control_of_their_own() -> None:
    """They must fit into the transaction of whoever applies them."""
    for migration in migrations():
        lines = {line.strip().lower() for line in migration.sql.splitlines()}
        assert lines.isdisjoint({"begin;", "commit;", "rollback;", "begin transaction;"})


def test_header_is_read(tmp_path: Path) -> None:
    write(tmp_path, "0001_one.sql")
    write(tmp_path, "0002_two_words.sql", "after-deploy", "yes")
    first, second = migrations(tmp_path)
    assert (first.number, first.name, first.phase, first.breaking) == (
        1,
        "one",
        "before-deploy",
        False,
    )
    assert (second.name, second.phase, second.breaking) == ("two_words", "after-deploy", True)
    assert second.file_name == "0002_two_words.sql"


@pytest.mark.parametrize(
    ("phase", "breaking"), [("later", "no"), ("", "no"), ("before-deploy", "maybe")]
)
def test_wrong_header_is_refused_with_the_file_named(
    tmp_path: Path, phase: str, breaking: str
) -> None:
    write(tmp_path, "0001_one.sql", phase, breaking)
    with pytest.raises(ValueError, match=r"0001_one\.sql must begin with"):
        migrations(tmp_path)


def test_header_counts_only_at_the_top(tmp_path: Path) -> None:
    text = "-- a comment\n" * 60 + HEADER.format(phase="before-deploy", breaking="no")
    (tmp_path / "0001_one.sql").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="must begin with"):
        migrations(tmp_path)


@pytest.mark.parametrize("name", ["1_one.sql", "0001-one.sql", "0001_One.sql", "0001_.sql"])
def test_wrong_name_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, name)
    with pytest.raises(ValueError, match="is not called like a migration"):
        migrations(tmp_path)


@pytest.mark.parametrize("numbers", [(2,), (1, 3), (1, 2, 4)])
def test_gap_in_the_numbers_is_refused(tmp_path: Path, numbers: tuple[int, ...]) -> None:
    for number in numbers:
        write(tmp_path, f"{number:04}_m.sql")
    with pytest.raises(ValueError, match="without a gap"):
        migrations(tmp_path)


def test_two_files_with_one_number_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "0001_a.sql")
    write(tmp_path, "0001_b.sql")
    with pytest.raises(ValueError, match="without a gap"):
        migrations(tmp_path)


def test_released_migrations_have_not_changed() -> None:
    assert changed_after_release() == []


def test_release_records_every_file(copy: Path) -> None:
    release(copy)
    assert list(released_checksums(copy)) == [m.file_name for m in migrations(copy)]
    assert changed_after_release(copy) == []


def test_file_that_changed_after_its_release_is_found(copy: Path) -> None:
    release(copy)
    [first, *_] = migrations(copy)
    path = copy / first.file_name
    path.write_text(first.sql.replace("create", "CREATE", 1), encoding="utf-8")
    assert changed_after_release(copy) == [first.file_name]


def test_released_file_that_is_gone_is_found(copy: Path) -> None:
    last = migrations(copy)[-1]
    write(copy, f"{last.number + 1:04}_later.sql")
    release(copy)
    (copy / f"{last.number + 1:04}_later.sql").unlink()
    assert changed_after_release(copy) == [f"{last.number + 1:04}_later.sql"]
