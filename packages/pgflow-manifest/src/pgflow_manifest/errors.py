"""The exceptions that every pgflow package raises, and the SQLSTATE of each.

    PgflowError
    |- DefinitionError            a flow module is wrong; raised while it is imported or compiled
    |  |- InvalidSlugError  DuplicateStepError  UnknownDepError  DependencyCycleError
    |  |- HandlerSignatureError  ResultTypeError  DiscoveryError
    |- ManifestError              a manifest is wrong
    |  |- ManifestInvalidError (PF206)  ManifestVersionError (PF207)
    |- EngineError                the database refused, or a client refused on its behalf
    |  |- NotFoundError           PF101 flow  PF102 run  PF103 step  PF104 worker
    |  |- InvalidArgumentError    PF201 slug  PF202 payload  PF203 option  PF204 cycle
    |  |                          PF205 unknown dep  PF208 not storable  PF209 batch
    |  |                          PF210 payload too large  PF211 schema  PF212 limit hit
    |  |- ConflictError           PF301 lease lost  PF302 run finished  PF303 run id taken
    |  |                          PF304 contract differs  PF305 signal sent before
    |  |                          PF306 signal not awaited
    |  |- ForbiddenError          PF401
    |  |- HandlerMissingError     PF402
    |  |- SchemaVersionError      PF501 too old  PF502 too new
    |  |- IsolationError          PF503
    |- TaskError                  why an attempt of a task failed; kept in `pgflow.attempts`
       |- ResultNotSerializableError (PF601)  HandlerTimeoutError (PF602)
       |- HandlerRaisedError (PF603)  LeaseExpiredError (PF604)  ArgumentsInvalidError (PF605)
       |- ResultInvalidError (PF606)  ResultTooLargeError (PF607)  ResultLimitError (PF608)
       |- NotAListError (PF609)  ConditionUnmetError (PF610)
       |- RunDeadlineError (PF620)  SleepInvalidError (PF621)  SubFlowError (PF630)

`ERRORS_BY_CODE` is the only table of codes: SQL sources, docs/errors.md and these classes are
compared with it by a test. The docstring of a class is its default message.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

Details = Mapping[str, Any]
"""Machine-readable facts about an error: the DETAIL of the SQL error, which is always JSON."""


class PgflowError(Exception):
    """pgflow could not do what was asked."""

    code: ClassVar[str | None] = None
    """The SQLSTATE (`PF…`) of this class, where it has one."""

    def __init__(
        self, message: str | None = None, *, hint: str | None = None, details: Details | None = None
    ) -> None:
        self.message = message or (type(self).__doc__ or "").split("\n", 1)[0]
        self.hint = hint
        self.details: Details = details or {}
        super().__init__(self.message)

    def __str__(self) -> str:
        text = f"[{self.code}] {self.message}" if self.code else self.message
        return f"{text}\n  mend: {self.hint}" if self.hint else text


class DefinitionError(PgflowError, ValueError):
    """A flow is not defined correctly."""


class InvalidSlugError(DefinitionError):
    """A flow, step or argument has a name that is not a slug."""


class DuplicateStepError(DefinitionError):
    """Two steps of one flow, or two flows, have the same slug."""


class UnknownDepError(DefinitionError):
    """A step waits for a step that its flow does not have."""


class DependencyCycleError(DefinitionError):
    """The steps of a flow wait for each other in a circle."""


class HandlerSignatureError(DefinitionError):
    """The arguments of a handler do not fit what it is given."""


class ResultTypeError(DefinitionError):
    """The payload or the result of a step has no exact JSON form."""


class DiscoveryError(DefinitionError):
    """A folder of flows could not be loaded."""


class ManifestError(PgflowError):
    """A manifest could not be used."""


class ManifestInvalidError(ManifestError, ValueError):
    """The manifest does not follow its format."""

    code = "PF206"


class ManifestVersionError(ManifestError):
    """The manifest has a format version that this pgflow does not know."""

    code = "PF207"


class EngineError(PgflowError):
    """The engine refused a call."""


class NotFoundError(EngineError, LookupError):
    """What was named does not exist."""


class FlowNotFoundError(NotFoundError):
    """The flow does not exist."""

    code = "PF101"


class RunNotFoundError(NotFoundError):
    """The run does not exist, or is not yours to see."""

    code = "PF102"


class StepNotFoundError(NotFoundError):
    """The run has no such step."""

    code = "PF103"


class WorkerNotFoundError(NotFoundError):
    """The worker is not registered, or was declared dead."""

    code = "PF104"


class InvalidArgumentError(EngineError, ValueError):
    """An argument has a value that is not allowed."""


class SlugInvalidError(InvalidArgumentError):
    """A slug breaks the slug rule."""

    code = "PF201"


class PayloadInvalidError(InvalidArgumentError):
    """The payload does not fit the payload schema of the flow."""

    code = "PF202"


class OptionOutOfRangeError(InvalidArgumentError):
    """An option is outside its range."""

    code = "PF203"


class CycleError(InvalidArgumentError):
    """The steps of a flow wait for each other in a circle."""

    code = "PF204"


class DepNotFoundError(InvalidArgumentError):
    """A step waits for a step that its flow does not have."""

    code = "PF205"


class NotStorableError(InvalidArgumentError):
    """The value cannot be stored as jsonb."""

    code = "PF208"


class BatchInvalidError(InvalidArgumentError):
    """The arrays of a batch differ in length or hold nulls."""

    code = "PF209"


class PayloadTooLargeError(InvalidArgumentError):
    """The payload is larger than the budget of its flow."""

    code = "PF210"


class SchemaInvalidError(InvalidArgumentError):
    """A schema is not valid JSON Schema 2020-12, or asks for what the engine refuses."""

    code = "PF211"


class ValidationLimitError(InvalidArgumentError):
    """Validating the value hit a limit of time or depth, so it was not taken for valid."""

    code = "PF212"


class ConflictError(EngineError):
    """The state of the database does not allow the call."""


class LeaseLostError(ConflictError):
    """The lease is over: the task ended, expired, or belongs to another claim."""

    code = "PF301"


class RunFinishedError(ConflictError):
    """The run has already ended."""

    code = "PF302"


class RunIdTakenError(ConflictError):
    """A run with this id exists already."""

    code = "PF303"


class ContractDiffersError(ConflictError):
    """A flow version with this digest exists and has another graph or other schemas."""

    code = "PF304"


class SignalSentError(ConflictError):
    """The signal was sent to this run before, with another payload."""

    code = "PF305"


class SignalNotAwaitedError(ConflictError):
    """The run does not wait for the signal any more."""

    code = "PF306"


class ForbiddenError(EngineError, PermissionError):
    """The caller may not do this."""

    code = "PF401"


class HandlerMissingError(EngineError):
    """A worker has handlers for steps that are not deployed in this form."""

    code = "PF402"


class SchemaVersionError(EngineError):
    """The pgflow schema of the database does not fit this package."""

    code = "PF501"


class SchemaTooNewError(SchemaVersionError):
    """The database has a breaking migration that this package does not know."""

    code = "PF502"


class IsolationError(EngineError):
    """Reports need the isolation level READ COMMITTED."""

    code = "PF503"


class TaskError(PgflowError):
    """An attempt of a task failed."""

    retryable: ClassVar[bool] = True
    """Whether another attempt can end differently."""


class ResultNotSerializableError(TaskError):
    """The result of the handler has no JSON form that Postgres can store."""

    code = "PF601"
    retryable = False


class HandlerTimeoutError(TaskError):
    """The handler ran longer than its timeout."""

    code = "PF602"


class HandlerRaisedError(TaskError):
    """The handler raised an exception."""

    code = "PF603"


class LeaseExpiredError(TaskError):
    """The worker stopped extending its lease, most likely because it died."""

    code = "PF604"


class ArgumentsInvalidError(TaskError):
    """The arguments of a step do not fit the types of its handler."""

    code = "PF605"
    retryable = False


class ResultInvalidError(TaskError):
    """The result does not fit the result schema of the step."""

    code = "PF606"
    retryable = False


class ResultTooLargeError(TaskError):
    """The result is larger than the budget of its step."""

    code = "PF607"
    retryable = False


class ResultLimitError(TaskError):
    """Validating the result hit a limit of time or depth, so it was not taken for valid."""

    code = "PF608"
    retryable = False


class NotAListError(TaskError):
    """The value that a map step goes over is not a list."""

    code = "PF609"
    retryable = False


class ConditionUnmetError(TaskError):
    """The condition of a step does not hold, and the flow says that the run is to fail then."""

    code = "PF610"
    retryable = False


class RunDeadlineError(TaskError):
    """The run has not ended by its deadline."""

    code = "PF620"
    retryable = False


class SleepInvalidError(TaskError):
    """The end of a sleep is neither a number of seconds nor a time."""

    code = "PF621"
    retryable = False


class SubFlowError(TaskError):
    """The run of a sub-flow could not be started, or has not completed."""

    code = "PF630"
    retryable = False


def _classes_with_code(base: type[PgflowError]) -> dict[str, type[PgflowError]]:
    found: dict[str, type[PgflowError]] = {}
    for child in base.__subclasses__():
        if "code" in vars(child) and child.code is not None:
            found[child.code] = child
        found.update(_classes_with_code(child))
    return found


ERRORS_BY_CODE: Final[Mapping[str, type[PgflowError]]] = dict(
    sorted(_classes_with_code(PgflowError).items())
)
"""Every SQLSTATE of pgflow and the class that stands for it."""

_NOT_STORABLE: Final = {
    "22P02": "the text is not JSON that Postgres can read",
    "22P05": "the value holds a character that jsonb cannot store, such as \\u0000",
    "22003": "the value holds a number that is too large for Postgres",
    "22021": "the text is not valid UTF-8",
    "54000": "the value is larger than Postgres can store",
    "54001": "the value is nested too deeply",
}
"""SQLSTATEs that Postgres itself raises while it reads a jsonb argument."""


def error_from_sqlstate(
    sqlstate: str | None, message: str, *, hint: str | None = None, details: Details | None = None
) -> PgflowError | None:
    """Build the exception for *sqlstate*, or None when the code is not one of pgflow's.

    Postgres' own codes for a value that jsonb cannot hold become `NotStorableError`.
    """
    if sqlstate is None:
        return None
    if (known := ERRORS_BY_CODE.get(sqlstate)) is not None:
        return known(message, hint=hint, details=details)
    if sqlstate in _NOT_STORABLE:
        return NotStorableError(
            f"{_NOT_STORABLE[sqlstate]} ({message})",
            hint="remove it from the value before sending",
            details={"sqlstate": sqlstate},
        )
    if sqlstate == "42501":
        return ForbiddenError(message, hint="grant the caller a pgflow role, see docs/security.md")
    return None
