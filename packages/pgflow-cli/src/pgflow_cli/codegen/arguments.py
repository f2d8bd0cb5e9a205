"""The arguments of `pgflow codegen`; imports nothing, so that `pgflow --help` comes at once."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

LANGUAGES: Final = ("python", "typescript")
"""Each is a module beside this one, with `emit(manifest) -> str`."""


class _Add(Protocol):
    """Adds a command, with its help and examples."""

    def __call__(
        self, name: str, text: str, *, examples: Sequence[str], details: str
    ) -> argparse.ArgumentParser: ...


def add_codegen(add: _Add) -> None:
    """Add the command and its arguments."""
    parser = add(
        "codegen",
        "write typed clients of the flows in a manifest",
        details=(
            "One module with the types of all payloads and results. It needs no handler: for\n"
            "Python pgflow-client, for TypeScript nothing. Equal manifests give equal files."
        ),
        examples=[
            "pgflow codegen python -o flows_client.py",
            "pgflow codegen python flows.manifest.json > flows_client.py",
            "pgflow codegen typescript flows.manifest.json -o src/flows.ts",
            "pgflow codegen python -o flows_client.py --check   # in CI: exits 3 when out of date",
        ],
    )
    parser.add_argument(
        "language", choices=LANGUAGES, metavar="LANGUAGE", help=f"one of: {', '.join(LANGUAGES)}"
    )
    parser.add_argument(
        "manifest",
        nargs="?",
        type=Path,
        metavar="MANIFEST",
        help="default: $PGFLOW_MANIFEST, else flows.manifest.json where `compile` puts it",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="default: - for stdout")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 3 with a diff when FILE differs"
    )
