"""`pgflow codegen`: a typed client from a manifest; `--check` guards it in CI."""

import importlib
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import cast

from pgflow_cli import exit_codes
from pgflow_cli.differences import write_difference
from pgflow_cli.errors import CommandError
from pgflow_cli.places import find_manifest
from pgflow_cli.terminal import say, write
from pgflow_cli.writing import replace_file
from pgflow_manifest import Manifest, read_manifest


def run(args: Namespace) -> int:
    """Write, print or compare the module."""
    to_stdout = args.output in (None, "-")
    if args.check and to_stdout:
        raise CommandError(
            "--check compares a file",
            hint="name the file with `-o FILE`",
            exit_code=exit_codes.USAGE,
        )
    emitter = importlib.import_module(f"pgflow_cli.codegen.{args.language}")
    emit = cast("Callable[[Manifest], str]", emitter.emit)
    content = emit(read_manifest(_manifest_path(args.manifest))).encode()
    if to_stdout:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return exit_codes.OK
    path = Path(args.output)
    if args.check:
        return _check(content, path, args.language)
    write(f"{'wrote' if replace_file(path, content) else 'unchanged:'} {path}")
    return exit_codes.OK


def _manifest_path(given: Path | None) -> Path:
    path = given or find_manifest()
    if path is None:
        raise CommandError(
            "there is no manifest here",
            hint="write it with `pgflow compile`, or name the file",
            exit_code=exit_codes.USAGE,
        )
    return path


def _check(wanted: bytes, path: Path, language: str) -> int:
    found = path.read_bytes() if path.is_file() else b""
    if found == wanted:
        write(f"{path} is up to date")
        return exit_codes.OK
    write_difference(found, wanted, path=path, wanted_name="generated")
    say(
        f"{path} differs from the manifest; write it with `pgflow codegen {language} -o {path}`",
        colour="red",
    )
    return exit_codes.DIFFERS
