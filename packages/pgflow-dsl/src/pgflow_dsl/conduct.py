"""Read what a flow says of a step besides its handler: when it starts, and what if it fails.

Next: `conditions.py`, what `when` holds, and `conditional.py`, which checks it against the types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, get_args

from pgflow_dsl.conditions import Combining, Node, node_of, sources_in
from pgflow_dsl.handlers import check_owner
from pgflow_dsl.location import Location
from pgflow_manifest import HandlerSignatureError, OnFailure, OptionOutOfRangeError, WhenUnmet

if TYPE_CHECKING:
    from pgflow_dsl.flow import Flow
    from pgflow_dsl.source import Source

_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "when_unmet": get_args(WhenUnmet),
    "on_failure": get_args(OnFailure),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """When a step starts, and what follows when it does not, or fails."""

    when: Node | None = None
    when_unmet: WhenUnmet = "skip"
    on_failure: OnFailure = "fail"

    @property
    def sources(self) -> tuple[Source, ...]:
        """The parts of the payload and of results that the condition looks at."""
        return () if self.when is None else tuple(sources_in(self.when))

    @property
    def may_cascade(self) -> bool:
        """Whether the step can be skipped together with all that waits for it."""
        skipped_unmet = self.when is not None and self.when_unmet == "skip_cascade"
        return skipped_unmet or self.on_failure == "skip_cascade"

    @property
    def is_skipped_unmet(self) -> bool:
        """Whether the step is skipped, alone, when its condition does not hold."""
        return self.when is not None and self.when_unmet == "skip"


def read_conduct(
    flow: Flow[Any],
    location: Location,
    *,
    when: object = None,
    when_unmet: Any = None,
    on_failure: Any = None,
) -> Conduct:
    """Return what the options of a step say; None stands for one that was not given.

    Raises:
        HandlerSignatureError: *when* is no condition, or looks at what no step can.
        OptionOutOfRangeError: a word that an option does not have.
        UnknownDepError: the condition looks at another flow.
    """
    for name, word in (("when_unmet", when_unmet), ("on_failure", on_failure)):
        if word is not None and word not in _WORDS[name]:
            raise location.error(
                OptionOutOfRangeError,
                f"{name}={word!r} is out of range",
                hint=f"{name} takes {', '.join(map(repr, _WORDS[name]))}",
                option=name,
            )
    if when is None:
        if when_unmet is not None:
            raise location.error(
                HandlerSignatureError,
                f"`when_unmet={when_unmet!r}` has no condition that could be unmet",
                hint="add `when=...`, or remove it",
            )
        return Conduct(on_failure=on_failure or "fail")
    if not isinstance(when, Combining):
        raise location.error(
            HandlerSignatureError,
            f"`when` is {when!r}, which does not depend on the run",
            hint="compare a part of the payload or of a result, as in "
            "`when=flow.payload.kind == 'audio'`",
        )
    conduct = Conduct(
        when=node_of(when), when_unmet=when_unmet or "skip", on_failure=on_failure or "fail"
    )
    for source in conduct.sources:
        _check_source(source, flow, location)
    return conduct


def _check_source(source: Source, flow: Flow[Any], location: Location) -> None:
    check_owner("the condition looks at", source, flow, location)
    if source.kind in ("payload", "result") and not source.if_completed:
        return
    hint = "look at the payload, or at the result of a step"
    if source.if_completed:
        hint = f"write `{source.slug}.result`: the step waits for it"
    raise location.error(
        HandlerSignatureError,
        f"the condition looks at `{source}`, which is not known before the step starts",
        hint=hint,
        source=str(source),
    )
