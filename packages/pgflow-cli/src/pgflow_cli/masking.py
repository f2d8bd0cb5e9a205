"""Keep passwords out of everything that is printed."""

from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict

from pgflow_manifest import mask_secrets


def mask(text: str, *urls: str | None) -> str:
    """Return *text* without the passwords of connection strings in it.

    The passwords of *urls* are hidden also where they stand alone, as in a server's own message.
    """
    for url in urls:
        for secret in _secrets_of(url or ""):
            text = text.replace(secret, "****")
    return mask_secrets(text)


def _secrets_of(url: str) -> set[str]:
    try:
        password = conninfo_to_dict(url).get("password")
    except psycopg.ProgrammingError:
        return set()
    # A password of one or two letters would star out half of every message.
    if not isinstance(password, str) or len(password) < 3:
        return set()
    return {password, quote(password, safe="")}
