"""`pgflow graph`: draw the steps of a flow."""

import shutil
from argparse import Namespace

from pgflow_cli import exit_codes
from pgflow_cli.drawing import draw, mermaid
from pgflow_cli.errors import CommandError
from pgflow_cli.places import load_source
from pgflow_cli.rules_text import rules_document
from pgflow_cli.terminal import write, write_json
from pgflow_manifest import FlowSpec


def run(args: Namespace) -> int:
    """Print the graph as a drawing, as Mermaid text, or as JSON."""
    manifest = load_source(args.flows, args.manifest)
    flow = next((flow for flow in manifest.flows if flow.slug == args.flow), None)
    if flow is None:
        slugs = ", ".join(flow.slug for flow in manifest.flows)
        raise CommandError(
            f"there is no flow {args.flow!r}", hint=f"there are: {slugs}" if slugs else None
        )
    if args.json:
        write_json(_document(flow))
    elif args.mermaid:
        write(mermaid(flow))
    else:
        write(draw(flow, columns=shutil.get_terminal_size().columns))
    return exit_codes.OK


def _document(flow: FlowSpec) -> dict[str, object]:
    return {
        "slug": flow.slug,
        "steps": [
            {
                "slug": step.slug,
                "kind": step.kind,
                "deps": list(step.deps),
                **rules_document(step),
            }
            for step in flow.steps
        ],
    }
