"""The parts that need no run: arrays, masking, log formats, delays, lanes, hooks."""

import ast
import io
import json
import logging
import threading
import uuid
from pathlib import Path

import psycopg
import pytest

import pgflow_worker
from pgflow_manifest import mask_secrets
from pgflow_worker import Signals, describe_database
from pgflow_worker.arrays import IntArray, JsonbArray, TextArray, UuidArray, use_raw_values
from pgflow_worker.backoff import Backoff
from pgflow_worker.logs import ConsoleFormatter, JsonFormatter, set_up_logging
from pgflow_worker.threads import ThreadLanes


@pytest.mark.parametrize("count", [0, 1, 3])
def test_packed_arrays_arrive_as_they_were(conn: psycopg.Connection, count: int) -> None:
    ids = [uuid.uuid4() for _ in range(count)]
    texts = ["", "größe", 'quote " and \\ and {,}'][:count]
    numbers = [0, -1, 2**31 - 1][:count]
    values = [None, {"a": [1, "zwölf"]}, "x" * 5000][:count]
    plain = psycopg.connect(conn.info.dsn, autocommit=True, dbname=conn.info.dbname)
    use_raw_values(plain)
    with plain:
        row = plain.execute(
            "select %s, %s, %s, %s",
            [
                UuidArray([value.bytes for value in ids]),
                TextArray([text.encode() for text in texts]),
                IntArray(numbers),
                JsonbArray([json.dumps(value).encode() for value in values]),
            ],
        ).fetchone()
        assert row == (ids, texts, numbers, values)


def test_raw_values_are_bytes(conn: psycopg.Connection) -> None:
    use_raw_values(conn)
    value = uuid.uuid4()
    row = conn.execute("select %s::uuid, %s::jsonb", [value, '{"a": "ü"}'], binary=True).fetchone()
    assert row == (value.bytes, '{"a": "ü"}'.encode())


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql://ann:hunter2@db:5432/app", "postgresql://ann:****@db:5432/app"),
        ("at postgres://:hunter2@db/app, sir", "at postgres://:****@db/app, sir"),
        ("postgresql://ann:hun@ter2@db/app", "postgresql://ann:****@db/app"),
        ("host=db password=hunter2 user=ann", "host=db password=**** user=ann"),
        ("host=db password='hun ter2' user=ann", "host=db password=**** user=ann"),
        ("PGPASSWORD=hunter2 psql", "PGPASSWORD=**** psql"),
        ("postgresql://db/app?password=hunter2&x=1", "postgresql://db/app?password=****&x=1"),
        ("https://example.org/a:b", "https://example.org/a:b"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_passwords_are_masked(text: str, masked: str) -> None:
    assert mask_secrets(text) == masked


@pytest.mark.parametrize(
    ("url", "described"),
    [
        ("postgresql://ann:hunter2@db:5432/app", "ann@db:5432/app"),
        ("host=/run/pg dbname=app password=hunter2", "/run/pg/app"),
        ("postgresql:///app", "localhost/app"),
    ],
)
def test_a_database_is_described_without_its_password(url: str, described: str) -> None:
    assert describe_database(url) == described


def _record(message: str, **extra: object) -> logging.LogRecord:
    record = logging.makeLogRecord(
        {"name": "pgflow.worker", "levelname": "INFO", "msg": message, "created": 1_700_000_000.25}
    )
    vars(record).update(extra)
    return record


def test_json_lines_hold_every_field_and_no_password() -> None:
    record = _record("to postgresql://ann:hunter2@db/app", step="merge", size=3, where=Path("/x"))
    line = json.loads(JsonFormatter("w1").format(record))
    assert line == {
        "time": "2023-11-14T22:13:20.250+00:00",
        "level": "info",
        "logger": "pgflow.worker",
        "message": "to postgresql://ann:****@db/app",
        "worker": "w1",
        "step": "merge",
        "size": 3,
        "where": "/x",
    }


def test_console_lines_begin_with_the_step() -> None:
    line = ConsoleFormatter().format(_record("failed", flow="memo", step="merge", attempt=2))
    assert line.endswith("INFO    memo.merge failed attempt=2")


def test_tracebacks_go_below_the_line() -> None:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    try:
        set_up_logging(log_format="console", level="info", worker_name="w", stream=stream)
        try:
            raise ValueError("password=hunter2")  # noqa: TRY301 - a traceback is wanted
        except ValueError:
            logging.getLogger("test").exception("it broke")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    assert "Traceback" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_delays_double_up_to_their_cap() -> None:
    backoff = Backoff(0.02, 2.0)
    delays = [backoff.next() for _ in range(9)]
    assert delays[:3] == [0.02, 0.04, 0.08]
    assert delays[-1] == 2.0
    backoff.reset()
    assert backoff.next() == 0.02
    jittered = [Backoff(1, 1, jitter=0.5).next() for _ in range(50)]
    assert min(jittered) >= 0.5
    assert max(jittered) <= 1


def test_lanes_start_no_more_threads_than_needed() -> None:
    lanes = ThreadLanes(2)
    names: list[str] = []
    began = threading.Semaphore(0)
    gate = threading.Semaphore(0)
    done = threading.Semaphore(0)

    def work() -> None:
        names.append(threading.current_thread().name)
        began.release()
        gate.acquire()
        done.release()

    for _ in range(5):
        lanes.submit(work)
    for _ in range(2):  # both must be at work before one is let go on to the rest
        assert began.acquire(timeout=5)
    for _ in range(5):
        gate.release()
    for _ in range(5):
        assert done.acquire(timeout=5)
    lanes.close()
    assert len(names) == 5
    assert len(set(names)) == 2


async def test_a_signal_that_does_not_come_is_told() -> None:
    signals = Signals()
    signals.claimed.fire(1)  # nobody listens yet
    with pytest.raises(RuntimeError, match="listen"):
        await signals.claimed.wait(0.01)
    signals.listen()
    with pytest.raises(TimeoutError, match="claimed"):
        await signals.claimed.wait(0.01)
    signals.claimed.fire(3)
    assert await signals.claimed.wait(1) == 3


def test_the_public_names_are_sorted() -> None:
    assert list(pgflow_worker.__all__) == sorted(pgflow_worker.__all__)


def test_the_worker_imports_no_sibling() -> None:
    allowed = {"pgflow_dsl", "pgflow_manifest", "pgflow_worker"}
    for file in Path(pgflow_worker.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            ours = {name.split(".")[0] for name in names if name.startswith("pgflow")}
            assert ours <= allowed, file.name
