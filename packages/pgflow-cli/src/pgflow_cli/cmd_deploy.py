"""`pgflow deploy`: make flows known to a database; `--dry-run` says what that would change."""

from argparse import Namespace

from pgflow_cli import exit_codes
from pgflow_cli.changes_text import tell_changes
from pgflow_cli.connection import connect, find_database
from pgflow_cli.deploying import deploy, deployed_manifest
from pgflow_cli.places import load_source
from pgflow_cli.terminal import table, write, write_json
from pgflow_manifest import manifest_changes


def run(args: Namespace) -> int:
    """Deploy all flows of a folder or a manifest, all or none."""
    manifest = load_source(args.flows, args.manifest)
    with connect(find_database(args.database_url)) as conn:
        if args.dry_run:
            old = deployed_manifest(conn, [flow.slug for flow in manifest.flows])
            changes = manifest_changes(old, manifest, only_flows_of_new=True)
            return tell_changes(changes, as_json=args.json)
        outcomes = deploy(conn, manifest)
    if args.json:
        write_json(outcomes)
    else:
        rows = [[each["flow_slug"], str(each["version"]), each["outcome"]] for each in outcomes]
        write(table(["FLOW", "VERSION", "OUTCOME"], rows))
    return exit_codes.OK
