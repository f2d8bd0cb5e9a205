"""A PostgreSQL server of our own, started in about half a second from the binaries of a wheel.

For `pgflow dev`, `pgflow demo` and tests; never for production. It listens on a unix socket in a
directory that only its user can enter, and nowhere else, so it needs no password.

Who ends it: `stop()` or the end of the `with` block. Should this process be killed, a small shell
that waits on a pipe to us notices and stops the server within a second. Should that die too (power
loss, a container that is killed whole), what remains is the data directory, with a stale
`postmaster.pid`; the next start on it stops a server that is left over, or recovers as PostgreSQL
recovers from any crash. Which user and which paths: `_embedded_place.py`.
"""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final, Literal, Self
from urllib.parse import quote

from pgflow_core_sql._embedded_place import NO_SERVER_HINT, Place, find_place
from pgflow_manifest import PgflowError

StopMode = Literal["fast", "immediate", "smart"]
"""`fast` ends sessions and shuts down, `immediate` is a crash, `smart` waits for the sessions."""

_SIGNALS: Final[Mapping[StopMode, signal.Signals]] = {
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
    "smart": signal.SIGTERM,
}
_START_SECONDS: Final = 120.0
_STOP_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.01
_KEPT_ENVIRONMENT: Final = ("PATH", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_NOT_DURABLE: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_WATCH: Final = 'read -r _; exec "$0" stop --pgdata="$1" --mode=fast --silent'
_NO_SETTINGS: Final[Mapping[str, str]] = MappingProxyType({})


class EmbeddedPostgres:
    """Run a private PostgreSQL server on a data directory of your choice.

    The URL stays the same over restarts, and over processes that share the temporary directory.
    As root the server runs as the user `nobody`; where that user cannot reach *data_dir*, the data
    is kept in the temporary directory instead (see `data_dir`).

    Args:
        data_dir: where the data is kept; created when missing.
        version: major version; 16 and 18 come with the wheel, others from the system.
        settings: server settings by name, such as `{"max_connections": "200"}`.
        keep: False for a throw-away server: not durable, and its data is removed at the end of
            the `with` block.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        version: int = 18,
        settings: Mapping[str, str] = _NO_SETTINGS,
        keep: bool = True,
    ) -> None:
        self.version = version
        self._wanted = data_dir.expanduser().absolute()
        self._settings = dict(settings) if keep else {**_NOT_DURABLE, **settings}
        self._keep = keep
        self._found: Place | None = None
        self._lock: int | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    @property
    def data_dir(self) -> Path:
        """Where the data really is."""
        return self._place.data

    @property
    def is_running(self) -> bool:
        """Whether the server process that this object started lives."""
        return self._server is not None and self._server.poll() is None

    def url(self, database: str = "postgres") -> str:
        """Return the URL that logs into *database* as the superuser `postgres`."""
        host = quote(str(self._place.sockets), safe="")
        return f"postgresql://postgres@/{quote(database, safe='')}?host={host}&port=5432"

    def start(self) -> None:
        """Start the server and return once it takes connections; does nothing while it runs.

        A data directory that is new is initialised first. Takes about half a second in all.

        Raises:
            PgflowError: no binaries, another process uses the directory, it belongs to another
                version, or the server ended at once; each says what to do.
        """
        if self.is_running:
            return
        self._take_lock()
        try:
            self._end_leftover()
            self._initialise()
            self._launch()
        except BaseException:
            self.stop("immediate")
            raise

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop the server and return once it has ended; does nothing when it does not run."""
        try:
            if self._server is not None:
                _end(self._server, _SIGNALS[mode])
        finally:
            self._server = None
            if self._watcher is not None:
                self._watcher.kill()
                self._watcher.communicate()
                self._watcher = None
            # Without the lock the sockets are those of another process's server.
            if self._lock is not None:
                shutil.rmtree(self._place.sockets, ignore_errors=True)
                os.close(self._lock)
                self._lock = None

    def restart(self, mode: StopMode = "fast") -> None:
        """Stop the server as *mode* says and start it again on the same URL."""
        self.stop(mode)
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._keep:
            self.stop()
            return
        self.stop("immediate")
        shutil.rmtree(self._place.data, ignore_errors=True)
        for path in (self._log_file, self._lock_file):
            path.unlink(missing_ok=True)

    @property
    def _place(self) -> Place:
        if self._found is None:
            self._found = find_place(self._wanted, self.version)
        return self._found

    # Beside the data, not in it: root must not write into a directory of another user.
    @property
    def _lock_file(self) -> Path:
        return self._place.data.with_name(f"{self._place.data.name}.lock")

    @property
    def _log_file(self) -> Path:
        return self._place.data.with_name(f"{self._place.data.name}.log")

    def _take_lock(self) -> None:
        try:
            lock = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise PgflowError(
                f"cannot open {str(self._lock_file)!r}: {error.strerror}",
                hint="start pgflow as the user who made it, or use another directory",
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(lock, 32).decode() or "unknown"
            os.close(lock)
            raise PgflowError(
                f"the database in {str(self._place.data)!r} is in use by process {owner}",
                hint="stop that process, or use another directory",
            ) from None
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        self._lock = lock

    def _end_leftover(self) -> None:
        """Stop a server whose owner was killed; the lock says that nobody owns it."""
        pid_file = self._place.data / "postmaster.pid"
        lines = _lines(pid_file)
        if not lines or not lines[0].isdigit():
            return
        pid = int(lines[0])
        for kind in (signal.SIGINT, signal.SIGQUIT):
            if not _is_server_of(self._place, pid):
                break
            os.kill(pid, kind)
            deadline = time.monotonic() + _STOP_SECONDS
            while _is_server_of(self._place, pid) and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
        if _lines(pid_file):
            # The pid may belong to another program by now, and PostgreSQL would refuse to start.
            # It takes its parent's pid for stale, and still checks the shared memory of the old
            # server, which removing the file would skip.
            handle = os.open(pid_file, os.O_WRONLY | os.O_NOFOLLOW | os.O_TRUNC)
            os.write(handle, "\n".join([str(os.getpid()), *lines[1:], ""]).encode())
            os.close(handle)

    def _initialise(self) -> None:
        place = self._place
        version_file = place.data / "PG_VERSION"
        if place.data.exists() and any(place.data.iterdir()):
            if not version_file.is_file():
                raise PgflowError(
                    f"{str(place.data)!r} is not empty and holds no PostgreSQL data",
                    hint="name an empty directory",
                )
            if (made_by := version_file.read_text().strip()) != str(self.version):
                raise PgflowError(
                    f"{str(place.data)!r} was made by PostgreSQL {made_by}, this is {self.version}",
                    hint=f"start it with version={made_by}, or use another directory",
                )
            return
        # initdb leaves a torso when it is interrupted, so the directory gets its name at the end
        unfinished = place.data.with_name(f".{place.data.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            place.user.make_directory(unfinished)
            self._initdb(unfinished)
            unfinished.replace(place.data)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _initdb(self, directory: Path) -> None:
        command = [
            str(self._place.binaries / "initdb"),
            f"--pgdata={directory}",
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            *([] if self._keep else ["--no-sync"]),
        ]
        if self.version >= 17:
            locales = [["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]]
        else:
            locales = [["--locale=C.UTF-8"], ["--locale=C"]]  # not every system has the first
        output = ""
        for locale in locales:
            try:
                made = subprocess.run(  # noqa: S603
                    [*command, *locale],
                    env=_environment(),
                    cwd="/",
                    capture_output=True,
                    text=True,
                    check=False,
                    **self._place.user.popen,
                )
            except (OSError, subprocess.SubprocessError) as error:
                raise _cannot_run(self._place, error) from None
            if made.returncode == 0:
                return
            output = made.stderr or made.stdout
        hint = NO_SERVER_HINT
        if "user does not exist" in output:
            # a container that is started with any number as its user
            hint = "give the user id a name in /etc/passwd, or set PGFLOW_DATABASE_URL"
        raise PgflowError(
            f"initdb of PostgreSQL {self.version} failed: {output.strip()}", hint=hint
        )

    def _launch(self) -> None:
        place = self._place
        shutil.rmtree(place.sockets, ignore_errors=True)
        place.user.make_directory(place.sockets)
        settings = {
            **self._settings,
            "listen_addresses": "",
            "port": "5432",
            "unix_socket_directories": str(place.sockets),
        }
        options = [part for item in settings.items() for part in ("-c", "=".join(item))]
        # sessions of their own: Ctrl-C in a terminal is for us, and we stop the server
        try:
            with self._log_file.open("wb") as log:
                self._server = subprocess.Popen(  # noqa: S603
                    [str(place.binaries / "postgres"), "-D", str(place.data), *options],
                    env=_environment(),
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    **place.user.popen,
                )
            self._watcher = subprocess.Popen(  # noqa: S603
                ["/bin/sh", "-c", _WATCH, str(place.binaries / "pg_ctl"), str(place.data)],
                env=_environment(),
                cwd="/",
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                **place.user.popen,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise _cannot_run(place, error) from None
        self._wait_until_ready(self._server)

    def _wait_until_ready(self, server: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            lines = _lines(self._place.data / "postmaster.pid")
            if len(lines) > 7 and lines[0] == str(server.pid) and lines[7].strip() == "ready":
                return
            if server.poll() is not None:
                break
            time.sleep(_POLL_SECONDS)
        tail = "\n  ".join(_lines(self._log_file)[-8:])
        raise PgflowError(
            f"PostgreSQL {self.version} did not start on {str(self._place.data)!r}:\n  {tail}",
            hint=f"see {self._log_file}",
        )


def _end(server: subprocess.Popen[bytes], kind: signal.Signals) -> None:
    for number in (kind, signal.SIGQUIT, signal.SIGKILL):
        server.send_signal(number)
        try:
            server.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        except KeyboardInterrupt:
            server.send_signal(signal.SIGQUIT)
            server.wait(_STOP_SECONDS)
            raise
        return


def _is_server_of(place: Place, pid: int) -> bool:
    """Whether process *pid* is a server on this data, not one that got its number later."""
    own_directory = Path(f"/proc/{pid}/cwd")
    if Path("/proc/self/cwd").exists():
        try:
            return own_directory.readlink() == place.data.resolve()
        except OSError:
            return False
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(place.sockets / ".s.PGSQL.5432")) == 0


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:
        return []


def _environment() -> dict[str, str]:
    # LC_ALL keeps macOS from starting a thread in the server; secrets of ours stay with us
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    return {**kept, "LC_ALL": "C"}


def _cannot_run(place: Place, error: Exception) -> PgflowError:
    return PgflowError(
        f"cannot run {str(place.binaries / 'postgres')!r} as the user with the id "
        f"{place.user.uid}: {error}",
        hint="start pgflow as an ordinary user, or set PGFLOW_DATABASE_URL",
    )
