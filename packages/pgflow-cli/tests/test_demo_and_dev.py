"""The two commands that start everything: what they do, and that nothing of it stays."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, Queue

import psutil
import pytest

from pgflow_cli import exit_codes
from pgflow_cli.example import find_example

_PATIENCE_SECONDS = 40.0

TIRED = """
from pgflow_dsl import Flow

flow = Flow("tired", payload=int)

@flow.step(base_delay=60)
def rest(number: int = flow.payload) -> int:
    raise ValueError("not today")
"""


class Command:
    """A running `pgflow`, whose stderr can be waited for line by line."""

    def __init__(self, arguments: Sequence[str], folder: Path) -> None:
        names = ("PGFLOW_DATABASE_URL", "DATABASE_URL", "GROQ_API_KEY", "OPENAI_API_KEY")
        kept = {name: value for name, value in os.environ.items() if name not in names}
        self.temporary = folder / "t"
        self.temporary.mkdir(exist_ok=True)
        self.temporary.chmod(0o755)
        self.said: list[str] = []
        self._lines: Queue[str] = Queue()
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed in kill()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pgflow_cli", *arguments],
            cwd=folder,
            env={**kept, "TMPDIR": str(self.temporary)},
            stdout=self._output,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started: dict[int, psutil.Process] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._lines.put(line.rstrip("\n"))

    def wait_for(self, text: str) -> None:
        """Return once a further line with *text* was said."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            self._look()
            try:
                self.said.append(self._lines.get(timeout=0.1))
            except Empty:
                assert self._process.poll() is None, "it ended:\n" + "\n".join(self.said)
                continue
            if text in self.said[-1]:
                return
        raise AssertionError(f"never said {text!r}:\n" + "\n".join(self.said))

    def signal(self, number: signal.Signals) -> None:
        self._look()
        self._process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """Wait for the end; return exit code and stdout."""
        deadline = time.monotonic() + 3 * _PATIENCE_SECONDS
        while self._process.poll() is None:
            assert time.monotonic() < deadline, "it does not end:\n" + "\n".join(self.said)
            self._look()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0.1)
        self._reader.join(_PATIENCE_SECONDS)
        while not self._lines.empty():
            self.said.append(self._lines.get())
        self._output.seek(0)
        return self._process.returncode, self._output.read()

    def kill_worker(self) -> None:
        """Kill the one worker that lives."""
        self._look()
        for process in self.started.values():
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                if "pgflow_worker" in process.cmdline():
                    process.kill()

    def _look(self) -> None:
        """Remember every process that it has started so far."""
        try:
            children = psutil.Process(self._process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return
        self.started.update({child.pid: child for child in children})

    def assert_nothing_is_left(self) -> None:
        assert self.started, "it started no process at all"
        gone, alive = psutil.wait_procs(list(self.started.values()), timeout=10)
        del gone
        assert alive == []
        left = [path for path in self.temporary.rglob("*") if path.name != "installed"]
        # What the embedded server keeps for next time: its place, and its binaries for root.
        own = {self.temporary / f"pgflow-{os.geteuid()}"}
        kept = [path for path in left if path not in own and not _is_install(path)]
        assert kept == []

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(_PATIENCE_SECONDS)
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._output.close()


def _is_install(path: Path) -> bool:
    return any(part.startswith("install-") for part in path.parts)


@contextmanager
def pgflow(*arguments: str, folder: Path) -> Generator[Command]:
    command = Command(arguments, folder)
    try:
        yield command
    finally:
        command.kill()


@pytest.fixture
def folder() -> Generator[Path]:
    """A folder whose name is short, as names of sockets must be, and that every user can enter."""
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_the_demo_prints_the_run_output_and_leaves_nothing(folder: Path) -> None:
    with pgflow("demo", folder=folder) as demo:
        code, output = demo.end()
        assert code == exit_codes.OK, demo.said
        merged = json.loads(output)["merge"]
        assert merged["summary"] == "Please call the bakery about the birthday cake for saturday."
        assert merged["transcription"].startswith("PLEASE CALL THE BAKERY")
        said = "\n".join(demo.said)
        for slug in ("transcribe", "summarize", "capitalize", "merge"):
            assert f"{slug} completed in " in said
        demo.assert_nothing_is_left()


def test_the_demo_shows_how_postgres_refuses_a_wrong_result(folder: Path) -> None:
    with pgflow("demo", "--break-result", folder=folder) as demo:
        code, output = demo.end()
        assert code == exit_codes.OK, demo.said
        error = json.loads(output)
        assert error["code"] == "PF606"
        assert [fault["at"] for fault in error["errors"]] == ["/phrases/1", "/transcription"]
        said = "\n".join(demo.said)
        assert '    result = {"transcription": 42, ' in said
        assert "Postgres answers 'failed'" in said
        assert "the run is failed" in said
        demo.assert_nothing_is_left()


def test_the_demo_takes_ones_own_recording_and_database(
    folder: Path, empty_database_url: str
) -> None:
    memo = folder / "my memo.wav"
    memo.write_bytes(find_example().recording.read_bytes())
    command = ["demo", "--audio", "my memo.wav", "--database-url", empty_database_url]
    with pgflow(*command, folder=folder) as demo:
        code, output = demo.end()
        assert code == exit_codes.OK, demo.said
        assert json.loads(output)["merge"]["object_name"] == "my memo.wav"
        assert not any("starting PostgreSQL" in line for line in demo.said)


@pytest.mark.parametrize(
    ("content", "told"), [(None, "No such file"), (b"mp3, not wav", "no plain WAV file")]
)
def test_a_recording_that_cannot_be_used_stops_the_demo_before_it_begins(
    folder: Path, content: bytes | None, told: str
) -> None:
    if content is not None:
        (folder / "memo.wav").write_bytes(content)
    with pgflow("demo", "--audio", "memo.wav", folder=folder) as demo:
        assert demo.end() == (exit_codes.USAGE, "")
        assert demo.said[0].startswith("error: ")
        assert told in demo.said[0]
        assert list(demo.temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("moment", "number", "code"),
    [
        ("starting PostgreSQL", signal.SIGINT, exit_codes.INTERRUPTED),
        ("deploying", signal.SIGTERM, exit_codes.TERMINATED),
        ("transcribe runs", signal.SIGINT, exit_codes.INTERRUPTED),
    ],
)
def test_the_demo_interrupted_leaves_nothing(
    folder: Path, moment: str, number: signal.Signals, code: int
) -> None:
    with pgflow("demo", folder=folder) as demo:
        demo.wait_for(moment)
        demo.signal(number)
        assert demo.end() == (code, ""), demo.said
        assert "Traceback" not in "\n".join(demo.said)
        demo.assert_nothing_is_left()


def run_hello(folder: Path) -> str:
    with pgflow("run", "hello", '{"name": "Ada"}', "--watch", folder=folder) as run:
        code, output = run.end()
        assert code == exit_codes.OK, run.said
        text: str = json.loads(output)["measure"]["text"]
        return text


def test_dev_works_on_a_fresh_project_and_takes_over_changes(folder: Path) -> None:
    with pgflow("install", folder=folder) as install:
        assert install.end()[0] == exit_codes.OK
    flow = folder / "flows" / "hello.py"
    source = flow.read_text()
    with pgflow("dev", folder=folder) as dev:
        dev.wait_for('start a run:  pgflow run hello \'{"name": "name"}\' --watch')
        flow.write_text(source.replace('greeting: str = "Hello"', 'greeting: str = "Ciao"'))
        dev.wait_for("start a run:")

        flow.write_text("def broken(:\n")
        dev.wait_for("hello.py:1: cannot import it: SyntaxError")
        dev.wait_for("the worker goes on with the flows as they were")
        assert run_hello(folder) == "Ciao, Ada!"

        with pgflow("dev", "--once", folder=folder) as second:
            assert second.end()[0] == exit_codes.FAILED
            assert "in use by process" in "\n".join(second.said)

        flow.write_text(source)
        (folder / "flows" / "tired.py").write_text(TIRED)
        dev.wait_for("start a run:  pgflow run tired 1 --watch")
        assert run_hello(folder) == "Hello, Ada!"

        with pgflow("run", "tired", "1", "--watch", folder=folder) as run:
            run.wait_for("rest failed, attempt 1")
            (folder / "flows" / "tired.py").write_text(TIRED.replace("-> int", "-> float"))
            dev.wait_for("tired  version 2  new_version")
            dev.wait_for("runs wait for tired.rest, which no worker serves")
            run.signal(signal.SIGINT)
            assert run.end() == (exit_codes.INTERRUPTED, "")
            assert "the run goes on; `pgflow runs cancel " in "\n".join(run.said)

        dev.kill_worker()
        dev.wait_for("the worker ended: SIGKILL")
        dev.wait_for("serving ")
        dev.kill_worker()
        dev.wait_for("the worker ended: SIGKILL")
        dev.wait_for("mend: change a flow")
        dev.signal(signal.SIGINT)
        assert dev.end() == (exit_codes.INTERRUPTED, "")
        assert not (folder / ".pgflow" / "dev.json").exists()
        assert (folder / "flows.manifest.json").exists()
        gone, alive = psutil.wait_procs(list(dev.started.values()), timeout=10)
        assert gone
        assert alive == []
    # The runs are still there the next time, and nothing else is needed to come up again.
    with pgflow("dev", "--once", folder=folder) as again:
        assert again.end()[0] == exit_codes.OK, again.said
        assert any("unchanged" in line for line in again.said)


def test_dev_once_fails_on_a_broken_flow(folder: Path) -> None:
    (folder / "flows").mkdir()
    (folder / "flows" / "broken.py").write_text("import no_such_module\n")
    with pgflow("dev", "--once", folder=folder) as dev:
        assert dev.end()[0] == exit_codes.FAILED
        assert "no_such_module" in "\n".join(dev.said)


@pytest.mark.stress
def test_a_worker_never_outlives_a_killed_command(folder: Path) -> None:
    with pgflow("demo", folder=folder) as demo:
        demo.wait_for("transcribe runs")
        demo.signal(signal.SIGKILL)
        demo.end()
        _, alive = psutil.wait_procs(list(demo.started.values()), timeout=20)
        assert alive == []
