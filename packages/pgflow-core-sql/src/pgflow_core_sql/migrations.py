"""The numbered migrations: what they are called, what they say, what they hash to.

A migration is forward-only and records itself in `pgflow.migrations`, so that it may be applied
by `migrate()`, by psql, or by the migration tool of the project it was copied into.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

MIGRATIONS_DIRECTORY: Final = Path(__file__).parent / "migrations"

_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_HEADER = re.compile(r"^-- (phase|breaking): *(\S+)$", re.MULTILINE)

Phase = Literal["before-deploy", "after-deploy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file of `migrations/`."""

    number: int
    name: str
    sql: str
    phase: Phase
    breaking: bool
    """Whether workers and clients that do not know it must refuse to work."""

    @property
    def sha256(self) -> str:
        """Return the hash of the file, by which a copy of it is recognised."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def file_name(self) -> str:
        """Return the name of the file in this package."""
        return f"{self.number:04}_{self.name}.sql"


def migrations(directory: Path = MIGRATIONS_DIRECTORY) -> list[Migration]:
    """Return all migrations, by number.

    Raises:
        ValueError: a file has a wrong name or header, or a number is missing.
    """
    found = [_read(path) for path in sorted(directory.glob("*.sql"))]
    numbers = [migration.number for migration in found]
    if numbers != list(range(1, len(found) + 1)):
        raise ValueError(f"the migrations are not numbered from 1 without a gap: {numbers}")
    return found


def _read(path: Path) -> Migration:
    match = _FILE_NAME.fullmatch(path.name)
    if match is None:
        raise ValueError(f"{path.name!r} is not called like a migration: 0001_some_name.sql")
    sql = path.read_text(encoding="utf-8")
    header = dict(_HEADER.findall(sql[:500]))
    phase, breaking = header.get("phase"), header.get("breaking")
    if phase not in ("before-deploy", "after-deploy") or breaking not in ("yes", "no"):
        raise ValueError(
            f"{path.name} must begin with '-- phase: before-deploy|after-deploy' "
            "and '-- breaking: yes|no'"
        )
    return Migration(
        number=int(match[1]), name=match[2], sql=sql, phase=phase, breaking=breaking == "yes"
    )
