"""The one rule for naming flows, steps and handler arguments.

The same rule is the CHECK constraint of the database (`pgflow._is_slug`) and the pattern in
`flows.manifest.schema.json`. Next: `models.py`, which applies it.
"""

import re
from typing import Final

SLUG_PATTERN: Final = r"^[a-zA-Z_][a-zA-Z0-9_]{0,127}$"
"""Regular expression of a slug; the word `run` is reserved besides."""

RESERVED_SLUGS: Final = frozenset({"run"})
"""Slugs that would be ambiguous in results and events."""

_COMPILED = re.compile(SLUG_PATTERN.removesuffix("$") + r"\Z")


def slug_problem(text: str) -> str | None:
    """Say why *text* cannot be a slug, or return None when it can."""
    if text in RESERVED_SLUGS:
        return f"{text!r} is reserved; choose another slug"
    if _COMPILED.match(text):
        return None
    return (
        f"{text!r} is not a slug: letters, digits and underscores, not starting with a digit, "
        "1 to 128 characters"
    )
