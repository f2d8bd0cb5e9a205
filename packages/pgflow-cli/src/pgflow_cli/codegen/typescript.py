"""Write the types of a manifest and a client for them as one TypeScript module.

The client itself is the same for every manifest: the files in `typescript_runtime/`, which are
checked by the compiler as they are, and joined here by leaving their imports of each other out.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from typing import Final

from pgflow_cli.codegen.declarations import declarations_of
from pgflow_cli.codegen.type_model import (
    AnyJson,
    Array,
    Declaration,
    Declarations,
    Field,
    FlowTypes,
    Literal,
    Named,
    Object,
    Record,
    Scalar,
    Tuple,
    Type,
    Union,
    union_of,
)
from pgflow_manifest import FlowSpec, Manifest

RUNTIME_FILES: Final = ("client.ts", "snapshots.ts", "errors.ts", "transport.ts")
"""In the order in which a reader of the generated module meets them."""

_COLUMNS: Final = 100
_HEADER: Final = """\
/* eslint-disable */
// Written by `pgflow codegen typescript`: do not edit it, generate it again.
// Begin with `flowsClient`.
"""
_JSON: Final = """\
/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json | undefined };
"""
_SCALARS: Final = {
    "null": "null",
    "boolean": "boolean",
    "integer": "number",
    "number": "number",
    "string": "string",
}
_LINKS: Final = re.compile(
    r"^(?:import (?:type )?\{[^}]*\} from .*|export (?:type )?\{[^}]*\});\n", re.MULTILINE
)
"""The imports of a file of the runtime, and the exports that only the other files need."""


def emit(manifest: Manifest) -> str:
    """Return the TypeScript module for *manifest*; the same text for the same manifest."""
    declarations = declarations_of(manifest)
    parts = [
        _HEADER,
        *(_declaration(declared) for declared in declarations.types),
        *(
            part
            for flow in declarations.flows
            for part in _types_of_flow(flow, manifest.flow(flow.slug))
        ),
        _flows(declarations),
        _flows_client(declarations),
        _JSON,
        runtime(),
    ]
    return "\n".join(parts)


def runtime() -> str:
    """Return the part of the module that is the same for every manifest."""
    folder = files("pgflow_cli.codegen") / "typescript_runtime"
    texts = [(folder / name).read_text(encoding="utf-8") for name in RUNTIME_FILES]
    return "\n".join(_LINKS.sub("", text).strip("\n") + "\n" for text in texts)


def _declaration(declared: Declaration) -> str:
    doc, name, type_ = _doc(declared.description), declared.name, declared.type
    line = f"export type {name} = {_type(type_)};\n"
    if isinstance(type_, Union) and len(line) > _COLUMNS:
        members = "".join(f"\n  | {_type(member)}" for member in type_.members)
        line = f"export type {name} ={members};\n"
    return f"{doc}{line}"


def _types_of_flow(flow: FlowTypes, spec: FlowSpec) -> Iterator[str]:
    about = {step.slug: _doc(step.description, indent="  ") for step in spec.steps}

    def block(slugs: Iterable[str]) -> str:
        return _block(f"{about[s]}  {_key(s)}: {_type(flow.results[s])};\n" for s in slugs)

    yield (
        f"/** What the steps of `{flow.slug}` return. */\n"
        f"export type {flow.results_name} = {block(flow.results)};\n"
    )
    yield (
        f"/** The run output of `{flow.slug}`: the results of its leaf steps. */\n"
        f"export type {flow.output_name} = {block(flow.leaf_slugs)};\n"
    )


def _flows(declarations: Declarations) -> str:
    entries = [
        f"{_doc(_about(flow), indent='  ')}"
        f"  {_key(flow.slug)}: {{\n"
        f"    payload: {_type(flow.payload)};\n"
        f"    results: {flow.results_name};\n"
        f"    output: {flow.output_name};\n"
        f"    signals: {_signals(flow)};\n"
        "  };\n"
        for flow in declarations.flows
    ]
    doc = "/** Every flow, with what it takes and gives. */\n"
    return f"{doc}export type Flows = {_block(entries)};\n"


def _signals(flow: FlowTypes) -> str:
    entries = (f"      {_key(slug)}: {_type(type_)};\n" for slug, type_ in flow.signals.items())
    return _block(entries, indent="    ")


def _about(flow: FlowTypes) -> str:
    if flow.client_startable:
        return flow.description
    return f"{flow.description}\n\nNot `client_startable`: only pgflow_admin may start it.".strip()


def _flows_client(declarations: Declarations) -> str:
    entries = [
        f"    {_own_key(flow.slug)}: new FlowRef({_text(flow.slug)}, call),\n"
        for flow in declarations.flows
    ]
    # compilers refuse a constant that nobody reads
    call = "const call = " if entries else ""
    return f"""\
export type FlowsClient = {{ [Slug in keyof Flows]: FlowRef<Flows[Slug]> }};

/**
 * Make a client of every flow: `flowsClient(supabase).SLUG.start(payload)`.
 *
 * Takes a client of supabase-js or postgrest-js, or the address of a PostgREST and a token.
 */
export function flowsClient(connection: FlowsConnection): FlowsClient {{
  {call}callOver(connection);
  return {_block(entries, indent="  ")};
}}
"""


def _object(type_: Object) -> str:
    """Write an object that stands as the whole type of a declaration."""
    lines = [
        f"{_doc(field.description, indent='  ')}"
        f"  {_key(field.name)}{'' if field.required else '?'}: {_type(field.type)};\n"
        for field in type_.fields
    ]
    if type_.extra is not None:
        lines.append(f"  [key: string]: {_other_keys(type_.fields, type_.extra)};\n")
    # `{}` would be anything but null
    return _block(lines) if lines else "{ [key: string]: unknown }"


def _other_keys(fields: Sequence[Field], extra: Type) -> str:
    """Write the type of keys that are not listed; TypeScript wants it to admit the listed ones."""
    type_ = union_of([extra, *(field.type for field in fields)])
    if isinstance(type_, AnyJson):
        return "unknown"
    maybe = "" if all(field.required for field in fields) else " | undefined"
    return f"{_type(type_)}{maybe}"


def _type(type_: Type) -> str:
    match type_:
        case Scalar(name=name):
            return _SCALARS[name]
        case Literal(values=values):
            return " | ".join(_literal(value) for value in values)
        case Array(items=items):
            return f"{_operand(items)}[]"
        case Tuple():
            return _tuple(type_)
        case Record(values=values):
            return f"{{ [key: string]: {_type(values)} }}"
        case Union(members=members):
            return " | ".join(_type(member) for member in members)
        case Named(name=name):
            return name
        case AnyJson():
            return "Json"
        case Object():
            return _object(type_)


def _tuple(type_: Tuple) -> str:
    items = [
        _type(item) if number < type_.required else f"{_operand(item)}?"
        for number, item in enumerate(type_.prefix)
    ]
    if type_.rest is not None:
        items.append(f"...{_operand(type_.rest)}[]")
    return f"[{', '.join(items)}]"


def _operand(type_: Type) -> str:
    """Write a type so that `[]` or `?` after it means all of it."""
    text = _type(type_)
    several = isinstance(type_, Union) or (isinstance(type_, Literal) and len(type_.values) > 1)
    return f"({text})" if several else text


def _literal(value: bool | float | str) -> str:
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(value: str) -> str:
    # what is not printable could break a line, or be taken for nothing
    return json.dumps(value, ensure_ascii=not value.isprintable())


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_$][\w$]*", name, re.ASCII) else _text(name)


def _own_key(name: str) -> str:
    """Write a key of an object that is made: this one would set its prototype."""
    return f"[{_text(name)}]" if name == "__proto__" else _key(name)


def _block(lines: Iterable[str], *, indent: str = "") -> str:
    inside = "".join(lines)
    return f"{{\n{inside}{indent}}}" if inside else "{}"


def _doc(text: str, *, indent: str = "") -> str:
    lines = text.strip().replace("*/", "*\\/").splitlines()
    if not lines:
        return ""
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */\n"
    inside = "".join(f"{indent} * {line}".rstrip() + "\n" for line in lines)
    return f"{indent}/**\n{inside}{indent} */\n"
