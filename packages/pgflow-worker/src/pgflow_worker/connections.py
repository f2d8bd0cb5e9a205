"""Open the two connections of a worker: one for the exchange, one for the keeper thread."""

from typing import Final, LiteralString

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgflow_worker.arrays import use_raw_values
from pgflow_worker.config import WorkerConfig

_DEFAULTS: Final = {
    "connect_timeout": "10",
    # A peer that vanished without a word is noticed within a minute, not within two hours.
    "keepalives_idle": "20",
    "keepalives_interval": "5",
    "keepalives_count": "4",
    "tcp_user_timeout": "40000",
}

_SESSION: Final[LiteralString] = """
select set_config('default_transaction_isolation', 'read committed', false),
  set_config('lock_timeout', %s, false),
  set_config('timezone', 'UTC', false)
"""
"""Reports need read committed (PF503), and must not wait for ever for somebody's open
transaction: who holds one run must not keep every other task of the worker from its report."""

Connection = psycopg.Connection[tuple[object, ...]]
AsyncConnection = psycopg.AsyncConnection[tuple[object, ...]]


def connect(config: WorkerConfig, purpose: str) -> Connection:
    """Open a connection in autocommit for calls that may block the calling thread."""
    conn: Connection = psycopg.connect(_conninfo(config, purpose), autocommit=True)
    conn.execute(_SESSION, [_milliseconds(config.lock_timeout)])
    use_raw_values(conn)
    return conn


async def connect_async(config: WorkerConfig, purpose: str) -> AsyncConnection:
    """Open a connection in autocommit for calls from the event loop."""
    conn: AsyncConnection = await psycopg.AsyncConnection.connect(
        _conninfo(config, purpose), autocommit=True
    )
    await conn.execute(_SESSION, [_milliseconds(config.lock_timeout)])
    use_raw_values(conn)
    return conn


def _conninfo(config: WorkerConfig, purpose: str) -> str:
    given = conninfo_to_dict(config.database_url)
    defaults = {key: value for key, value in _DEFAULTS.items() if key not in given}
    defaults.setdefault("application_name", f"pgflow-worker {config.name} {purpose}"[:63])
    return make_conninfo(config.database_url, **defaults)


def _milliseconds(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"
