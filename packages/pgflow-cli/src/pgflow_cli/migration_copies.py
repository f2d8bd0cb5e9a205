"""Name, write and recognise the copies of pgflow's migrations in a project's own folder.

A copy begins with a line that names the migration and hashes what stands below it. By that line
it is recognised, whatever its file is called, and a change made to it is seen.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, Protocol

_MARKER: Final = re.compile(
    r"^-- pgflow-migration: (?P<key>\d{4,}_\w+) sha256:(?P<sha256>[0-9a-f]{64})$", re.MULTILINE
)
_TIMESTAMP: Final = re.compile(r"(?P<number>\d{14})_.*\.sql")
_NUMBERED: Final = re.compile(r"(?P<number>\d{1,9})(?P<separator>[_-]).*\.sql")
_DBMATE_UP: Final = re.compile(r"^--\s*migrate:up\b", re.MULTILINE)

Style = Literal["supabase", "dbmate", "numbered", "plain"]


class Migration(Protocol):
    """What is needed of `pgflow_core_sql.Migration`."""

    @property
    def number(self) -> int:
        """1 for the first."""
        ...

    @property
    def name(self) -> str:
        """In small letters."""
        ...

    @property
    def sql(self) -> str:
        """The text to apply."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A copy that was found in the folder."""

    path: Path
    key: str
    """`0001_initial`: number and name of the migration."""
    is_changed: bool
    """Whether somebody edited the text below the marker."""
    text: str
    """What stands below the marker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCopy:
    """A copy to be written."""

    path: Path
    key: str
    content: str


def key_of(migration: Migration) -> str:
    """Return what a migration is called in markers and file names."""
    return f"{migration.number:04}_{migration.name}"


def find_copies(folder: Path) -> list[Copy]:
    """Return the copies that *folder* holds, in the order of their file names."""
    return list(_copies(sorted(folder.glob("*.sql"))))


def style_of(folder: Path) -> Style:
    """Say how the migrations in *folder* are named, or would be, from its own files or its path."""
    ours = {copy.path for copy in find_copies(folder)}
    files = sorted(folder.glob("*.sql"))
    # Ours count only where nothing else does: they were named after the others at the time.
    names = [path for path in files if path not in ours] or files
    stamped = [path for path in names if _TIMESTAMP.fullmatch(path.name)]
    if any(_DBMATE_UP.search(_read(path)) for path in names):
        return "dbmate"
    if stamped or (not names and folder.absolute().parts[-2:] == ("supabase", "migrations")):
        return "supabase"
    if any(_NUMBERED.fullmatch(path.name) for path in names):
        return "numbered"
    return "plain"


def plan_copies(
    folder: Path, migrations: Iterable[Migration], *, now: datetime | None = None
) -> list[NewCopy]:
    """Return the copies that *folder* still needs, named so that they sort after all its files."""
    present = {copy.key for copy in find_copies(folder)}
    missing = [migration for migration in migrations if key_of(migration) not in present]
    style = style_of(folder)
    names = _names(style, folder, [key_of(migration) for migration in missing], now)
    return [
        NewCopy(
            path=folder / name, key=key_of(migration), content=content_of(migration, style=style)
        )
        for migration, name in zip(missing, names, strict=True)
    ]


def content_of(migration: Migration, *, style: Style) -> str:
    """Return the text of a copy: marker, then the migration as the tool of *style* wants it."""
    text = migration.sql.rstrip("\n") + "\n"
    if style == "dbmate":
        text = f"-- migrate:up\n{text}\n-- migrate:down\n"
    return f"-- pgflow-migration: {key_of(migration)} sha256:{_sha256(text)}\n{text}"


def is_copy_of(copy: Copy, migration: Migration) -> bool:
    """Whether *copy* says what this pgflow's *migration* says."""
    return migration.sql.rstrip("\n") in copy.text


def _copies(paths: Sequence[Path]) -> Iterator[Copy]:
    for path in paths:
        content = _read(path)
        marker = _MARKER.search(content)
        if marker is None:
            continue
        text = content[marker.end() + 1 :]
        yield Copy(
            path=path,
            key=marker["key"],
            is_changed=_sha256(text) != marker["sha256"],
            text=text,
        )


def _names(style: Style, folder: Path, keys: Sequence[str], now: datetime | None) -> list[str]:
    existing = [path.name for path in folder.glob("*.sql")]
    if style in ("supabase", "dbmate"):
        return _timestamped(existing, keys, now or datetime.now(UTC))
    if style == "numbered":
        return _numbered(existing, keys)
    return [f"pgflow_{key}.sql" for key in keys]


def _timestamped(existing: Sequence[str], keys: Sequence[str], now: datetime) -> list[str]:
    found = [match["number"] for name in existing if (match := _TIMESTAMP.fullmatch(name))]
    moment = now.astimezone(UTC).replace(tzinfo=None, microsecond=0)
    newest = max(found, default="")
    if newest >= f"{moment:%Y%m%d%H%M%S}":
        try:
            moment = datetime.strptime(newest, "%Y%m%d%H%M%S") + timedelta(seconds=1)  # noqa: DTZ007
        except ValueError:
            # Written by hand and no date at all; only the order counts then.
            return [f"{int(newest) + 1 + i:014}_pgflow_{key}.sql" for i, key in enumerate(keys)]
    stamps = [f"{moment + timedelta(seconds=i):%Y%m%d%H%M%S}" for i in range(len(keys))]
    return [f"{stamp}_pgflow_{key}.sql" for stamp, key in zip(stamps, keys, strict=True)]


def _numbered(existing: Sequence[str], keys: Sequence[str]) -> list[str]:
    matches = [match for name in existing if (match := _NUMBERED.fullmatch(name))]
    last = max(matches, key=lambda match: int(match["number"]))
    width, separator = len(last["number"]), last["separator"]
    # golang-migrate reads only names that end so.
    ending = ".up.sql" if any(match[0].endswith(".up.sql") for match in matches) else ".sql"
    return [
        f"{int(last['number']) + 1 + i:0{width}}{separator}pgflow_{key}{ending}"
        for i, key in enumerate(keys)
    ]


def _read(path: Path) -> str:
    # Git may have turned the line ends on Windows; that is no change.
    return path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
