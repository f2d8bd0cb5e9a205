"""Call handlers, and the functions that a test puts in their place.

A replacement names only those of the handler's arguments that it wants. Next: `in_memory_tasks.py`.
"""

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from pgflow_dsl.step import Step
from pgflow_manifest import DefinitionError, HandlerSignatureError

_T = TypeVar("_T")

Replacements: TypeAlias = Mapping[Step[Any], Callable[..., object]]
"""By step, the function to call instead of its handler."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callee:
    """A function that gives the result of a step."""

    fn: Callable[..., Any]
    is_async: bool
    takes: frozenset[str] | None
    """The arguments it is given; None for all."""

    async def call(self, arguments: Mapping[str, Any]) -> object:
        """Return what the function returns; a sync one runs in a thread, as in the worker.

        Cancelled, it leaves the thread to itself.
        """
        given = {
            name: value
            for name, value in arguments.items()
            if self.takes is None or name in self.takes
        }
        if self.is_async:
            value = self.fn(**given)
        else:
            value, error = await _in_thread(lambda: _outcome(self.fn, given))
            if error is not None:
                raise error
        return await value if inspect.isawaitable(value) else value


async def _in_thread(call: Callable[[], _T]) -> _T:
    """Return what *call*, which must not raise, returns, from a thread of its own.

    Not `asyncio.to_thread`: of its few threads handlers would wait for each other, which counts
    for their timeouts, and one that hangs would keep the test from ending.
    """
    future: Future[_T] = Future()
    future.set_running_or_notify_cancel()
    context = contextvars.copy_context()
    threading.Thread(
        target=lambda: future.set_result(context.run(call)), name="pgflow-test", daemon=True
    ).start()
    return await asyncio.wrap_future(future)


def _outcome(
    fn: Callable[..., Any], arguments: Mapping[str, Any]
) -> tuple[Any, BaseException | None]:
    """Return what *fn* returned or raised: a future would change some exceptions on the way."""
    try:
        return fn(**arguments), None
    except BaseException as error:
        return None, error


def callees(steps: Iterable[Step[Any]], replace: Replacements) -> dict[Step[Any], Callee]:
    """Return what to call for every step that has a handler or is replaced.

    Raises:
        DefinitionError: something is to be replaced that is no step of the flow.
        HandlerSignatureError: a replacement that cannot be called with the handler's arguments.
    """
    known = list(steps)
    for step in replace:
        if not any(step is other for other in known):
            raise DefinitionError(
                f"`replace` has the key {step!r}, which is not a step of the flow",
                hint="use the steps themselves as keys; the flow has "
                + ", ".join(other.slug for other in known),
            )
    return {
        step: _replacement(step, replace[step])
        if step in replace
        else Callee(fn=step.fn, is_async=step.is_async, takes=None)
        for step in known
        if step in replace or step.has_handler
    }


def _replacement(step: Step[Any], fn: Callable[..., object]) -> Callee:
    if not callable(fn):
        raise HandlerSignatureError(
            f"step {step.slug!r} is to be replaced by a `{type(fn).__name__}`, which cannot be "
            "called",
            hint=f"write `{{{step.slug}: lambda: value}}`",
        )
    parameters = inspect.signature(fn).parameters.values()
    offered = {*step.sources, *([step.context_parameter] if step.context_parameter else [])}
    for parameter in parameters:
        positional = parameter.kind is parameter.POSITIONAL_ONLY
        unknown = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY) and (
            parameter.name not in offered
        )
        if parameter.default is parameter.empty and (positional or unknown):
            raise HandlerSignatureError(
                f"the replacement of step {step.slug!r} takes {parameter.name!r}, which the "
                "handler does not" + (" by name" if positional else ""),
                hint=f"take some of {', '.join(sorted(offered)) or 'no arguments'}",
            )
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    return Callee(
        fn=fn,
        is_async=inspect.iscoroutinefunction(fn),
        takes=None if takes_all else frozenset(p.name for p in parameters) & offered,
    )
