"""Before the first claim: is the database there, does it fit, does it know our handlers?"""

import asyncio
import threading
from collections.abc import Mapping
from time import monotonic
from typing import Any, Final, cast
from uuid import UUID

import psycopg

from pgflow_manifest import HandlerMissingError, SchemaTooNewError, SchemaVersionError
from pgflow_worker import calls, errors
from pgflow_worker.backoff import Backoff
from pgflow_worker.config import WorkerConfig
from pgflow_worker.connections import Connection, connect
from pgflow_worker.link import first_line
from pgflow_worker.loader import Handler, LoadedFlows, missing_handlers_error
from pgflow_worker.logs import logger
from pgflow_worker.masking import describe_database
from pgflow_worker.threads import in_thread

MINIMUM_SCHEMA: Final = 1
"""The lowest migration that has everything this worker calls."""
KNOWN_SCHEMA: Final = 1
"""The highest migration that this worker was written for; a later one may be `breaking`."""
GOODBYE: Final = 1.5
"""Seconds that the goodbye may take; see shutdown.py for the sum."""


class Registration:
    """Announces the handlers of one worker, at its start and whenever it was forgotten."""

    def __init__(self, config: WorkerConfig, worker_id: UUID, loaded: LoadedFlows) -> None:
        self._config = config
        self._worker_id = worker_id
        self._loaded = loaded

    def prepare(self, given_up: threading.Event) -> Mapping[int, Handler]:
        """Wait for the database, check its schema, deploy if asked to, and register.

        Returns the handlers by contract. Blocks; *given_up* ends the wait.

        Raises:
            DatabaseUnreachableError: it did not answer within the time, or refused.
            SchemaVersionError: pgflow is not installed there, too old (PF501) or too new (PF502).
            HandlerMissingError: steps are not deployed in the form that this worker has.
            PgflowError: the engine refused the manifest, or the role may not do this.
        """
        with self._wait_for_database(given_up) as conn:
            try:
                self._check_schema(conn)
                if self._config.deploy:
                    for flow, version, outcome in calls.deploy(conn, self._loaded.manifest):
                        logger.info("deployed %s: version %d, %s", flow, version, outcome)
                return self.register(conn)
            except psycopg.Error as error:
                raise errors.engine_error(error) or error from error

    def register(self, conn: Connection) -> Mapping[int, Handler]:
        """Announce the worker; return its handlers by contract.

        Raises:
            HandlerMissingError: names every step that is not deployed in the form it has here.
            psycopg.Error: the call failed for another reason.
        """
        try:
            return calls.register_worker(
                conn,
                self._worker_id,
                self._config.name,
                self._loaded.handlers,
                self._config.beat,
            )
        except psycopg.Error as error:
            known = errors.engine_error(error)
            if not isinstance(known, HandlerMissingError):
                raise
            missing = cast("list[dict[str, Any]]", known.details.get("missing", []))
            raise missing_handlers_error(
                (item["flow"], item["step"]) for item in missing
            ) from error

    def register_anew(self) -> Mapping[int, Handler]:
        """Announce the worker on a connection of its own; raises as `register`."""
        with connect(self._config, "register") as conn:
            return self.register(conn)

    async def say_goodbye(self) -> None:
        """Tell the engine that this worker is gone; what it still held is released.

        Waits no longer than `GOODBYE`, in case the database is away or hangs.
        """
        try:
            await asyncio.wait_for(in_thread(self._say_goodbye), GOODBYE)
        except TimeoutError:
            logger.warning(
                "could not say goodbye within %g s; the engine will find out by itself", GOODBYE
            )

    def _say_goodbye(self) -> None:
        try:
            with connect(self._config, "goodbye") as conn:
                calls.stop_worker(conn, self._worker_id)
        except psycopg.Error as error:
            logger.warning(
                "could not say goodbye (%s); the engine will find out by itself", first_line(error)
            )

    def _wait_for_database(self, given_up: threading.Event) -> Connection:
        deadline = monotonic() + self._config.connect_timeout
        backoff = Backoff(0.1, 2.0)
        place = describe_database(self._config.database_url)
        while True:
            try:
                return connect(self._config, "start")
            except psycopg.Error as error:
                reason = first_line(error)
                delay = backoff.next()
                too_late = monotonic() + delay > deadline or given_up.is_set()
                if errors.is_hopeless_connect(error) or too_late:
                    raise errors.DatabaseUnreachableError(
                        f"cannot connect to the database {place}: {reason}",
                        hint="check the database URL, and that the server runs and accepts it",
                    ) from None
                logger.info("waiting for the database %s (%s)", place, reason)
                given_up.wait(delay)

    def _check_schema(self, conn: Connection) -> None:
        found = calls.schema_version(conn)
        if found is None:
            raise SchemaVersionError(
                f"the database {describe_database(self._config.database_url)} has no pgflow schema",
                hint="run `pgflow migrate` on it first",
            )
        version, breaking = found
        details = {"found": version, "minimum": MINIMUM_SCHEMA, "known": KNOWN_SCHEMA}
        if version < MINIMUM_SCHEMA:
            raise SchemaVersionError(
                f"the pgflow schema has version {version}; this worker needs {MINIMUM_SCHEMA}",
                hint="run `pgflow migrate`",
                details=details,
            )
        if breaking > KNOWN_SCHEMA:
            raise SchemaTooNewError(
                f"the pgflow schema has the breaking migration {breaking}; "
                f"this worker knows migrations up to {KNOWN_SCHEMA}",
                hint="upgrade pgflow-worker",
                details=details,
            )
