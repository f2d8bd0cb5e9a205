"""What changes about when a step runs, and what follows when it does not: part of `changes.py`.

Runs that have begun stay on their version. So what counts is who reads results of later runs: null
where there was a result before breaks them, another moment does not.
"""

from collections.abc import Iterator
from typing import Final, Literal

from pgflow_manifest.models import FlowSpec, StepSpec
from pgflow_manifest.shown_conditions import shown_condition, shown_source
from pgflow_manifest.subtyping import schema_difference

FIELDS: Final = frozenset(
    {"when", "when_unmet", "on_failure", "seconds", "until", "flow", "flow_step"}
)
"""The fields of a step that are compared here."""


def conduct_changes(
    old: StepSpec, new: StepSpec, before: FlowSpec, after: FlowSpec
) -> Iterator[tuple[Literal["additive", "breaking"], str]]:
    """Yield kind and reason of each change of one step, between two versions of its flow."""
    was_skippable, is_skippable = (old.slug in flow.skippable_slugs for flow in (before, after))
    if is_skippable and not was_skippable:
        yield "breaking", "it may be skipped now: who reads its result may find null"
    elif was_skippable and not is_skippable:
        yield "additive", "it is never skipped any more: its result is never null for that"
    if old.when != new.when:
        yield "additive", f"when: {_condition(old)} -> {_condition(new)}"
    if old.when is not None and new.when is not None and old.when_unmet != new.when_unmet:
        yield "additive", f"when_unmet: {old.when_unmet} -> {new.when_unmet}"
    if old.on_failure != new.on_failure:
        yield "additive", f"on_failure: {old.on_failure} -> {new.on_failure}"
    if old.kind != new.kind:
        return
    if (old.seconds, old.until) != (new.seconds, new.until):
        yield "additive", f"it sleeps otherwise: {_end(old)} -> {_end(new)}"
    if (old.flow, old.flow_step) != (new.flow, new.flow_step):
        yield "additive", f"it starts another run: {_sub_flow(old)} -> {_sub_flow(new)}"
    if new.kind == "signal" and old.result_schema != new.result_schema:
        found = schema_difference(old.result_schema, new.result_schema, only_named=True)
        if found is not None:
            yield "breaking", f"signal accepts less than before: {found}"


def _condition(step: StepSpec) -> str:
    return "(none)" if step.when is None else shown_condition(step.when)


def _end(step: StepSpec) -> str:
    if step.until is not None:
        return f"until {shown_source(step.until)}"
    return f"{step.seconds} seconds"


def _sub_flow(step: StepSpec) -> str:
    return (
        f"{step.flow} (its output)" if step.flow_step is None else f"{step.flow}.{step.flow_step}"
    )
