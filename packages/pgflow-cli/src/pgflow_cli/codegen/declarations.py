"""Name the types of a whole manifest: one name for one type, whatever schema it stands in.

Every schema names its types for itself, so one name may mean several types: the same model as a
payload and as a result, or models of two flows. Types of one name that are equal all the way down
become one declaration. The others get a word before or after their name that tells them apart, all
of them alike: no name comes to mean something else when another flow is added.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pgflow_cli.codegen.names import RESERVED_NAMES, camel_case, free_name
from pgflow_cli.codegen.renaming import replaced
from pgflow_cli.codegen.schema_reader import Found, ReadSchema, read_schema
from pgflow_cli.codegen.type_model import (
    NULL,
    AnyJson,
    Declaration,
    Declarations,
    FlowTypes,
    Named,
    Type,
    Union,
    union_of,
)
from pgflow_manifest import FlowSpec, Manifest, StepSpec

_Place: TypeAlias = tuple[str, str | None]
"""Flow, and step or None for the payload."""
_Key: TypeAlias = tuple[str, str | None, str]
"""A place, and the JSON pointer of a type in its schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _FlowNames:
    prefix: str
    identifier: str
    output: str
    results: str
    signals: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Equal types of one name, to be declared once."""

    keys: tuple[_Key, ...]
    found: Found


def declarations_of(manifest: Manifest) -> Declarations:
    """Return the types of payloads and results of all flows, each declared once."""
    flows = sorted(manifest.flows, key=lambda flow: flow.slug)
    taken = set(RESERVED_NAMES)
    flow_names = _flow_names([flow.slug for flow in flows], taken)
    schemas = {
        place: schema
        for flow in flows
        for place, schema in _schemas_of(flow, flow_names[flow.slug].prefix).items()
    }
    groups = _groups(schemas)
    prefixes = {slug: names.prefix for slug, names in flow_names.items()}
    sent = {
        (flow.slug, step.slug) for flow in flows for step in flow.steps if step.kind == "signal"
    }
    names = _names(groups, prefixes, sent, taken)
    name_of = {key: names[number] for number, group in enumerate(groups) for key in group.keys}
    types = [
        Declaration(
            name=names[number],
            type=replaced(group.found.type, _naming(group.keys[0], name_of)),
            description=group.found.description,
        )
        for number, group in enumerate(groups)
    ]
    named = {
        place: replaced(schema.type, _naming((*place, ""), name_of))
        for place, schema in schemas.items()
    }
    return Declarations(
        types=tuple(sorted(types, key=lambda declared: declared.name)),
        flows=tuple(_flow_types(flow, flow_names[flow.slug], named) for flow in flows),
    )


def _flow_types(flow: FlowSpec, names: _FlowNames, named: Mapping[_Place, Type]) -> FlowTypes:
    skippable = flow.skippable_slugs
    return FlowTypes(
        slug=flow.slug,
        description=flow.description,
        client_startable=flow.client_startable,
        payload=named[flow.slug, None],
        results={
            step.slug: _or_null(named[flow.slug, step.slug], can_be_null=step.slug in skippable)
            for step in flow.steps
        },
        signals={
            step.slug: _sent(named[flow.slug, step.slug], step)
            for step in flow.steps
            if step.kind == "signal"
        },
        leaf_slugs=flow.leaf_slugs,
        identifier=names.identifier,
        output_name=names.output,
        results_name=names.results,
        signals_name=names.signals,
    )


def _sent(type_: Type, step: StepSpec) -> Type:
    """Return the type of what is sent to a signal: not the null that stands for a timeout."""
    if step.options.timeout_seconds is None or not isinstance(type_, Union):
        return type_
    return union_of([member for member in type_.members if member != NULL])


def _or_null(type_: Type, *, can_be_null: bool) -> Type:
    """Return the type of a result, for which null stands where its step was skipped."""
    if not can_be_null or isinstance(type_, AnyJson) or type_ == NULL:
        return type_
    members = type_.members if isinstance(type_, Union) else (type_,)
    return type_ if NULL in members else Union(members=(*members, NULL))


def _schemas_of(flow: FlowSpec, prefix: str) -> Mapping[_Place, ReadSchema]:
    schemas: dict[_Place, ReadSchema] = {
        (flow.slug, None): read_schema(flow.payload_schema, title=f"{prefix}Payload")
    }
    for step in flow.steps:
        title = f"{prefix}{camel_case(step.slug)}"
        schemas[flow.slug, step.slug] = read_schema(step.result_schema, title=title)
    return schemas


def _flow_names(slugs: Sequence[str], taken: set[str]) -> Mapping[str, _FlowNames]:
    """Name what belongs to each flow, and add it to *taken*: users import these names first."""
    by_prefix: dict[str, list[str]] = defaultdict(list)
    for slug in slugs:
        prefix = camel_case(slug)
        by_prefix[prefix if prefix.isidentifier() else f"Flow{prefix}"].append(slug)
    # such as `__name__`, which means something in a module
    taken |= {slug for slug in slugs if slug.startswith("__")}
    identifiers: dict[str, str] = {}
    # slugs that can stay as they are come first, lest another takes their place
    for slug in sorted(slugs, key=lambda slug: (slug in taken, slug)):
        identifiers[slug] = free_name(slug, "_", taken)
        taken.add(identifiers[slug])
    names: dict[str, _FlowNames] = {}
    for short, alike in sorted(by_prefix.items()):
        for slug in alike:
            prefix = short if len(alike) == 1 else slug
            output = free_name(f"{prefix}Output", "Type", taken)
            # the Async variant must be free as well
            apart = {*taken, *(name.removeprefix("Async") for name in taken)}
            results = free_name(f"{prefix}Results", "Type", apart)
            taken |= {output, results, f"Async{results}"}
            signals = free_name(f"{prefix}Signals", "Type", taken)
            taken.add(signals)
            names[slug] = _FlowNames(
                prefix=prefix,
                identifier=identifiers[slug],
                output=output,
                results=results,
                signals=signals,
            )
    return names


def _groups(schemas: Mapping[_Place, ReadSchema]) -> list[_Group]:
    """Put types together that have one name and are equal, however deep one looks.

    At first whatever has the same name counts as equal; then, again and again, those are told apart
    that speak of types which have been told apart, until nothing changes any more.
    """
    found = {
        (*place, pointer): each
        for place, schema in schemas.items()
        for pointer, each in schema.found.items()
    }
    group_of: dict[_Key, str] = {key: each.base for key, each in found.items()}
    while True:
        numbers: dict[tuple[str, str], str] = {}
        finer: dict[_Key, str] = {}
        for key, each in found.items():
            inside = replaced(each.type, _naming(key, group_of), described=False)
            # by the text, since Python takes Literal[1] and Literal[True] for equal
            signature = (group_of[key], repr(inside))
            finer[key] = numbers.setdefault(signature, str(len(numbers)))
        done = len(numbers) == len(set(group_of.values()))
        group_of = finer
        if done:
            break
    members: dict[str, list[_Key]] = defaultdict(list)
    for key, group in group_of.items():
        members[group].append(key)
    return [_Group(keys=tuple(keys), found=found[keys[0]]) for keys in members.values()]


def _naming(key: _Key, names: Mapping[_Key, str]) -> Callable[[str], Type]:
    """Return what stands for the pointers in the schema of *key*."""
    flow, step, _ = key
    return lambda pointer: Named(name=names[flow, step, pointer])


def _names(
    groups: Sequence[_Group],
    prefixes: Mapping[str, str],
    sent: Collection[tuple[str, str]],
    taken: set[str],
) -> list[str]:
    """Return the names of *groups*, in their order, and add them to *taken*.

    Args:
        groups: the types.
        prefixes: by flow, what tells its types from those of others.
        sent: flow and step of each signal, whose type is that of a payload.
        taken: names that cannot be given.
    """
    by_base: dict[str, list[int]] = defaultdict(list)
    for number, group in enumerate(groups):
        by_base[group.found.base].append(number)
    names = [""] * len(groups)
    # names that need nothing added come first, lest a longer one takes their place
    for _, numbers in sorted(by_base.items(), key=lambda item: (len(item[1]) > 1, item[0])):
        alike = [groups[number] for number in numbers]
        suffix = "Type" if len(alike) == 1 else ""
        for number, wanted in zip(numbers, _told_apart(alike, prefixes, sent), strict=True):
            names[number] = free_name(wanted, suffix, taken)
            taken.add(names[number])
    return names


def _told_apart(
    groups: Sequence[_Group], prefixes: Mapping[str, str], sent: Collection[tuple[str, str]]
) -> list[str]:
    """Return names for *groups* of one base, made in the first way in which all are different."""
    base = groups[0].found.base
    if len(groups) == 1:
        return [base]
    candidates: list[tuple[str, ...]] = []
    for group in groups:
        flow, step, _ = group.keys[0]
        prefix = prefixes[flow]
        modes = {
            "Payload" if step is None or (flow, step) in sent else "Result"
            for flow, step, _ in group.keys
        }
        mode = modes.pop() if len(modes) == 1 else ""
        place = f"{prefix}{camel_case(step) if step is not None else 'Payload'}"
        candidates.append(
            (
                f"{base}{mode}",
                f"{prefix}{base}",
                f"{prefix}{base}{mode}",
                f"{place}{base}",
                f"{place}{group.found.whole_name}",
            )
        )
    ways = [*zip(*candidates, strict=True)]
    # none may keep the name that all have
    good = [way for way in ways if len({base, *way}) == len(way) + 1]
    return [*(good or ways[-1:])[0]]
