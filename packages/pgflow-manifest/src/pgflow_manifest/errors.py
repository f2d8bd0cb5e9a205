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

The last family is in task_errors.py. The docstring of a class is its default message. Next:
error_codes.py, the table of codes.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

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
