"""Committed manifests are what their flows compile to; `--write` writes them anew.

So is the JSON Schema of the format, which is what the models of pgflow-manifest say.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tools.repository import ROOT, report

from pgflow_dsl import compile_flows, discover_flows
from pgflow_manifest import dump_manifest, dump_manifest_json_schema


def compiled(flows: Path) -> bytes:
    """Return the bytes of the manifest of the folder *flows*."""
    return dump_manifest(compile_flows([found.flow for found in discover_flows(flows)]))


GENERATED: Final[Mapping[str, Callable[[Path], bytes]]] = {
    "manifests/flows.manifest.json": lambda root: compiled(root / "examples/voice_memo/flows"),
    "manifests/flows.manifest.schema.json": lambda _: dump_manifest_json_schema(),
}
"""Generated files, and what writes them."""


def check_manifests(root: Path) -> list[str]:
    """Name every generated file that is missing or differs from what would be written."""
    problems: list[str] = []
    for name, generate in GENERATED.items():
        path = root / name
        if not path.exists() or path.read_bytes() != generate(root):
            problems.append(f"{name} is out of date: `python -m tools.check_manifests --write`")
    return problems


def write_manifests(root: Path) -> None:
    """Write every generated file."""
    for name, generate in GENERATED.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(generate(root))


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write_manifests(ROOT)
    sys.exit(report(check_manifests))
