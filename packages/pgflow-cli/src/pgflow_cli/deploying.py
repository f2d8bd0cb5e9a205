"""Hand a manifest to a database, and read back what is there."""

from typing import Any

import psycopg
from pydantic import ValidationError

from pgflow_cli.connection import call
from pgflow_cli.errors import CommandError
from pgflow_manifest import Manifest, dump_manifest


def deploy(conn: psycopg.Connection[tuple[Any, ...]], manifest: Manifest) -> list[dict[str, Any]]:
    """Deploy all flows of *manifest*, all or none.

    Returns:
        For each flow `flow_slug`, `version` and `outcome`: created, new_version, restored,
        options_changed or unchanged.
    """
    return call(
        conn,
        "select flow_slug, version, outcome from pgflow.deploy(p_manifest => %(manifest)s::jsonb)",
        {"manifest": dump_manifest(manifest).decode()},
    )


def deployed_manifest(conn: psycopg.Connection[tuple[Any, ...]], flow_slugs: list[str]) -> Manifest:
    """Return the current version of each of these flows, as it was deployed last.

    Raises:
        CommandError: a flow was deployed by a pgflow whose manifests this one does not know.
    """
    rows = call(
        conn,
        "select pgflow.deployed_manifest(p_flow_slugs => %(slugs)s)::text as manifest",
        {"slugs": flow_slugs},
    )
    try:
        # Without the checks of a file: the database has made its own.
        return Manifest.model_validate_json(rows[0]["manifest"])
    except ValidationError as error:
        raise CommandError(
            f"what is deployed cannot be read: {error.errors()[0]['msg']}",
            hint="use the pgflow that deployed it, or a newer one",
        ) from None
