"""Where every part of pgflow looks for the URL of the database, and what of it nobody may see."""

import re
from typing import Final

URL_VARIABLES: Final = ("PGFLOW_DATABASE_URL", "DATABASE_URL")
"""The environment variables that may name the database; the first one that is set wins."""

_SECRETS: Final = (
    re.compile(r"(?P<keep>\b[a-z][a-z0-9+.-]*://[^\s:/?#@]*:)[^\s/?#]*(?=@)", re.IGNORECASE),
    re.compile(
        r"(?P<keep>(?:ssl)?password\s*=\s*)(?:'(?:[^'\\]|\\.)*'?|[^\s&#'\"]+)", re.IGNORECASE
    ),
)


def mask_secrets(text: str) -> str:
    """Return *text* fit for logs: every password of a connection string in it is `****`."""
    if "://" not in text and "password" not in text.lower():
        return text
    for pattern in _SECRETS:
        text = pattern.sub(r"\g<keep>****", text)
    return text
