"""`pgflow install`: what a project needs, copied into it; only ever adds files."""

from argparse import Namespace
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from pgflow_cli import exit_codes
from pgflow_cli.errors import CommandError
from pgflow_cli.migration_copies import (
    Copy,
    find_copies,
    is_copy_of,
    key_of,
    plan_copies,
)
from pgflow_cli.terminal import say, write, write_json
from pgflow_cli.writing import create_files
from pgflow_core_sql import migrations

FIRST_FLOW: Final = "hello.py"
"""The flow that a new folder begins with; its source is in `_templates/`."""


def run(args: Namespace) -> int:
    """Add the migrations and the first flow that are missing."""
    root = Path("supabase") if Path("supabase").is_dir() else Path()
    migrations_folder: Path = args.migrations_path or root / "migrations"
    flows_folder: Path = args.flows_path or root / "flows"
    for folder in (migrations_folder, flows_folder):
        _require_folder(folder)

    copies = find_copies(migrations_folder)
    new_files = {copy.path: copy.content for copy in plan_copies(migrations_folder, migrations())}
    if not _has_python(flows_folder):
        new_files[flows_folder / FIRST_FLOW] = first_flow()
    create_files(new_files)

    odd = _odd_copies(copies)
    if args.json:
        write_json(
            {
                "written": [str(path) for path in new_files],
                "kept": [str(copy.path) for copy in copies],
                "changed": [str(path) for path in odd],
            }
        )
    else:
        _tell(list(new_files), odd, migrations_folder, flows_folder)
    return exit_codes.OK


def first_flow() -> str:
    """Return the source of the flow that a new folder begins with."""
    return (files("pgflow_cli") / "_templates" / FIRST_FLOW).read_text(encoding="utf-8")


def _tell(
    written: Sequence[Path], odd: dict[Path, str], migrations_folder: Path, flows_folder: Path
) -> None:
    for path in written:
        write(f"wrote {path}")
    for path, reason in odd.items():
        say(f"left alone: {path} {reason}", colour="yellow")
    if not written:
        write("nothing to do")
        return
    say("")
    if any(path.parent == migrations_folder for path in written):
        say("Apply the migrations as you apply your own, or with `pgflow migrate`.")
    if flows_folder / FIRST_FLOW in written:
        say(f"Try the first flow, no database needed:  pgflow dev {flows_folder}")


def _odd_copies(copies: Sequence[Copy]) -> dict[Path, str]:
    """Return the copies that do not say what this pgflow's migrations say, and why."""
    ours = {key_of(migration): migration for migration in migrations()}
    odd: dict[Path, str] = {}
    for copy in copies:
        migration = ours.get(copy.key)
        if copy.is_changed:
            odd[copy.path] = "was changed by hand since pgflow wrote it"
        elif migration is None:
            odd[copy.path] = "comes from another version of pgflow"
        elif not is_copy_of(copy, migration):
            odd[copy.path] = "says something else than this version of pgflow"
    return odd


def _has_python(folder: Path) -> bool:
    return folder.is_dir() and any(folder.rglob("*.py"))


def _require_folder(path: Path) -> None:
    for each in (path, *path.parents):
        if each.exists() and not each.is_dir():
            raise CommandError(
                f"{str(each)!r} is a file, not a folder",
                hint="name a folder; it is made when it is missing",
                exit_code=exit_codes.USAGE,
            )
