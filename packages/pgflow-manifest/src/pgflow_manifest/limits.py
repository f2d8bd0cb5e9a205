"""Bounds of values that every part of pgflow refuses to cross."""

from typing import Final

MAX_JSON_DEPTH: Final = 199
"""How deep payloads and results may nest. pydantic reads 200 levels, and the engine hands values to
handlers inside an object of arguments; Postgres itself would take some thousands."""
