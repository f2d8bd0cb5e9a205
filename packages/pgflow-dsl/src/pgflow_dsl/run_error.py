"""What the failure handler is told: `error: RunError = flow.error`."""

from pydantic import BaseModel, ConfigDict


class RunError(BaseModel):
    """Why a run failed, as the worker or the engine wrote it down."""

    model_config = ConfigDict(frozen=True)

    message: str
    code: str | None = None
    """`PF603` and so on, where there is one; see docs/errors.md."""
    type: str | None = None
    """Name of the exception class in the worker."""
    step: str | None = None
    """Slug of the step that failed; None where it was no step, as with the deadline of the run."""
    task_index: int | None = None
    """Which item of a map step it was about, from 0."""
    traceback: str | None = None
