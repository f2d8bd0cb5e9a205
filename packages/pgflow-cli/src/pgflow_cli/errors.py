"""Errors of the command line itself; the others come from the packages it calls."""

from pgflow_cli import exit_codes
from pgflow_manifest import PgflowError


class CommandError(PgflowError):
    """A command could not do what was asked; *exit_code* is how the process ends."""

    def __init__(
        self, message: str, *, hint: str | None = None, exit_code: int = exit_codes.FAILED
    ) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code
