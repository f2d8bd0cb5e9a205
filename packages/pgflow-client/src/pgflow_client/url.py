"""Where the database is, and how to name it without its password."""

import os
from collections.abc import Mapping

from pgflow_client.errors import DatabaseUrlError
from pgflow_manifest import URL_VARIABLES, mask_secrets


def database_url(given: str | None, environment: Mapping[str, str] | None = None) -> str:
    """Return the connection string to use: *given*, else what the environment names.

    Raises:
        DatabaseUrlError: there is none, or it is not a connection string. Its text holds no
            password.
    """
    if given is not None:
        return _checked(given, "the connection string")
    variables = os.environ if environment is None else environment
    for name in URL_VARIABLES:
        if value := variables.get(name):
            return _checked(value, name)
    raise DatabaseUrlError(
        "there is no database to talk to: no URL was given and neither "
        f"{URL_VARIABLES[0]} nor {URL_VARIABLES[1]} is set",
        hint=f"set {URL_VARIABLES[0]}=postgresql://user@host/database, or pass a URL "
        "or a psycopg connection",
    )


def _checked(url: str, origin: str) -> str:
    # Late: everybody imports this module with the package, and psycopg takes its time.
    from psycopg import ProgrammingError  # noqa: PLC0415
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    try:
        conninfo_to_dict(url)
    except ProgrammingError:
        # libpq quotes the string in its message, and it may hold the password.
        raise DatabaseUrlError(
            f"{origin} is not a connection string that Postgres understands: {mask_secrets(url)!r}",
            hint="write postgresql://user:password@host:5432/database, with special characters "
            "percent-encoded, or 'host=… dbname=…'",
        ) from None
    return url
