"""What a worker can be told, checked once before anything starts."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

from pgflow_manifest import URL_VARIABLES
from pgflow_worker.errors import UsageError
from pgflow_worker.masking import describe_database


def default_name() -> str:
    """Return a name that tells workers apart: the host and the process."""
    return f"{socket.gethostname()}-{os.getpid()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerConfig:
    """Every setting of a worker; durations in seconds.

    Raises:
        UsageError: a setting is out of its range.
    """

    database_url: str = field(repr=False)
    concurrency: int = 100
    """How many handlers run at once, async and sync together."""
    lease: float = 30.0
    """How long a claimed task stays ours without a sign of life."""
    grace: float = 25.0
    """How long running handlers may take to end once the worker is asked to stop."""
    beat: float = 10.0
    """Interval of the signs of life; three missed ones and the engine declares the worker dead."""
    name: str = field(default_factory=default_name)
    drain: bool = False
    """End when nothing is left to do."""
    deploy: bool = False
    """Deploy the flows before claiming."""
    connect_timeout: float = 10.0
    """How long to wait at the start for a database that does not answer yet."""

    def __post_init__(self) -> None:
        describe_database(self.database_url)
        self._require("concurrency", self.concurrency, 1, 10_000)
        self._require("lease", self.lease, 0.1, 86_400)
        self._require("grace", self.grace, 0, 86_400)
        self._require("beat", self.beat, 0.1, 3_600)
        self._require("connect_timeout", self.connect_timeout, 0, 3_600)
        if not self.name.strip() or "\x00" in self.name:
            raise UsageError("the name of a worker must not be empty", hint="leave --name out")

    def _require(self, option: str, value: float, low: float, high: float) -> None:
        if not low <= value <= high:
            raise UsageError(
                f"{option} is {value}; it must be between {low} and {high}",
                hint=f"pass another value for {option}",
            )

    @property
    def extend_every(self) -> float:
        """How old a lease gets before it is extended.

        A third of the lease, so that two tries may fail; at most 5 s, because it is also how soon
        a handler learns that its run was cancelled.
        """
        return min(self.lease / 3, 5.0)

    @property
    def sweep_every(self) -> float:
        """How often this worker looks for leases that others let expire."""
        return min(self.lease / 2, 5.0)

    @property
    def lock_timeout(self) -> float:
        """How long a call waits for a run that somebody else has locked."""
        return min(self.lease / 6, 0.5)


def resolve_database_url(given: str | None, environment: Mapping[str, str] | None = None) -> str:
    """Return the database to use: *given*, else the first environment variable that is set.

    Raises:
        UsageError: none of them.
    """
    if given:
        return given
    variables = os.environ if environment is None else environment
    for variable in URL_VARIABLES:
        if url := variables.get(variable):
            return url
    raise UsageError(
        "no database was named",
        hint=f"pass --database-url, or set {' or '.join(URL_VARIABLES)}",
    )
