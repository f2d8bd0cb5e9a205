"""`Flow`: the object a flow module is about.

    flow = Flow("voice_memo", payload=VoiceMemo)

    @flow.step
    async def transcribe(memo: VoiceMemo = flow.payload) -> Transcription: ...

    @flow.step(max_attempts=5)
    def capitalize(text: str = transcribe.result.transcription) -> str: ...

Every argument names its source as its default. The decorators ask for a callable without required
arguments, so a forgotten source is a type error, and each default is checked against its annotation
by the ordinary rule of the language (`typing_tests/`). They take a union of two callables: with one
that returns `R | Awaitable[R]`, mypy joins the members of a union or a Literal to their base class.
Next: `step.py`, then `source.py`, `handlers.py`, `binding.py` and `compile.py`.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, cast, overload

from pgflow_dsl.compile import compile_flow
from pgflow_dsl.context import StepContext
from pgflow_dsl.handlers import read_handler
from pgflow_dsl.in_memory import Replacements, TestRun, run_in_memory, run_in_memory_blocking
from pgflow_dsl.location import Location, location_of_caller, user_frame
from pgflow_dsl.options import flow_options, step_options
from pgflow_dsl.source import Ref, Source
from pgflow_dsl.step import Step
from pgflow_dsl.types.bound import I, R
from pgflow_dsl.types.json_type import JsonType, NotYetDefinedError, payload_type
from pgflow_manifest import (
    DefinitionError,
    DuplicateStepError,
    FlowSpec,
    HandlerSignatureError,
    InvalidSlugError,
    ResultTypeError,
    UnknownDepError,
    slug_problem,
)


class StepDecorator:
    """What `@flow.step(...)` with options gives: it makes a step of the handler below it."""

    def __init__(self, make: Callable[[Callable[..., Any]], Step[Any]]) -> None:
        self._make = make

    def __call__(self, fn: Callable[[], Awaitable[R]] | Callable[[], R], /) -> Step[R]:
        """Make a step of *fn*; errors as `Flow.step`."""
        return cast("Step[R]", self._make(fn))


class Flow(Generic[I]):
    """Define a DAG of steps, once, for workers, clients and the database.

    Args:
        slug: the name in the database; letters, digits and underscores.
        payload: the type of what a run starts with: a pydantic model, a dataclass, a TypedDict or
            a JSON type.
        description: for people, such as in `pgflow status`.
        max_attempts: how often a task is tried in all.
        base_delay: seconds before the second attempt; doubles with each further one.
        max_delay: the most seconds between two attempts.
        jitter: the share of the delay that is random, 0 to 1.
        timeout: the seconds one attempt may take; None for as long as it likes.
        client_startable: whether the role `pgflow_client` may start runs.

    Raises:
        InvalidSlugError: *slug* breaks the slug rule.
        OptionOutOfRangeError: an option is out of range.
        ResultTypeError: *payload* has no exact JSON form.
    """

    def __init__(
        self,
        slug: str,
        *,
        payload: type[I],
        description: str = "",
        max_attempts: int = 3,
        base_delay: float = 1.0,
        max_delay: float = 300.0,
        jitter: float = 0.5,
        timeout: float | None = None,
        client_startable: bool = False,
    ) -> None:
        self.location = location_of_caller(slug)
        _check_slug(slug, self.location)
        self.slug = slug
        self.payload_type = payload
        self.description = description
        self.client_startable = client_startable
        self.options = flow_options(
            self.location,
            max_attempts=max_attempts,
            base_delay=base_delay,
            max_delay=max_delay,
            jitter=jitter,
            timeout=timeout,
        )
        self.steps: dict[str, Step[Any]] = {}
        """The steps by slug, in the order of their definition."""
        self._payload_json_type: JsonType | None = None
        try:
            self.payload_json_type()
        except NotYetDefinedError:
            # Checked again once the module is complete: see `check`.
            self._payload_json_type = None

    def __repr__(self) -> str:
        return f"<flow {self.slug!r}>"

    @property
    def payload(self) -> I:
        """The payload, as the default of an argument; `.field` and `[key]` take a part of it."""
        return cast("I", Ref(Source(kind="payload", flow=self)))

    @property
    def context(self) -> StepContext:
        """The context of the attempt, as the default of an argument."""
        return cast("StepContext", Ref(Source(kind="context", flow=self)))

    @overload
    def step(self, fn: Callable[[], Awaitable[R]] | Callable[[], R], /) -> Step[R]: ...

    @overload
    def step(
        self,
        /,
        *,
        slug: str | None = None,
        max_attempts: int | None = None,
        base_delay: float | None = None,
        max_delay: float | None = None,
        jitter: float | None = None,
        timeout: float | None = None,
        after: tuple[Step[Any], ...] = (),
    ) -> StepDecorator: ...

    def step(
        self,
        fn: Callable[..., Any] | None = None,
        /,
        *,
        slug: str | None = None,
        max_attempts: int | None = None,
        base_delay: float | None = None,
        max_delay: float | None = None,
        jitter: float | None = None,
        timeout: float | None = None,
        after: tuple[Step[Any], ...] = (),
    ) -> Step[Any] | StepDecorator:
        """Make a step of the handler below: `@flow.step` or `@flow.step(max_attempts=5)`.

        Args:
            fn: the handler, when used without options.
            slug: the name in the database; the handler's name unless given. Keep it when you
                rename the function, or the next deploy makes another step.
            max_attempts: as for the flow; None takes the flow's, as with all options.
            base_delay: as for the flow.
            max_delay: as for the flow.
            jitter: as for the flow.
            timeout: as for the flow.
            after: steps that must complete first though no argument takes their result.

        Raises:
            DefinitionError: a subclass says what is wrong with slug, arguments or types.
            OptionOutOfRangeError: an option is out of range.
        """
        options = {
            "max_attempts": max_attempts,
            "base_delay": base_delay,
            "max_delay": max_delay,
            "jitter": jitter,
            "timeout": timeout,
        }

        def make(handler: Callable[..., Any]) -> Step[Any]:
            name: str = getattr(handler, "__name__", type(handler).__name__)
            return self._add(handler, name if slug is None else slug, options, after)

        return StepDecorator(make) if fn is None else make(fn)

    def _add(
        self,
        fn: Callable[..., Any],
        slug: str,
        options: Mapping[str, Any],
        after: tuple[Step[Any], ...],
    ) -> Step[Any]:
        location = self.location.at_step(slug, fn)
        _check_slug(slug, location)
        if (other := self.steps.get(slug)) is not None:
            raise location.error(
                DuplicateStepError,
                f"the flow already has a step {slug!r}, at {other.location.at}",
                hint='rename the handler, or give it `@flow.step(slug="another_slug")`',
            )
        step = Step[Any](
            slug=slug,
            flow=self,
            handler=read_handler(fn, self, location),
            options=step_options(location, **options),
            after=self._checked_after(after, location),
            local_names=_local_names(fn),
        )
        step.bind_early()
        self.steps[slug] = step
        return step

    def _checked_after(self, after: Any, location: Location) -> tuple[Step[Any], ...]:
        if not isinstance(after, tuple | list):
            raise location.error(
                HandlerSignatureError,
                f"`after` is a `{type(after).__name__}`, not a tuple of steps",
                hint="write `after=(first, second)`, or `after=(first,)` for a single step",
            )
        steps = tuple(cast("list[Any]", after))
        for step in steps:
            if not isinstance(step, Step):
                raise location.error(
                    HandlerSignatureError,
                    f"`after` holds a `{type(step).__name__}`, which is not a step",
                    hint="name the steps themselves, not their results or slugs",
                )
            if self.steps.get(step.slug) is not step:
                raise location.error(
                    UnknownDepError,
                    f"`after` names step {step.slug!r}, which belongs to flow {step.flow_slug!r}",
                    hint="a step can only wait for steps of its own flow",
                )
        return steps

    def payload_json_type(self) -> JsonType:
        """Return the type of the payload with its schema; raises `NotYetDefinedError`."""
        if self._payload_json_type is None:
            self._payload_json_type = payload_type(self.payload_type, self.location)
        return self._payload_json_type

    def check(self) -> None:
        """Check what could not be checked while the module was being imported.

        Raises:
            DefinitionError: a subclass says what is wrong.
        """
        try:
            self.payload_json_type()
        except NotYetDefinedError as error:
            raise self.location.error(
                ResultTypeError,
                f"the payload type cannot be resolved: {error.name}",
                hint="import or define the name at module level, not under `TYPE_CHECKING`",
            ) from error
        if not self.steps:
            raise self.location.error(
                DefinitionError,
                "the flow has no steps",
                hint="write `@flow.step` above a handler",
            )
        for step in self.steps.values():
            _ = step.binding

    def compile(self) -> FlowSpec:
        """Return what stands in the manifest about this flow, with digests.

        Raises:
            DefinitionError: the definition is wrong; see `check`.
        """
        self.check()
        return compile_flow(self)

    def test(self, payload: I, *, replace: Replacements | None = None) -> TestRun:
        """Run the whole flow in this process, without a database, and return every result.

        Args:
            payload: what the run starts with.
            replace: for steps that must not really run, functions to call instead; each takes the
                arguments of the handler that it names, or none.

        Raises:
            FlowTestFailedError: a step failed for good; the exception of the handler is its cause.
            PayloadInvalidError: *payload* does not fit its type.
        """
        self.check()
        return run_in_memory_blocking(self, payload, replace or {})

    async def test_async(self, payload: I, *, replace: Replacements | None = None) -> TestRun:
        """Do what `test` does from within async code."""
        self.check()
        return await run_in_memory(self, payload, replace or {})


def _check_slug(slug: object, location: Location) -> None:
    problem = slug_problem(slug) if isinstance(slug, str) else f"{slug!r} is not a text"
    if problem is not None:
        raise location.error(
            InvalidSlugError,
            problem,
            hint="use letters, digits and underscores; the slug is the name in the database",
        )


def _local_names(fn: Callable[..., Any]) -> Mapping[str, Any] | None:
    """Return the names of the function in which *fn* is defined, for annotations kept as text."""
    frame = user_frame()
    is_module_level = frame.f_locals is frame.f_globals
    inner = inspect.unwrap(fn)
    if is_module_level or getattr(inner, "__globals__", None) is not frame.f_globals:
        return None
    return dict(frame.f_locals)
