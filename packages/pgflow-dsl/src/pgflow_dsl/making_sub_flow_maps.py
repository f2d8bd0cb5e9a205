"""The part of `Flow` that makes maps of sub-flows: steps that start a run for each item of a list.

Next: `waiting.py`, which makes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast, overload

from pgflow_dsl.step import Step
from pgflow_dsl.types.bound import I, R
from pgflow_dsl.waiting import add_sub_flow
from pgflow_manifest import OnFailure, WhenUnmet

if TYPE_CHECKING:
    from pgflow_dsl.flow import Flow


class MakesSubFlowMaps:
    """What `Flow` has to make a run of another flow of each item of a list."""

    @overload
    def map_sub_flow(
        self,
        slug: str,
        flow: Flow[I],
        *,
        payload: I,
        result: Step[R],
        on_failure: Literal["fail", "skip_cascade"] = "fail",
        after: tuple[Step[Any], ...] = (),
        description: str = "",
    ) -> Step[list[R]]: ...

    @overload
    def map_sub_flow(
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
    ) -> Step[list[R]]: ...

    @overload
    def map_sub_flow(
        self,
        slug: str,
        flow: Flow[I],
        *,
        payload: I,
        result: Step[R],
        when: bool,
        when_unmet: Literal["skip"] = "skip",
        on_failure: Literal["fail", "skip_cascade"] = "fail",
        after: tuple[Step[Any], ...] = (),
        description: str = "",
    ) -> Step[list[R] | None]: ...

    @overload
    def map_sub_flow(
        self,
        slug: str,
        flow: Flow[I],
        *,
        payload: I,
        result: Step[R],
        on_failure: Literal["skip"],
        after: tuple[Step[Any], ...] = (),
        description: str = "",
    ) -> Step[list[R | None]]: ...

    @overload
    def map_sub_flow(
        self,
        slug: str,
        flow: Flow[I],
        *,
        payload: I,
        result: Step[R],
        when: bool,
        when_unmet: Literal["skip_cascade", "fail"],
        on_failure: Literal["skip"],
        after: tuple[Step[Any], ...] = (),
        description: str = "",
    ) -> Step[list[R | None]]: ...

    @overload
    def map_sub_flow(
        self,
        slug: str,
        flow: Flow[I],
        *,
        payload: I,
        result: Step[R],
        when: bool,
        when_unmet: Literal["skip"] = "skip",
        on_failure: Literal["skip"],
        after: tuple[Step[Any], ...] = (),
        description: str = "",
    ) -> Step[list[R | None] | None]: ...

    def map_sub_flow(
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
        """Make a step that starts a run of *flow* for each item of a list.

        Its result is the list of the results of a step of these runs, in the order of the items;
        of no items, an empty one. A thousand of the runs are open at a time, and the next begin as
        these end. Each is what `sub_flow` says of a run. When one of them fails or is cancelled,
        so does the step, and the others are cancelled, unless *on_failure* says else.

        Args:
            slug: the name of the step.
            flow: the flow to start.
            payload: the item, or a part of it: `split.each`, `each[flow.payload.orders].id`.
            result: the step of *flow* of whose results the list is made.
            when: as for `step`; it decides about the whole map.
            when_unmet: as for `step`.
            on_failure: what if the run of an item does not complete: the run of this flow fails
                (`fail`); None stands in the list in its place (`skip`); the map and all that
                follows is skipped (`skip_cascade`).
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
            of_items=True,
        )
