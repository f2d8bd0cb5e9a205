"""The decorator `@flow.map`, with its types; the rules of `making_steps.py` hold."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from pgflow_dsl.decorators import (
    GappyMapDecorator,
    MapDecorator,
    SkippableGappyMapDecorator,
    SkippableMapDecorator,
)
from pgflow_dsl.defining import maker
from pgflow_dsl.step import Step
from pgflow_dsl.types.bound import R
from pgflow_manifest import Backoff, OnFailure, WhenUnmet

if TYPE_CHECKING:
    from pgflow_dsl.flow import Flow


class MakesMaps:
    """What `Flow` has to make map steps of handlers."""

    @overload
    def map(self, fn: Callable[[], Awaitable[R]], /) -> Step[list[R]]: ...

    @overload
    def map(self, fn: Callable[[], R], /) -> Step[list[R]]: ...

    @overload
    def map(
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
    ) -> MapDecorator: ...

    @overload
    def map(
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
    ) -> MapDecorator: ...

    @overload
    def map(
        self,
        /,
        *,
        when: bool,
        when_unmet: Literal["skip"] = "skip",
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
    ) -> SkippableMapDecorator: ...

    @overload
    def map(
        self,
        /,
        *,
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
    ) -> GappyMapDecorator: ...

    @overload
    def map(
        self,
        /,
        *,
        when: bool,
        when_unmet: Literal["skip_cascade", "fail"],
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
    ) -> GappyMapDecorator: ...

    @overload
    def map(
        self,
        /,
        *,
        when: bool,
        when_unmet: Literal["skip"] = "skip",
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
    ) -> SkippableGappyMapDecorator: ...

    def map(
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
    ) -> Any:
        """Make a map step of the handler below, which runs once for each item of a list.

        Some argument takes the item, `word: str = words.each`, or `each[...]` around any list of
        the payload or a result. Every item has attempts and a timeout of its own. The result is
        the list of what the handler returned, in the order of the items; of no items, an empty one.

        Args:
            fn: the handler, when used without options.
            when: as for `step`; it decides about the whole map.
            when_unmet: as for `step`.
            on_failure: what if an item fails for good: the run fails (`fail`); None stands in the
                list in its place (`skip`); the map and all that follows is skipped
                (`skip_cascade`).
            slug: as for `step`, as are the other options; each holds for every item.
            max_attempts: as for the flow.
            base_delay: as for the flow.
            max_delay: as for the flow.
            backoff: as for the flow.
            jitter: as for the flow.
            timeout: as for the flow.
            start_delay: as for `step`.
            max_result_bytes: how large the result of one item may be.
            after: as for `step`.

        Raises:
            DefinitionError: a subclass says what is wrong with slug, arguments, types or condition.
            OptionOutOfRangeError: an option is out of range.
        """
        make = maker(
            cast("Flow[Any]", self),
            "map",
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
        return MapDecorator(make) if fn is None else make(fn)
