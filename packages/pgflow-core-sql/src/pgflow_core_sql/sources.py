"""The readable SQL sources: one script from many small files.

`schema/` is what people read and review, one object a file; `migrations/` is what runs. Next:
`authoring.py`, which turns changed sources into a migration, and `drift.py`, which compares both.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

SCHEMA_DIRECTORY: Final = Path(__file__).parent / "schema"

_TABLE_ORDER: Final = (
    # A table stands after those that its foreign keys name; the rest may come in any order.
    "flows",
    "schemas",
    "flow_versions",
    "contracts",
    "steps",
    "deps",
    "step_inputs",
)


def source_files() -> list[Path]:
    """Return the files of `schema/` in an order in which Postgres accepts them."""

    def position(path: Path) -> tuple[str, int, str]:
        relative = path.relative_to(SCHEMA_DIRECTORY)
        rank = _TABLE_ORDER.index(path.stem) if path.stem in _TABLE_ORDER else len(_TABLE_ORDER)
        return (relative.parts[0], rank if "tables" in relative.parts[0] else 0, str(relative))

    return sorted(SCHEMA_DIRECTORY.rglob("*.sql"), key=position)


def source_script() -> str:
    """Return all sources as one script, to be run in one transaction on an empty database."""
    return "".join(_parts())


def _parts() -> Iterator[str]:
    # Function bodies name functions of later files; without this the order would matter there too.
    yield "set check_function_bodies = off;\n\n"
    for path in source_files():
        yield f"{path.read_text(encoding='utf-8').rstrip()}\n\n"
    yield "reset check_function_bodies;\n"
