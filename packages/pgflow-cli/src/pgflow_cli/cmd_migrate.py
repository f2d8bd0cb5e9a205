"""`pgflow migrate`: bring the pgflow schema of a database up to date."""

from argparse import Namespace

from pgflow_cli import exit_codes
from pgflow_cli.connection import connect, find_database
from pgflow_cli.terminal import write, write_json
from pgflow_core_sql import migrate, schema_version


def run(args: Namespace) -> int:
    """Apply the migrations that the database does not have yet."""
    database = find_database(args.database_url)
    with connect(database) as conn:
        applied = migrate(conn)
        version = schema_version(conn)
    if args.json:
        write_json({"applied": applied, "schema_version": version})
    elif applied:
        write(f"applied {applied}; the schema is at version {version} in {database}")
    else:
        write(f"nothing to do: the schema is at version {version} in {database}")
    return exit_codes.OK
