"""Why an attempt of a task failed, or a step that has none; kept with attempt, step and run."""

from typing import ClassVar

from pgflow_manifest.errors import PgflowError


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
