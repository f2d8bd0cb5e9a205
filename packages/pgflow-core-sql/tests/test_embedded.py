"""The embedded server starts everywhere, belongs to one owner, and comes back after any crash."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from pgflow_core_sql import _embedded_place
from pgflow_core_sql.embedded import EmbeddedPostgres
from pgflow_manifest import PgflowError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become other users")

OWNER = """
import sys, time
from pathlib import Path
from pgflow_core_sql.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])) as server:
    print(server.data_dir, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pgflow-test-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory, "data")


@pytest.fixture
def owner(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that owns a running server on `data_dir`."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(data_dir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == str(data_dir)
    yield process
    process.kill()
    process.communicate()
    wait_until(lambda: server_pid(data_dir) is None)


def server_pid(data_dir: Path) -> int | None:
    try:
        return int((data_dir / "postmaster.pid").read_text().split()[0])
    except (FileNotFoundError, IndexError):
        return None


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def ask(server: EmbeddedPostgres, query: str) -> object:
    with psycopg.connect(server.url(), autocommit=True) as conn:
        row = conn.execute(query.encode()).fetchone()
    return row[0] if row else None


def run(server: EmbeddedPostgres, command: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute(command.encode())


def test_url_and_data_survive_every_kind_of_restart(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as server:
        url = server.url()
        run(server, "create table kept (n int)")
        for mode in ("fast", "immediate", "smart"):
            run(server, "insert into kept values (1)")
            server.restart(mode)
            assert server.url() == url
        assert ask(server, "select count(*) from kept") == 3
        assert ask(server, "select version()") is not None
    assert not server.is_running
    with EmbeddedPostgres(data_dir) as server:
        assert server.url() == url
        assert ask(server, "select count(*) from kept") == 3


def test_server_speaks_utf8_and_listens_on_its_socket_only(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, settings={"max_connections": "33"}, keep=False) as server:
        assert ask(server, "show server_encoding") == "UTF8"
        assert ask(server, "select lower('ÄÖ')") == "äö"
        assert ask(server, "show listen_addresses") == ""
        assert ask(server, "show max_connections") == "33"
        assert ask(server, "show fsync") == "off"
        sockets = Path(str(ask(server, "show unix_socket_directories")))
        assert sockets.stat().st_mode & 0o077 == 0


def test_throw_away_server_leaves_nothing_behind(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, keep=False) as server:
        sockets = Path(str(ask(server, "show unix_socket_directories")))
    assert list(data_dir.parent.iterdir()) == []
    assert not sockets.exists()


def test_starting_twice_and_stopping_twice_does_nothing(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    server.start()
    started = ask(server, "select pg_postmaster_start_time()")
    server.start()
    assert ask(server, "select pg_postmaster_start_time()") == started
    server.stop()
    server.stop()


def test_second_process_is_refused_with_the_pid_of_the_first(
    data_dir: Path, owner: subprocess.Popen[str]
) -> None:
    with pytest.raises(PgflowError) as refused:
        EmbeddedPostgres(data_dir).start()
    assert f"process {owner.pid}" in str(refused.value)
    assert str(data_dir) in str(refused.value)
    assert server_pid(data_dir) is not None, "the refused start must not touch the server"


def test_ctrl_c_in_the_terminal_lets_the_owner_stop_the_server(
    data_dir: Path, owner: subprocess.Popen[str]
) -> None:
    os.killpg(owner.pid, signal.SIGINT)
    owner.communicate(timeout=20)
    assert owner.returncode == -signal.SIGINT
    assert server_pid(data_dir) is None
    assert "database system is shut down" in data_dir.with_name("data.log").read_text()


def test_server_stops_when_its_owner_is_killed(
    data_dir: Path, owner: subprocess.Popen[str]
) -> None:
    owner.kill()
    owner.wait()
    wait_until(lambda: server_pid(data_dir) is None)
    with EmbeddedPostgres(data_dir) as server:
        assert ask(server, "select 1") == 1


def test_next_start_ends_a_server_whose_owner_and_watcher_were_killed(
    data_dir: Path, owner: subprocess.Popen[str]
) -> None:
    psutil = pytest.importorskip("psutil")
    left_over = server_pid(data_dir)
    assert left_over is not None
    for child in psutil.Process(owner.pid).children():
        if child.pid != left_over:
            child.kill()
    owner.kill()
    owner.wait()
    assert is_alive(left_over)
    with EmbeddedPostgres(data_dir) as server:
        assert ask(server, "select 1") == 1
        assert server_pid(data_dir) != left_over
    assert not is_alive(left_over)


def test_server_that_was_killed_hard_recovers(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as server:
        run(server, "create table kept (n int); insert into kept values (7)")
        pid = server_pid(data_dir)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not server.is_running)
        server.restart()
        assert ask(server, "select n from kept") == 7


def test_stale_pid_file_with_the_pid_of_another_program_is_no_obstacle(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as server:
        run(server, "create table kept (n int); insert into kept values (7)")
        lines = (data_dir / "postmaster.pid").read_text().splitlines()
        user = server._place.user.popen
        server.stop("immediate")
    with subprocess.Popen(["/bin/sleep", "60"], **user) as bystander:
        (data_dir / "postmaster.pid").write_text("\n".join([str(bystander.pid), *lines[1:], ""]))
        with EmbeddedPostgres(data_dir) as server:
            assert ask(server, "select n from kept") == 7
        assert bystander.poll() is None
        bystander.kill()


def test_data_of_another_major_version_is_refused(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, version=16):
        pass
    with pytest.raises(PgflowError, match="was made by PostgreSQL 16, this is 18"):
        EmbeddedPostgres(data_dir, version=18).start()


def test_directory_with_other_files_is_refused_and_left_alone(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "thesis.txt").write_text("years of work")
    with pytest.raises(PgflowError, match="is not empty and holds no PostgreSQL data"):
        EmbeddedPostgres(data_dir, keep=False).start()
    assert (data_dir / "thesis.txt").read_text() == "years of work"


def test_setting_that_the_server_refuses_is_shown_with_its_words(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir, settings={"max_connections": "many"})
    with pytest.raises(PgflowError, match='invalid value for parameter "max_connections"'):
        server.start()
    assert not server.is_running


def test_missing_binaries_say_what_to_install(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(PgflowError, match="install PostgreSQL 9"):
        EmbeddedPostgres(data_dir, version=9).start()
    monkeypatch.setattr(_embedded_place, "_WHEEL", "a_wheel_that_is_not_installed")
    monkeypatch.setattr(_embedded_place, "_SYSTEM_BINARIES", ())
    with pytest.raises(PgflowError) as refused:
        EmbeddedPostgres(data_dir).start()
    assert 'pip install "pgflow-cli[embedded]"' in str(refused.value)
    assert "PGFLOW_DATABASE_URL" in str(refused.value)


def test_long_paths_do_not_make_the_socket_path_too_long(data_dir: Path) -> None:
    deep = data_dir.parent.joinpath(*["directory_with_a_long_name"] * 6)
    with EmbeddedPostgres(deep / "data", keep=False) as server:
        assert ask(server, "select 1") == 1


@as_root
def test_root_keeps_the_data_elsewhere_when_the_server_cannot_reach_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    wanted = tmp_path / "home" / "data"
    with EmbeddedPostgres(wanted) as server:
        run(server, "create table kept (n int); insert into kept values (7)")
        assert server.data_dir != wanted
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    with EmbeddedPostgres(wanted, keep=False) as server:
        assert ask(server, "select n from kept") == 7
    assert not server.data_dir.exists()


@as_root
def test_root_copies_the_wheel_when_the_server_cannot_reach_it(
    tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = _embedded_place.find_binaries(18).parent.parent
    private = tmp_path / "site-packages"
    for source in (wheel, wheel.parent / f"{wheel.name}.libs"):
        if source.exists():
            shutil.copytree(source, private / source.name)
    private.chmod(0o700)
    monkeypatch.syspath_prepend(private)
    with EmbeddedPostgres(data_dir, keep=False) as server:
        assert ask(server, "select 1") == 1
        copied = server._place.binaries
    assert copied.is_relative_to(Path(tempfile.gettempdir(), "pgflow-0"))
    shutil.rmtree(copied.parent.parent.parent)


@as_root
def test_root_runs_data_of_an_ordinary_user_as_that_user(data_dir: Path) -> None:
    data_dir.mkdir()
    shutil.chown(data_dir, "daemon", "daemon")
    with EmbeddedPostgres(data_dir, keep=False) as server:
        assert ask(server, "select 1") == 1
        assert (data_dir / "PG_VERSION").owner() == "daemon"


def start_as_user(uid: int, data_dir: Path) -> subprocess.CompletedProcess[str]:
    """Start and stop a server in a process that was root while it imported."""
    # the interpreter and the packages may live where other users cannot reach them
    source = (
        "import encodings.idna, os, pgflow_core_sql.embedded\n"
        f"os.setgroups([]); os.setgid({uid}); os.setuid({uid})\n{OWNER}"
    ).replace("time.sleep(60)", "pass")
    return subprocess.run(
        [sys.executable, "-c", source, str(data_dir)], capture_output=True, text=True, check=False
    )


@as_root
def test_ordinary_user_starts_a_server_too(data_dir: Path) -> None:
    data_dir.parent.chmod(0o777)
    uid = pwd.getpwnam("daemon").pw_uid
    done = start_as_user(uid, data_dir)
    assert done.returncode == 0, done.stderr
    assert (data_dir / "PG_VERSION").stat().st_uid == uid


@as_root
def test_user_id_without_a_name_is_told_to_get_one(data_dir: Path) -> None:
    data_dir.parent.chmod(0o777)
    done = start_as_user(12345, data_dir)
    assert "mend: give the user id a name in /etc/passwd" in done.stderr
