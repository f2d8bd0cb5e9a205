"""Say which database is meant without saying its password."""

import psycopg
from psycopg.conninfo import conninfo_to_dict

from pgflow_worker.errors import UsageError


def describe_database(database_url: str) -> str:
    """Name the database of a connection string: user, host, port and database, nothing else.

    Raises:
        UsageError: not a connection string; the text of it is not repeated.
    """
    try:
        parts = conninfo_to_dict(database_url)
    except psycopg.Error:
        raise UsageError(
            "the database URL is not a connection string that libpq can read",
            hint="write it as postgresql://user:password@host:5432/database; "
            "percent-encode special characters of the password",
        ) from None
    user = f"{parts['user']}@" if parts.get("user") else ""
    host = parts.get("host") or parts.get("hostaddr") or "localhost"
    port = f":{parts['port']}" if parts.get("port") else ""
    return f"{user}{host}{port}/{parts.get('dbname') or ''}"
