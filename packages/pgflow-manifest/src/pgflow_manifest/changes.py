"""What a newer manifest changes for those who rely on the older one.

Each change is one of three kinds, by what the schemas accept and not by their text:

* `options`: retries, timeouts, budgets, descriptions. Applied in place, no new version.
* `additive`: whoever starts runs and reads results goes on as before. Where the contract changes, a
  new version comes of it, which runs that have begun do not see.
* `breaking`: what was a right payload may be refused, or what is read is missing, or another type.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from pgflow_manifest.conduct_changes import FIELDS, conduct_changes
from pgflow_manifest.models import FlowSpec, JsonSchema, Manifest, StepSpec
from pgflow_manifest.schema_keywords import SchemaDifference
from pgflow_manifest.subtyping import schema_difference

ChangeKind = Literal["options", "additive", "breaking"]
"""How much a change asks of others; in this order."""

KINDS: Final[tuple[ChangeKind, ...]] = ("options", "additive", "breaking")

_COMPARED_OF_STEPS: Final = frozenset(
    {
        *("slug", "description", "kind", "over", "deps", "inputs", "result_schema", "inferred"),
        *("options", "digest"),
        *FIELDS,
    }
)
_COMPARED_OF_FLOWS: Final = frozenset(
    {"slug", "description", "client_startable", "payload_schema", "options", "steps", "digest"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference between two manifests."""

    flow: str
    step: str | None
    """None for what concerns the flow as a whole."""
    kind: ChangeKind
    reason: str

    def __str__(self) -> str:
        place = self.flow if self.step is None else f"{self.flow}.{self.step}"
        return f"{self.kind}: {place}: {self.reason}"


def manifest_changes(
    old: Manifest, new: Manifest, *, only_flows_of_new: bool = False
) -> tuple[Change, ...]:
    """Return what *new* changes, flow by flow and step by step; empty when nothing.

    Args:
        old: what others rely on: the manifest of the last release, or what is deployed.
        new: what is to come.
        only_flows_of_new: pass over flows that only *old* has, as a deployment does.
    """
    before = {flow.slug: flow for flow in old.flows}
    after = {flow.slug: flow for flow in new.flows}
    found: list[Change] = []
    for slug in sorted(before.keys() | after.keys()):
        if slug not in after:
            if not only_flows_of_new:
                found.append(Change(flow=slug, step=None, kind="breaking", reason="flow removed"))
        elif slug not in before:
            found.append(Change(flow=slug, step=None, kind="additive", reason="new flow"))
        else:
            found += flow_changes(before[slug], after[slug])
    return tuple(found)


def flow_changes(old: FlowSpec, new: FlowSpec) -> Iterator[Change]:
    """Yield what *new* changes of the flow *old*: first the flow as a whole, then its steps."""
    for kind, reason in _of_flow(old, new):
        yield Change(flow=new.slug, step=None, kind=kind, reason=reason)
    before = {step.slug: step for step in old.steps}
    after = {step.slug: step for step in new.steps}
    order = [*(step.slug for step in new.steps), *(slug for slug in before if slug not in after)]
    for slug in order:
        if slug not in after:
            found = [_removed(slug, old)]
        elif slug not in before:
            found = [_added(slug, new)]
        else:
            found = list(_of_step(before[slug], after[slug], old, new))
        for kind, reason in found:
            yield Change(flow=new.slug, step=slug, kind=kind, reason=reason)


def worst_change(changes: tuple[Change, ...]) -> ChangeKind | None:
    """Return the kind of the change that asks most of others; None without a change."""
    found = {change.kind for change in changes}
    return next((kind for kind in reversed(KINDS) if kind in found), None)


_Found = tuple[ChangeKind, str]


def _of_flow(old: FlowSpec, new: FlowSpec) -> Iterator[_Found]:
    if old.payload_schema != new.payload_schema:
        yield _of_payload(old.payload_schema, new.payload_schema)
    if old.client_startable and not new.client_startable:
        yield "breaking", "clients may not start it any more"
    elif new.client_startable and not old.client_startable:
        yield "additive", "clients may start it"
    yield from _of_options(old.options.model_dump(), new.options.model_dump())
    if old.description != new.description:
        yield "options", "description changed"
    yield from _of_other_fields(old, new, _COMPARED_OF_FLOWS)


def _of_payload(old: JsonSchema, new: JsonSchema) -> _Found:
    found = schema_difference(old, new)
    if found is None:
        same = schema_difference(new, old) is None
        return (
            ("options", "payload accepts the same as before")
            if same
            else ("additive", "payload accepts more than before")
        )
    if schema_difference(old, new, only_named=True) is None:
        text = f"payload accepts more than before, of objects with the properties it had ({found})"
        return "additive", text
    return "breaking", f"payload accepts less than before: {found}"


def _of_step(old: StepSpec, new: StepSpec, before: FlowSpec, after: FlowSpec) -> Iterator[_Found]:
    if old.kind != new.kind:
        yield "breaking", f"it was a {old.kind} step and is a {new.kind} step"
    if old.result_schema != new.result_schema:
        yield _of_result(old.result_schema, new.result_schema)
    was_leaf, is_leaf = (old.slug in flow.leaf_slugs for flow in (before, after))
    if was_leaf and not is_leaf:
        yield "breaking", "its result is no longer in the run output, since a step waits for it"
    elif is_leaf and not was_leaf:
        yield "additive", "its result is in the run output now, since no step waits for it"
    if old.deps != new.deps:
        yield "additive", _of_sets("waits", frozenset(old.deps), frozenset(new.deps))
    if old.kind == new.kind:
        yield from _of_list(old, new)
    if old.inputs != new.inputs:
        names = sorted(
            name
            for name in old.inputs.keys() | new.inputs.keys()
            if old.inputs.get(name) != new.inputs.get(name)
        )
        yield "additive", f"its handler takes other arguments: {', '.join(names)}"
    yield from conduct_changes(old, new, before, after)
    if old.digest != new.digest and old.inputs == new.inputs and not _says_why(old, new):
        yield "additive", "what its arguments take has another schema"
    yield from _of_options(
        old.options.model_dump(exclude_none=True), new.options.model_dump(exclude_none=True)
    )
    if old.description != new.description:
        yield "options", "description changed"
    yield from _of_other_fields(old, new, _COMPARED_OF_STEPS)


def _of_list(old: StepSpec, new: StepSpec) -> Iterator[_Found]:
    """Say what changed of the list that the step goes over; a sub-flow may get or lose its list."""
    if (old.over is None) != (new.over is None):
        one, each = "one run of a sub-flow", "one for each item of a list"
        before, after = (one, each) if old.over is None else (each, one)
        yield "breaking", f"it started {before} and starts {after}"
    elif old.over != new.over:
        yield "additive", "it goes over another list"


def _says_why(old: StepSpec, new: StepSpec) -> bool:
    return any(
        getattr(old, name) != getattr(new, name)
        for name in ("result_schema", "kind", "over", "flow", "flow_step")
    )


def _of_result(old: JsonSchema, new: JsonSchema) -> _Found:
    found = schema_difference(new, old)
    if found is None:
        same = schema_difference(old, new) is None
        return (
            ("options", "result is of the same type as before")
            if same
            else ("additive", "result says more than before: all of it has the type it had")
        )
    if schema_difference(new, old, only_named=True) is None:
        return "additive", f"result has the type it had, but for properties nobody named ({found})"
    return "breaking", f"result may be what it was not before: {_turned(found)}"


def _turned(found: SchemaDifference) -> str:
    """Say of an old schema that it would refuse the new value."""
    told = f"at {found.at or 'the top'}, for those who rely on the old type {found.reason}"
    return told if found.is_certain else f"{told} (not compared, so taken as breaking)"


def _added(slug: str, new: FlowSpec) -> _Found:
    if slug in new.leaf_slugs:
        return "additive", "new step; its result is in the run output"
    return "additive", "new step"


def _removed(slug: str, old: FlowSpec) -> _Found:
    if slug in old.leaf_slugs:
        return "breaking", "step removed, and its result from the run output"
    return "breaking", "step removed; who reads its result finds none"


def _of_options(old: dict[str, Any], new: dict[str, Any]) -> Iterator[_Found]:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield "options", f"{name} {_told(old.get(name))} -> {_told(new.get(name))}"


def _told(value: object) -> str:
    return "(of the flow)" if value is None else str(value)


def _of_sets(verb: str, old: frozenset[str], new: frozenset[str]) -> str:
    parts: list[str] = []
    if more := sorted(new - old):
        parts.append(f"{verb} for {', '.join(more)} too")
    if fewer := sorted(old - new):
        parts.append(f"no longer {verb} for {', '.join(fewer)}")
    return "; ".join(parts)


def _of_other_fields(
    old: FlowSpec | StepSpec, new: FlowSpec | StepSpec, compared: frozenset[str]
) -> Iterator[_Found]:
    """Say of what this file knows nothing that it changed, rather than pass over it."""
    for name in sorted(type(new).model_fields.keys() - compared):
        if getattr(old, name) != getattr(new, name):
            yield "breaking", f"`{name}` changed, whose effect is not compared"
