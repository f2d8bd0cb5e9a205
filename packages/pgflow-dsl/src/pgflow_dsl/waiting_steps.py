"""The part of `Flow` that makes steps which wait: for a signal, a time, or another run.

Next: `waiting.py`, which makes them.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from pgflow_dsl.step import Step
from pgflow_dsl.types.bound import I, R
from pgflow_dsl.waiting import add_signal, add_sleep, add_sub_flow
from pgflow_manifest import OnFailure, WhenUnmet

if TYPE_CHECKING:
    from pgflow_dsl.flow import Flow


class WaitingSteps:
    """What `Flow` offers besides steps with a handler."""

    @overload
    def signal(
        self,
        slug: str,
        payload: type[R],
        *,
        timeout: None = None,
        after: tuple[Step[Any], ...] = (),
        description: str = "",
    ) -> Step[R]: ...

    @overload
    def signal(
        self,
        slug: str,
        payload: type[R],
        *,
        when: bool,
        when_unmet: Literal["skip_cascade", "fail"],
        timeout: None = None,
        after: tuple[Step[Any], ...] = (),
        description: str = "",
    ) -> Step[R]: ...

    @overload
    def signal(
        self,
        slug: str,
        payload: type[R],
        *,
        when: bool,
        when_unmet: Literal["skip"] = "skip",
        timeout: float | None = None,
        after: tuple[Step[Any], ...] = (),
        description: str = "",
    ) -> Step[R | None]: ...

    @overload
    def signal(
        self,
        slug: str,
        payload: type[R],
        *,
        when: bool = ...,
        when_unmet: WhenUnmet = ...,
        timeout: float,
        after: tuple[Step[Any], ...] = (),
        description: str = "",
    ) -> Step[R | None]: ...

    def signal(
        self,
        slug: str,
        payload: type[R],
        *,
        when: bool | None = None,
        when_unmet: WhenUnmet | None = None,
        timeout: float | None = None,
        after: tuple[Step[Any], ...] = (),
        description: str = "",
    ) -> Step[Any]:
        """Make a step that completes when a signal is sent to the run; no handler waits for it.

        `client.signal(run, slug, payload)` sends it, as do `pgflow runs signal` and the SQL
        function `pgflow.send_signal`. It may be sent before the step waits.

        Args:
            slug: the name of step and signal.
            payload: the type of what is sent, which is the result of the step. Whatever does not
                fit is refused, and the step goes on waiting.
            when: what must hold for it to wait at all, as for `step`.
            when_unmet: what if it does not hold, as for `step`; then nothing can be sent any more.
            timeout: for how many seconds the step waits; then its result is None.
            after: steps that must complete before it waits.
            description: for people, such as in `pgflow graph`.

        Raises:
            DefinitionError: a subclass says what is wrong with slug or type.
            OptionOutOfRangeError: *timeout* is out of range.
        """
        return add_signal(
            cast("Flow[Any]", self),
            slug,
            payload,
            timeout=timeout,
            conduct={"when": when, "when_unmet": when_unmet},
            after=after,
            description=description,
        )

    @overload
    def sleep(
        self,
        slug: str,
        *,
        seconds: float | None = None,
        until: datetime | float | None = None,
        after: tuple[Step[Any], ...] = (),
        description: str = "",
    ) -> Step[None]: ...

    @overload
    def sleep(
        self,
        slug: str,
        *,
        when: bool,
        when_unmet: WhenUnmet = "skip",
        seconds: float | None = None,
        until: datetime | float | None = None,
        after: tuple[Step[Any], ...] = (),
        description: str = "",
    ) -> Step[None]: ...

    def sleep(
        self,
        slug: str,
        *,
        when: bool | None = None,
        when_unmet: WhenUnmet | None = None,
        seconds: float | None = None,
        until: datetime | float | None = None,
        after: tuple[Step[Any], ...] = (),
        description: str = "",
    ) -> Step[None]:
        """Make a step that completes when a time has come; no worker waits for it.

        Args:
            slug: the name of the step.
            when: what must hold for it to take time, as for `step`.
            when_unmet: what if it does not hold, as for `step`.
            seconds: how long it takes from when its deps have completed; or:
            until: where its end stands, such as `plan.result.at` or `flow.payload.at`: a time with
                its offset, or a number of seconds. One that is past ends the sleep at once.
            after: steps that must complete first.
            description: for people, such as in `pgflow graph`.

        Raises:
            DefinitionError: a subclass says what is wrong.
        """
        return add_sleep(
            cast("Flow[Any]", self),
            slug,
            seconds=seconds,
            until=until,
            conduct={"when": when, "when_unmet": when_unmet},
            after=after,
            description=description,
        )

    @overload
    def sub_flow(
        self,
        slug: str,
        flow: Flow[I],
        *,
        payload: I,
        result: Step[R],
        on_failure: Literal["fail", "skip_cascade"] = "fail",
        after: tuple[Step[Any], ...] = (),
        description: str = "",
    ) -> Step[R]: ...

    @overload
    def sub_flow(
        self,
        slug: str,
        flow: Flow[I],
        *,
        payload: I,
        result: Step[R],
        when: bool,
        when_unmet: Literal["skip_cascade", "fail"],
        on_failure: Literal["fail", "skip_cascade"] = "fail",
        after: tuple[Step[Any], ...] = (),
        description: str = "",
    ) -> Step[R]: ...

    @overload
    def sub_flow(
        self,
        slug: str,
        flow: Flow[I],
        *,
        payload: I,
        result: Step[R],
        when: bool,
        when_unmet: Literal["skip"] = "skip",
        on_failure: OnFailure = "fail",
        after: tuple[Step[Any], ...] = (),
        description: str = "",
    ) -> Step[R | None]: ...

    @overload
    def sub_flow(
        self,
        slug: str,
        flow: Flow[I],
        *,
        payload: I,
        result: Step[R],
        when: bool = ...,
        when_unmet: WhenUnmet = ...,
        on_failure: Literal["skip"],
        after: tuple[Step[Any], ...] = (),
        description: str = "",
    ) -> Step[R | None]: ...

    def sub_flow(
        self,
        slug: str,
        flow: Flow[I],
        *,
        payload: I,
        result: Step[R],
        when: bool | None = None,
        when_unmet: WhenUnmet | None = None,
        on_failure: OnFailure = "fail",
        after: tuple[Step[Any], ...] = (),
        description: str = "",
    ) -> Step[Any]:
        """Make a step that starts a run of *flow* and completes with the result of a step of it.

        The run is one of its own, of the current version of *flow*; it has the owner of this one.
        It is cancelled when this one ends early; when it fails or is cancelled, the step fails.

        Args:
            slug: the name of the step.
            flow: the flow to start.
            payload: where the payload is: `plan.result`, `flow.payload.memo`.
            result: the step of *flow* whose result this step has.
            when: what must hold for the run to be started, as for `step`.
            when_unmet: what if it does not hold, as for `step`.
            on_failure: what follows when the run does not complete, as for `step`.
            after: steps that must complete first.
            description: for people, such as in `pgflow graph`.

        Raises:
            DefinitionError: a subclass says what is wrong.
        """
        return add_sub_flow(
            cast("Flow[Any]", self),
            slug,
            flow,
            payload=payload,
            result=result,
            conduct={"when": when, "when_unmet": when_unmet, "on_failure": on_failure},
            after=after,
            description=description,
        )
