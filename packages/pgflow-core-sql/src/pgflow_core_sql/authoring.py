"""Write the next migration from changed sources: `python -m pgflow_core_sql.authoring NAME`.

Functions are written verbatim; tables, types and constraints cannot be derived safely, so they are
listed for a person to write. The first migration is the whole of `schema/`, rewritten as long as
it has not been released (`checksums.txt`).
"""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pgflow_core_sql.drift import snapshot_of_migrations, snapshot_of_sources
from pgflow_core_sql.embedded import EmbeddedPostgres
from pgflow_core_sql.migrations import MIGRATIONS_DIRECTORY, Migration, migrations
from pgflow_core_sql.snapshot import differences
from pgflow_core_sql.sources import source_files, source_script

CHECKSUMS_FILE: Final = "checksums.txt"


def released_checksums(directory: Path = MIGRATIONS_DIRECTORY) -> dict[str, str]:
    """Return the sha256 of each released migration, by file name; released files never change."""
    path = directory / CHECKSUMS_FILE
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {name: checksum for checksum, name in (line.split() for line in lines if line)}


def changed_after_release(directory: Path = MIGRATIONS_DIRECTORY) -> list[str]:
    """Name the released migrations whose file is missing or is not what was released."""
    present = {migration.file_name: migration.sha256 for migration in migrations(directory)}
    return [name for name, sha in released_checksums(directory).items() if present.get(name) != sha]


def release(directory: Path = MIGRATIONS_DIRECTORY) -> None:
    """Record the checksum of every migration; from then on none of them may change."""
    lines = [f"{migration.sha256}  {migration.file_name}\n" for migration in migrations(directory)]
    (directory / CHECKSUMS_FILE).write_text("".join(lines), encoding="utf-8")


def initial_migration() -> str:
    """Return the text of the first migration: all sources, and the row that records it."""
    return _with_header(1, "initial", source_script())


def next_migration(number: int, name: str, changes: Mapping[str, str]) -> tuple[str, list[str]]:
    """Return the text of a migration for *changes*, and the objects that a person must write.

    Args:
        number: of the migration.
        name: of the migration, in lower case with underscores.
        changes: by object of the catalog, how it changed: `missing`, `left over` or `differs`.
    """
    files = {path.stem: path for path in source_files()}
    parts: list[str] = []
    by_hand: list[str] = []
    for item, change in changes.items():
        kind, _, signature = item.partition(" ")
        function = signature.partition("(")[0].removeprefix("pgflow.")
        if kind != "function":
            by_hand.append(f"{change}: {item}")
        elif change == "left over":
            parts.append(f"drop function {signature};\n")
        else:
            parts.append(files[function].read_text(encoding="utf-8"))
    parts.append("revoke all on all functions in schema pgflow from public;\n")
    parts.extend(files[stem].read_text(encoding="utf-8") for stem in ("20_grants", "40_supabase"))
    return _with_header(number, name, "\n".join(parts)), by_hand


def _with_header(number: int, name: str, body: str) -> str:
    return (
        f"-- pgflow migration {number:04}: {name}\n"
        "-- phase: before-deploy\n"
        "-- breaking: no\n"
        "-- Written from schema/ by `nox -s new_migration`; read the sources there.\n\n"
        f"{body.rstrip()}\n\n"
        "insert into pgflow.migrations (number, name, phase, breaking)\n"
        f"values ({number}, '{name}', 'before-deploy', false);\n"
    )


def _changes() -> dict[str, str]:
    with (
        tempfile.TemporaryDirectory(prefix="pgflow-authoring-") as directory,
        EmbeddedPostgres(Path(directory) / "data", keep=False) as server,
    ):
        lines = differences(snapshot_of_sources(server), snapshot_of_migrations(server))
    return {item: change for change, _, item in (line.partition(": ") for line in lines)}


def main(arguments: list[str] | None = None) -> int:
    """Write the migration that the command line names; `--release` records the checksums."""
    match sys.argv[1:] if arguments is None else arguments:
        case ["--release"]:
            release()
            return 0
        case ["initial"]:
            target = MIGRATIONS_DIRECTORY / "0001_initial.sql"
            if target.name in released_checksums():
                sys.stderr.write(f"{target.name} is released and never changes\n")
                return 1
            target.write_text(initial_migration(), encoding="utf-8")
            return 0
        case [name]:
            number = len(migrations()) + 1
            text, by_hand = next_migration(number, name, _changes())
            file_name = Migration(
                number=number, name=name, sql=text, phase="before-deploy", breaking=False
            ).file_name
            (MIGRATIONS_DIRECTORY / file_name).write_text(text, encoding="utf-8")
            for line in by_hand:
                sys.stderr.write(f"write by hand in {file_name}: {line}\n")
            return 0
        case _:
            sys.stderr.write("usage: python -m pgflow_core_sql.authoring NAME | --release\n")
            return 2


if __name__ == "__main__":
    sys.exit(main())
