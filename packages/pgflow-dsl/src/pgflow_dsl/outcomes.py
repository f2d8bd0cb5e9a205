"""What a handler may raise to say how its attempt ended.

Any other exception also fails the attempt and is retried; these two say more. `Cancelled` is what
`StepContext.raise_if_cancelled` raises. They are no `PgflowError`s: nothing went wrong in pgflow.
"""


class Retry(Exception):  # noqa: N818 - a signal, not an error
    """Fail this attempt and ask for another one, at a time of your choosing.

    Args:
        reason: kept with the attempt, so that `pgflow runs show` can tell.
        after: seconds until the next attempt; None for the back-off of the step's options.

    It counts as an attempt: once `max_attempts` are used up the step fails.
    """

    def __init__(self, reason: str, after: float | None = None) -> None:
        if after is not None and not 0 <= after < float("inf"):
            raise ValueError(f"Retry(after={after!r}): seconds must be a number of 0 or more")
        self.reason = reason
        self.after = after
        super().__init__(reason)


class GiveUp(Exception):  # noqa: N818 - a signal, not an error
    """Fail the step now, whatever attempts are left: another one would end the same.

    Args:
        reason: kept with the attempt and shown as the error of the run.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Cancelled(BaseException):
    """Leave the handler: its run was cancelled, failed, or its lease is over.

    A `BaseException`, so that an `except Exception` around the work does not swallow it.
    """
