"""`pgflow compile`: one manifest from a folder of flows; `--check` guards it in CI.

`--show` prints the types that would stand in it, `--diff` what changes since an older one.
"""

import sys
from argparse import Namespace
from pathlib import Path

from pgflow_cli import exit_codes
from pgflow_cli.changes_text import tell_changes
from pgflow_cli.compiling import compile_folder, typed_flows
from pgflow_cli.differences import write_difference
from pgflow_cli.errors import CommandError
from pgflow_cli.places import flows_path, manifest_path
from pgflow_cli.showing import types_document, types_text
from pgflow_cli.terminal import say, write, write_json
from pgflow_manifest import Manifest, dump_manifest, manifest_changes, read_manifest, write_manifest


def run(args: Namespace) -> int:
    """Write, print or compare the manifest."""
    if args.output == "-" and (args.check or args.json):
        raise CommandError(
            "`-o -` prints the manifest itself, so it goes with neither --check nor --json",
            exit_code=exit_codes.USAGE,
        )
    if args.show and (args.check or args.output):
        raise CommandError(
            "`--show` prints types and writes nothing, so it goes with neither --check nor -o",
            exit_code=exit_codes.USAGE,
        )
    if args.diff and (args.check or args.show or args.output):
        raise CommandError(
            "`--diff` compares and writes nothing, so it goes with none of --check, --show and -o",
            exit_code=exit_codes.USAGE,
        )
    flows = flows_path(args.flows)
    if args.show:
        return _show(flows, as_json=args.json)
    if args.diff:
        # Read first: that it is no manifest is known at once, and compiling may take seconds.
        old = read_manifest(args.diff)
        return tell_changes(manifest_changes(old, compile_folder(flows)), as_json=args.json)
    manifest = compile_folder(flows)
    if args.output == "-":
        sys.stdout.buffer.write(dump_manifest(manifest))
        sys.stdout.buffer.flush()
        return exit_codes.OK
    path = Path(args.output) if args.output else manifest_path(flows)
    if args.check:
        return _check(manifest, path, as_json=args.json)
    changed = _write(manifest, path)
    if args.json:
        write_json(_report(manifest, path, changed=changed))
    else:
        count = len(manifest.flows)
        what = "wrote" if changed else "unchanged:"
        write(f"{what} {path} ({count} flow{'' if count == 1 else 's'})")
    return exit_codes.OK


def _show(flows: Path, *, as_json: bool) -> int:
    typed = typed_flows(flows)
    if as_json:
        write_json(types_document(typed))
    else:
        write(types_text(typed))
    return exit_codes.OK


def _check(manifest: Manifest, path: Path, *, as_json: bool) -> int:
    wanted = dump_manifest(manifest)
    found = path.read_bytes() if path.is_file() else b""
    same = found == wanted
    if as_json:
        write_json(_report(manifest, path, changed=not same))
    elif same:
        write(f"{path} is up to date")
    else:
        write_difference(found, wanted, path=path, wanted_name="compiled")
        say(f"{path} differs from the flows; write it with `pgflow compile`", colour="red")
    return exit_codes.OK if same else exit_codes.DIFFERS


def _write(manifest: Manifest, path: Path) -> bool:
    try:
        return write_manifest(manifest, path)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from None


def _report(manifest: Manifest, path: Path, *, changed: bool) -> dict[str, object]:
    return {
        "file": str(path),
        "changed": changed,
        "flows": [
            {"slug": flow.slug, "digest": flow.digest, "steps": [step.slug for step in flow.steps]}
            for flow in manifest.flows
        ],
    }
