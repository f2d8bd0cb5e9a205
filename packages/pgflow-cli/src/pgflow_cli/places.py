"""Where flows and their manifest are, unless the user says otherwise."""

import os
from pathlib import Path
from typing import Final

from pgflow_cli import exit_codes
from pgflow_cli.errors import CommandError
from pgflow_manifest import MANIFEST_FILE_NAME, Manifest, read_manifest

FLOW_FOLDERS: Final = (Path("flows"), Path("supabase/flows"))
"""Where flows are looked for, in this order."""


def flows_path(given: Path | None) -> Path:
    """Return the folder or file with flows.

    Raises:
        CommandError: it does not exist, or none is given and no default one exists.
    """
    if given is not None:
        if not given.exists():
            raise CommandError(
                f"{str(given)!r} does not exist",
                hint="name the folder that holds your flows",
                exit_code=exit_codes.USAGE,
            )
        return given
    for folder in FLOW_FOLDERS:
        if folder.is_dir():
            return folder
    raise CommandError(
        "there is no folder 'flows' or 'supabase/flows' here",
        hint="name the folder that holds your flows, or make one with `pgflow install`",
        exit_code=exit_codes.USAGE,
    )


def manifest_path(flows: Path) -> Path:
    """Return the manifest's place for *flows*: beside the folder, said from here."""
    path = flows.absolute().parent / MANIFEST_FILE_NAME
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def find_manifest() -> Path | None:
    """Return the manifest that $PGFLOW_MANIFEST names or that lies where `compile` puts it."""
    if named := os.environ.get("PGFLOW_MANIFEST"):
        return Path(named)
    folders = [Path(), *(folder.parent for folder in FLOW_FOLDERS), Path("manifests")]
    candidates = (folder / MANIFEST_FILE_NAME for folder in folders)
    return next((path for path in candidates if path.is_file()), None)


def load_source(flows: Path | None, manifest: Path | None) -> Manifest:
    """Read *manifest* if given, else compile *flows* or the default folder.

    Raises:
        PgflowError: a flow or the manifest is wrong; the text names file, flow and mend.
    """
    if manifest is not None:
        return read_manifest(manifest)
    # The DSL is imported only by commands that compile: a manifest is enough for the others.
    from pgflow_cli.compiling import compile_folder  # noqa: PLC0415

    return compile_folder(flows_path(flows))
