"""The decorators of a flow, `@flow.step` and `@flow.on_failure`, with their types.

They ask for a callable without required arguments, so a forgotten source is a type error, and each
default is checked against its annotation by the ordinary rule of the language (`typing_tests/`).
Two overloads, one for what is awaited: see `decorators.py`. The others say which options let a
step be skipped, so that dependents find None. All parameters are written out, since not every
checker reports an unknown one through `Unpack`. Next: `making_maps.py`, which has
`@flow.map`, and `defining.py`, which does the work.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from pgflow_dsl.decorators import SkippableStepDecorator, StepDecorator
from pgflow_dsl.defining import maker
from pgflow_dsl.making_maps import MakesMaps
from pgflow_dsl.step import Step
from pgflow_dsl.types.bound import R
from pgflow_manifest import Backoff, OnFailure, WhenUnmet

if TYPE_CHECKING:
    from pgflow_dsl.flow import Flow


class MakesSteps(MakesMaps):
    """What `Flow` has to make steps of handlers."""

    steps: dict[str, Step[Any]]
    """The steps by slug, in the order of their definition; the failure handler among them."""

    @overload
    def step(self, fn: Callable[[], Awaitable[R]], /) -> Step[R]: ...

    @overload
    def step(self, fn: Callable[[], R], /) -> Step[R]: ...

    @overload
    def step(
        self,
        /,
        *,
        on_failure: Literal["fail", "skip_cascade"] = "fail",
        slug: str | None = None,
        max_attempts: int | None = None,
        base_delay: float | None = None,
        max_delay: float | None = None,
        backoff: Backoff | None = None,
        jitter: float | None = None,
        timeout: float | None = None,
        start_delay: float = 0,
        max_result_bytes: int | None = None,
        after: tuple[Step[Any], ...] = (),
    ) -> StepDecorator: ...

    @overload
    def step(
        self,
        /,
        *,
        when: bool,
        when_unmet: Literal["skip_cascade", "fail"],
        on_failure: Literal["fail", "skip_cascade"] = "fail",
        slug: str | None = None,
        max_attempts: int | None = None,
        base_delay: float | None = None,
        max_delay: float | None = None,
        backoff: Backoff | None = None,
        jitter: float | None = None,
        timeout: float | None = None,
        start_delay: float = 0,
        max_result_bytes: int | None = None,
        after: tuple[Step[Any], ...] = (),
    ) -> StepDecorator: ...

    @overload
    def step(
        self,
        /,
        *,
        when: bool,
        when_unmet: Literal["skip"] = "skip",
        on_failure: OnFailure = "fail",
        slug: str | None = None,
        max_attempts: int | None = None,
        base_delay: float | None = None,
        max_delay: float | None = None,
        backoff: Backoff | None = None,
        jitter: float | None = None,
        timeout: float | None = None,
        start_delay: float = 0,
        max_result_bytes: int | None = None,
        after: tuple[Step[Any], ...] = (),
    ) -> SkippableStepDecorator: ...

    @overload
    def step(
        self,
        /,
        *,
        when: bool = ...,
        when_unmet: WhenUnmet = ...,
        on_failure: Literal["skip"],
        slug: str | None = None,
        max_attempts: int | None = None,
        base_delay: float | None = None,
        max_delay: float | None = None,
        backoff: Backoff | None = None,
        jitter: float | None = None,
        timeout: float | None = None,
        start_delay: float = 0,
        max_result_bytes: int | None = None,
        after: tuple[Step[Any], ...] = (),
    ) -> SkippableStepDecorator: ...

    def step(
        self,
        fn: Callable[..., Any] | None = None,
        /,
        *,
        when: bool | None = None,
        when_unmet: WhenUnmet | None = None,
        on_failure: OnFailure | None = None,
        slug: str | None = None,
        max_attempts: int | None = None,
        base_delay: float | None = None,
        max_delay: float | None = None,
        backoff: Backoff | None = None,
        jitter: float | None = None,
        timeout: float | None = None,
        start_delay: float = 0,
        max_result_bytes: int | None = None,
        after: tuple[Step[Any], ...] = (),
    ) -> Step[Any] | StepDecorator | SkippableStepDecorator:
        """Make a step of the handler below: `@flow.step` or `@flow.step(max_attempts=5)`.

        Args:
            fn: the handler, when used without options.
            when: what must hold for the step to start, once its deps have ended: a comparison of
                parts of the payload and of results, joined by `&` and `|`.
            when_unmet: what if it does not hold: the step is skipped, and None stands for its
                result (`skip`); so is all that follows it (`skip_cascade`); the run fails.
            on_failure: what if the step fails for good: the run fails, or as for `when_unmet`.
            slug: the name in the database; the handler's name unless given. Keep it when you
                rename the function, or the next deploy makes another step.
            max_attempts: as for the flow; None takes the flow's, as with all options.
            base_delay: as for the flow.
            max_delay: as for the flow.
            backoff: as for the flow.
            jitter: as for the flow.
            timeout: as for the flow.
            start_delay: the seconds that the first attempt waits once the step is ready.
            max_result_bytes: as for the flow.
            after: steps that must end first though no argument takes their result.

        Raises:
            DefinitionError: a subclass says what is wrong with slug, arguments, types or condition.
            OptionOutOfRangeError: an option is out of range.
        """
        make = maker(
            cast("Flow[Any]", self),
            "single",
            slug=slug,
            after=after,
            conduct={"when": when, "when_unmet": when_unmet, "on_failure": on_failure},
            options={
                "max_attempts": max_attempts,
                "base_delay": base_delay,
                "max_delay": max_delay,
                "backoff": backoff,
                "jitter": jitter,
                "timeout": timeout,
                "start_delay": start_delay,
                "max_result_bytes": max_result_bytes,
            },
        )
        return StepDecorator(make) if fn is None else make(fn)

    @overload
    def on_failure(self, fn: Callable[[], Awaitable[R]], /) -> Step[R]: ...

    @overload
    def on_failure(self, fn: Callable[[], R], /) -> Step[R]: ...

    @overload
    def on_failure(
        self,
        /,
        *,
        slug: str | None = None,
        max_attempts: int | None = None,
        base_delay: float | None = None,
        max_delay: float | None = None,
        backoff: Backoff | None = None,
        jitter: float | None = None,
        timeout: float | None = None,
    ) -> StepDecorator: ...

    def on_failure(
        self,
        fn: Callable[..., Any] | None = None,
        /,
        *,
        slug: str | None = None,
        max_attempts: int | None = None,
        base_delay: float | None = None,
        max_delay: float | None = None,
        backoff: Backoff | None = None,
        jitter: float | None = None,
        timeout: float | None = None,
    ) -> Step[Any] | StepDecorator:
        """Run the handler below once a run has failed and all of it has ended; one in a flow.

        Its arguments take `flow.error`, `flow.payload` and, of steps, `step.if_completed`. The run
        stays failed, whatever becomes of the handler.

        Args:
            fn: the handler, when used without options.
            slug: as for `step`, as are the other options.
            max_attempts: as for the flow.
            base_delay: as for the flow.
            max_delay: as for the flow.
            backoff: as for the flow.
            jitter: as for the flow.
            timeout: as for the flow.

        Raises:
            DefinitionError: a subclass says what is wrong with slug, arguments or types.
            OptionOutOfRangeError: an option is out of range.
        """
        make = maker(
            cast("Flow[Any]", self),
            "failure",
            slug=slug,
            options={
                "max_attempts": max_attempts,
                "base_delay": base_delay,
                "max_delay": max_delay,
                "backoff": backoff,
                "jitter": jitter,
                "timeout": timeout,
            },
        )
        return StepDecorator(make) if fn is None else make(fn)

    @property
    def failure_handler(self) -> Step[Any] | None:
        """The step that runs once a run has failed, if the flow has one."""
        return next((step for step in self.steps.values() if step.kind == "failure"), None)
