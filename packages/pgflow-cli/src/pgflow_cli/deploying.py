"""Hand a manifest to a database."""

from typing import Any

import psycopg

from pgflow_cli.connection import call
from pgflow_manifest import Manifest, dump_manifest


def deploy(conn: psycopg.Connection[tuple[Any, ...]], manifest: Manifest) -> list[dict[str, Any]]:
    """Deploy all flows of *manifest*, all or none.

    Returns:
        For each flow `flow_slug`, `version` and `outcome`: created, new_version, options_changed
        or unchanged.
    """
    return call(
        conn,
        "select flow_slug, version, outcome from pgflow.deploy(p_manifest => %(manifest)s::jsonb)",
        {"manifest": dump_manifest(manifest).decode()},
    )
