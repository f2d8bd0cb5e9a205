"""Annotate flows of which the types are given by hand, for tests that are not about inference."""

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.inferred_types import infer

from pgflow_cli.annotating.plan import Plan, plan_annotations
from pgflow_dsl import Flow, compile_flows, discover_flows
from pgflow_manifest import Manifest

Shapes = Mapping[str, Any]


def scalar(name: str) -> dict[str, Any]:
    """Return the shape of a type that every language has."""
    return {"kind": "scalar", "name": name}


def named(name: str, *arguments: Any, module: str = "flows.parcels") -> dict[str, Any]:
    """Return the shape of a class."""
    return {"kind": "class", "module": module, "name": name, "arguments": list(arguments)}


def listed(items: Any) -> dict[str, Any]:
    """Return the shape of a list."""
    return {"kind": "list", "items": items}


def union(*members: Any) -> dict[str, Any]:
    """Return the shape of a union."""
    return {"kind": "union", "members": list(members)}


def obj(_optional: tuple[str, ...] = (), /, **fields: Any) -> dict[str, Any]:
    """Return the shape of a dict with those keys, of which some can be absent."""
    return {
        "kind": "object",
        "fields": {
            name: {"type": part, "required": name not in _optional} for name, part in fields.items()
        },
    }


def folder_of(root: Path, files: Mapping[str, str]) -> Path:
    """Make a folder `flows` below *root*, with those sources."""
    folder = root / "flows"
    for name, source in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(module(source))
    return folder


def typed(folder: Path, shapes: Shapes) -> list[Flow[Any]]:
    """Return the flows of *folder*, whose steps have the types *shapes*, by their slugs."""
    flows = [found.flow for found in discover_flows(folder)]
    for flow in flows:
        infer(flow, shapes)
    return flows


def plan(folder: Path, shapes: Shapes) -> Plan:
    """Return what would be annotated, and check that *folder* would mean the same afterwards."""
    made = plan_annotations(typed(folder, shapes), folder)
    if not made.left_alone:
        _check(folder, shapes, made)
    return made


def _check(folder: Path, shapes: Shapes, made: Plan) -> None:
    """Annotate *folder*, look at it, and put everything back."""
    before = compile_flows(typed(folder, shapes))
    for change in made.changes:
        change.path.write_bytes(change.after)
    after = compile_flows(typed(folder, {}))
    again = plan_annotations(typed(folder, {}), folder)
    for change in made.changes:
        change.path.write_bytes(change.before)
    assert not any(step.inferred for flow in after.flows for step in flow.steps)
    assert _contracts(after) == _contracts(before)
    assert again == Plan(changes=(), left_alone=())


def _contracts(manifest: Manifest) -> list[Any]:
    return [
        (flow.digest, step.slug, step.digest, step.inputs, step.result_schema)
        for flow in manifest.flows
        for step in flow.steps
    ]


def annotated(root: Path, source: str, **shapes: Any) -> str:
    """Return what a module with *source* looks like once it is annotated."""
    folder = root / "flows"
    folder.mkdir(exist_ok=True)
    (folder / "parcels.py").write_bytes(source.encode())
    made = plan(folder, shapes)
    assert made.left_alone == ()
    (change,) = made.changes
    return change.after.decode()


def module(source: str) -> str:
    """Return *source*, which is indented in a test, as it stands in a file."""
    return textwrap.dedent(source).lstrip("\n")


_TINY = """
    {imports}from pgflow_dsl import Flow

    {before}flow = Flow("parcels", payload=int)


    @flow.step
    def pack():
        return None
    {after}"""


def tiny(*, imports: str = "", before: str = "", after: str = "") -> str:
    """Return a module with one step `pack`, and with what is given around it."""
    parts = {"imports": imports, "before": before, "after": after}
    return module(_TINY).format(**{name: module(part) for name, part in parts.items()})
