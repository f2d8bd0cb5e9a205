"""Write files whole or not at all: several new ones, or some in place of others."""

import errno
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pgflow_cli.errors import CommandError


def create_files(files: Mapping[Path, str]) -> None:
    """Create every file of *files*, with the folders they need; none may exist.

    Each is written beside its place first and then renamed, so that a reader never sees half a
    file. When anything fails, all that was made is removed again.

    Raises:
        CommandError: a file exists, or cannot be written; nothing has been changed.
    """
    made_folders: list[Path] = []
    made_files: list[Path] = []
    try:
        for path in files:
            _require_absent(path)
            made_folders += _make_folder(path.parent)
        temporary = {path: _temporary(path) for path in files}
        for path, content in files.items():
            made_files.append(temporary[path])
            temporary[path].write_text(content, encoding="utf-8", newline="\n")
        for path in files:
            temporary[path].rename(path)
            made_files.append(path)
    except BaseException as error:
        _remove(made_files, made_folders)
        if isinstance(error, OSError):
            raise _cannot_write(str(error.filename), error) from None
        raise


def replace_file(path: Path, content: bytes) -> bool:
    """Write the file at *path*, with the folders it needs; return whether its bytes changed.

    Raises:
        CommandError: it cannot be written; it is as it was.
    """
    try:
        if path.is_file() and path.read_bytes() == content:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(path, error) from None
    replace_files({path: content})
    return True


def replace_files(files: Mapping[Path, bytes]) -> None:
    """Give every file of *files* its content; those that exist keep their permissions.

    Each is written beside its place first, and then renamed.

    Raises:
        CommandError: one cannot be written; all are as they were.
    """
    temporary = {path: _temporary(path) for path in files}
    replaced: dict[Path, bytes | None] = {}
    try:
        before = {path: path.read_bytes() if path.exists() else None for path in files}
        for path, content in files.items():
            temporary[path].write_bytes(content)
            if path.exists():
                shutil.copymode(path, temporary[path])
        for path in files:
            temporary[path].replace(path)
            replaced[path] = before[path]
    except BaseException as error:
        for path, old in replaced.items():
            with suppress(OSError):
                path.unlink() if old is None else path.write_bytes(old)
        _remove(list(temporary.values()), [])
        if isinstance(error, OSError):
            meant = {str(beside): path for path, beside in temporary.items()}
            named = str(error.filename)
            raise _cannot_write(meant.get(named, named), error) from None
        raise


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _cannot_write(path: Path | str, error: OSError) -> CommandError:
    return CommandError(
        f"cannot write {path}: {error.strerror}",
        hint="nothing was changed; check the permissions and run the command again",
    )


def _require_absent(path: Path) -> None:
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


def _make_folder(folder: Path) -> list[Path]:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return list(reversed(missing))


def _remove(files: list[Path], folders: list[Path]) -> None:
    # Every one is tried: one that cannot be removed must not keep the others.
    for file in files:
        with suppress(OSError):
            file.unlink()
    for folder in reversed(folders):
        with suppress(OSError):
            folder.rmdir()
