"""Run a flow in memory: for users' unit tests, and as the oracle of the engine's own tests.

Arguments and results go through the same JSON as in production, so what cannot be stored fails
here too. Only what an un-annotated handler returned, while its type was not inferred, is handed on
as it is: a copy for each handler that takes it. There is no database, no lease and no waiting: the
back-off between attempts takes no time. Next: `replacements.py`, which calls the functions that
stand in for handlers.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, cast

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from pgflow_dsl.context import StepContext
from pgflow_dsl.outcomes import GiveUp
from pgflow_dsl.payloads import payload_document
from pgflow_dsl.replacements import Callee, Replacements, callees
from pgflow_dsl.source import Attribute, Source
from pgflow_dsl.step import Step
from pgflow_dsl.types.bound import R
from pgflow_dsl.types.decode import listed, problems_of
from pgflow_dsl.types.untyped import check_json_form
from pgflow_manifest import (
    ArgumentsInvalidError,
    HandlerTimeoutError,
    PgflowError,
    ResultInvalidError,
    TaskError,
)

if TYPE_CHECKING:
    from pgflow_dsl.flow import Flow

__all__ = [
    "FlowTestFailedError",
    "Replacements",
    "TestRun",
    "run_in_memory",
    "run_in_memory_blocking",
]


class FlowTestFailedError(PgflowError):
    """A step failed for good while a flow ran in memory.

    The exception of the handler is its `__cause__`.
    """

    def __init__(self, step: Step[Any], attempts: int, why: str) -> None:
        tries = "1 attempt" if attempts == 1 else f"{attempts} attempts"
        super().__init__(
            f"flow {step.flow_slug!r}: step {step.slug!r} failed after {tries}: {why}",
            hint="the exception above this one is the handler's own",
            details={"flow": step.flow_slug, "step": step.slug, "attempts": attempts},
        )
        self.flow_slug = step.flow_slug
        self.step_slug = step.slug
        self.attempts = attempts


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRun:
    """What a run in memory came to."""

    __test__: ClassVar[bool] = False  # pytest would collect it for its name

    run_id: uuid.UUID
    results: Mapping[str, Any]
    """The result of every step by slug, read back from JSON into its type; of a step without one,
    which only an un-annotated handler can be, what the handler returned."""
    output: Mapping[str, Any]
    """The results of the leaf steps by slug: the run output."""
    attempts: Mapping[str, int]
    """How many attempts each step took."""
    steps: Mapping[str, Step[Any]] = field(repr=False)

    def result(self, step: Step[R]) -> R:
        """Return the result of *step*; raises `KeyError` for a step of another flow."""
        if self.steps.get(step.slug) is not step:
            raise KeyError(f"{step!r} is not a step of the flow that was run")
        return cast("R", self.results[step.slug])


def run_in_memory_blocking(flow: Flow[Any], payload: Any, replace: Replacements) -> TestRun:
    """Do what `run_in_memory` does, from code that is not async."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(run_in_memory(flow, payload, replace))
    raise PgflowError(
        f"flow {flow.slug!r}: `flow.test` was called while an event loop is running",
        hint="in async code write `await flow.test_async(...)`",
    )


async def run_in_memory(flow: Flow[Any], payload: Any, replace: Replacements) -> TestRun:
    """Run *flow*, which must have been checked, and return every result.

    Raises:
        FlowTestFailedError: a step failed for good.
        PayloadInvalidError: *payload* does not fit.
        HandlerSignatureError: a replacement asks for an argument that the handler does not have.
    """
    run = _Run(flow, payload_document(flow, payload), callees(flow.steps, replace))
    await run.execute()
    waited_for = {dep for step in flow.steps.values() for dep in step.deps}
    return TestRun(
        run_id=run.run_id,
        results=run.results,
        output={slug: value for slug, value in run.results.items() if slug not in waited_for},
        attempts=run.attempts,
        steps=flow.steps,
    )


class _Run:
    def __init__(self, flow: Flow[Any], payload: Any, callees: Mapping[str, Callee]) -> None:
        self.run_id = uuid.uuid4()
        self.results: dict[str, Any] = {}
        self.attempts: dict[str, int] = {}
        self._flow = flow
        self._payload = payload
        self._callees = callees
        self._documents: dict[str, Any] = {}

    async def execute(self) -> None:
        tasks: dict[str, asyncio.Task[None]] = {}
        try:
            async with asyncio.TaskGroup() as group:
                for slug, step in self._flow.steps.items():
                    deps = [tasks[dep] for dep in step.deps]
                    tasks[slug] = group.create_task(self._run_step(step, deps), name=slug)
        except BaseExceptionGroup as failures:
            first = failures.exceptions[0]
            raise first from first.__cause__
        self.results = {slug: self.results[slug] for slug in self._flow.steps}

    async def _run_step(self, step: Step[Any], deps: list[asyncio.Task[None]]) -> None:
        for dep in deps:
            await dep
        most = step.options.max_attempts or self._flow.options.max_attempts
        attempt = 0
        while True:
            attempt += 1
            self.attempts[step.slug] = attempt
            try:
                self._keep(step, await self._attempt(step, attempt, most))
            except Exception as error:
                if attempt == most or not _is_retryable(error):
                    why = f"{type(error).__name__}: {error}"
                    raise FlowTestFailedError(step, attempt, why) from error
            else:
                return

    def _keep(self, step: Step[Any], value: object) -> None:
        if step.needs_inference:
            check_json_form(value, step.handler.title)
            self.results[step.slug] = value
            return
        text = step.encode_result(value)
        self.results[step.slug] = _read_back(step, text)
        self._documents[step.slug] = from_json(text)

    async def _attempt(self, step: Step[Any], attempt: int, most: int) -> object:
        timeout = step.options.timeout_seconds or self._flow.options.timeout_seconds
        arguments = self._arguments(step)
        if step.context_parameter is not None:
            arguments[step.context_parameter] = self._context(step, attempt, most, timeout)
        limit = asyncio.timeout(timeout)
        try:
            async with limit:
                return await self._callees[step.slug].call(arguments)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise HandlerTimeoutError(
                f"step {step.slug!r} ran longer than its timeout of {timeout:g} s",
                hint="raise the timeout of the step, or give it less work",
            ) from error

    def _arguments(self, step: Step[Any]) -> dict[str, Any]:
        known = step.known_arguments
        parts: dict[str, Any] = {}
        untyped: dict[str, Any] = {}
        for name, source in step.sources.items():
            if name not in known.paths and source.step is not None:
                untyped[name] = _taken(self.results[source.step.slug], name, source)
            else:
                whole = self._payload if source.step is None else self._documents[source.step.slug]
                parts[name] = _at(whole, known.paths[name])
        return {**known.decoder.decode(to_json(parts)), **untyped}

    def _context(
        self, step: Step[Any], attempt: int, most: int, timeout: float | None
    ) -> StepContext:
        facts = {"run_id": str(self.run_id), "step_slug": step.slug, "attempt": attempt}
        return StepContext(
            run_id=self.run_id,
            flow_slug=self._flow.slug,
            step_slug=step.slug,
            attempt=attempt,
            max_attempts=most,
            deadline=datetime.now(UTC) + timedelta(seconds=timeout) if timeout else None,
            idempotency_key=f"{self.run_id}/{step.slug}/0",
            lease_id=uuid.uuid4(),
            log=logging.LoggerAdapter(logging.getLogger("pgflow.test"), facts),
        )


def _read_back(step: Step[Any], text: bytes) -> Any:
    """Return the result as dependents see it; the database checks it by its schema (PF606)."""
    try:
        return step.decode_result(text)
    except ValidationError as error:
        raise ResultInvalidError(
            f"step {step.slug!r}: the result does not fit its own type: {listed(error)}",
            hint="return what the annotation says, or correct the annotation",
            details={"errors": [{"at": at, "message": text} for at, text in problems_of(error)]},
        ) from error


def _is_retryable(error: Exception) -> bool:
    if isinstance(error, TaskError):
        return error.retryable
    return not isinstance(error, GiveUp)


def _at(document: Any, path: tuple[str | int, ...]) -> Any:
    """Return the part of *document* at *path*, or None where it has none, as the engine does."""
    for key in path:
        try:
            document = document[key]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def _taken(result: Any, name: str, source: Source) -> Any:
    """Return a copy of what *source* takes from a result of which no type is known."""
    taken = result
    for part in source.parts:
        try:
            taken = getattr(taken, part.name) if isinstance(part, Attribute) else taken[part.key]
        except (AttributeError, LookupError, TypeError) as error:
            raise ArgumentsInvalidError(
                f"argument {name!r} takes `{source}`, which the result does not have: {error}",
                hint="take a part that is there, or the whole",
            ) from error
    return copy.deepcopy(taken)
