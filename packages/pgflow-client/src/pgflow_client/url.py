"""Where the database is, and how to name it without its password."""

import os
import re
from collections.abc import Mapping
from typing import Final

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from pgflow_client.errors import DatabaseUrlError

URL_VARIABLES: Final = ("PGFLOW_DATABASE_URL", "DATABASE_URL")
"""The environment variables that may name the database, the first one that is set wins."""

_MASK: Final = "****"
_PASSWORD_IN_AUTHORITY = re.compile(r"(?<=://)([^/?#\s]*):([^/?#\s]*)@")
_PASSWORD_AS_OPTION = re.compile(
    r"(?P<key>\b(?:ssl)?password\s*=\s*)(?:'(?:[^'\\]|\\.)*'?|[^\s&#]+)", re.IGNORECASE
)


def mask_url(text: str) -> str:
    """Return *text* fit for logs: every password of a URL or connection string in it is masked."""
    masked = _PASSWORD_IN_AUTHORITY.sub(rf"\1:{_MASK}@", text)
    return _PASSWORD_AS_OPTION.sub(rf"\g<key>{_MASK}", masked)


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
    try:
        conninfo_to_dict(url)
    except ProgrammingError:
        # libpq quotes the string in its message, and it may hold the password.
        raise DatabaseUrlError(
            f"{origin} is not a connection string that Postgres understands: {mask_url(url)!r}",
            hint="write postgresql://user:password@host:5432/database, with special characters "
            "percent-encoded, or 'host=… dbname=…'",
        ) from None
    return url
