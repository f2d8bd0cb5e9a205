"""Bounds of values that every part of pgflow refuses to cross."""

from typing import Final

MAX_JSON_DEPTH: Final = 199
"""How deep payloads and results may nest. pydantic reads 200 levels, and the engine hands values to
handlers inside an object of arguments; Postgres itself would take some thousands."""

MAX_JSONB_BYTES: Final = 268_435_455
"""How large a jsonb value can be at all, in bytes (`JENTRY_OFFLENMASK` of Postgres)."""

DEFAULT_MAX_BYTES: Final = 4 * 1024 * 1024
"""The budget of a payload or result unless the flow says otherwise: ample for documents, and far
below what would hold up a batch. Files belong into an object store, their names in the payload."""
