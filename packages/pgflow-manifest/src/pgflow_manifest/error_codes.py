"""The only table of SQLSTATEs: a test compares SQL sources, docs/errors.md and classes with it."""

from collections.abc import Mapping
from typing import Final

from pgflow_manifest.errors import Details, ForbiddenError, NotStorableError, PgflowError
from pgflow_manifest.task_errors import TaskError


def _classes_with_code(base: type[PgflowError]) -> dict[str, type[PgflowError]]:
    found: dict[str, type[PgflowError]] = {}
    for child in base.__subclasses__():
        if "code" in vars(child) and child.code is not None:
            found[child.code] = child
        found.update(_classes_with_code(child))
    return found


ERRORS_BY_CODE: Final[Mapping[str, type[PgflowError]]] = dict(
    sorted((_classes_with_code(PgflowError) | _classes_with_code(TaskError)).items())
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
