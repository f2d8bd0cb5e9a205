"""Write the types of a manifest as a Python module: TypedDicts, and a `FlowRef` for each flow.

The types are those of JSON as a client holds it: a date is text, and a tuple is a list, since that
is what an array becomes. The module imports nothing but the client; `typing_extensions`, which the
client needs itself, because pydantic takes a `TypedDict` of `typing` only from Python 3.12 on.
"""

import keyword
import unicodedata
from typing import Final

from pgflow_cli.codegen.declarations import declarations_of
from pgflow_cli.codegen.names import free_name
from pgflow_cli.codegen.renaming import names_in
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
    ScalarName,
    Tuple,
    Type,
    Union,
    union_of,
)
from pgflow_manifest import Manifest

_HEADER: Final = '''\
"""The flows and what goes in and comes out of them, as JSON: a date is text, a tuple a list.

Written by `pgflow codegen python`. Do not edit it; run the command again.
"""
# fmt: off
# ruff: noqa'''
_SCALARS: Final[dict[ScalarName, str]] = {
    "null": "None",
    "boolean": "bool",
    "integer": "int",
    "number": "float",
    "string": "str",
}
_USED_IN_CLASSES: Final = frozenset(
    {*_SCALARS.values(), "dict", "list", "Json", "Literal", "NotRequired", "SignalRef"}
)
_IMPORTS: Final = (
    ("typing", ("Literal", "Protocol", "TypeAlias", "overload")),
    ("pgflow_client", ("FlowRef", "Json", "SignalRef")),
    ("typing_extensions", ("NotRequired", "TypeAliasType", "TypedDict")),
)


def emit(manifest: Manifest) -> str:
    """Return the module; the same text for the same manifest."""
    return _Module(declarations_of(manifest)).text()


class _Module:
    def __init__(self, declarations: Declarations) -> None:
        self._declarations = declarations
        self._imported: set[str] = set()
        self._defined: set[str] = set()
        # a field of this name would be taken for the type by what stands below it
        self._hidden_by_fields = _USED_IN_CLASSES | {type_.name for type_ in declarations.types}

    def text(self) -> str:
        # first the parts, which say what must be imported
        parts: list[str] = []
        for declared in self._declarations.types:
            parts.append(self._declaration(declared))
            self._defined.add(declared.name)
        parts += [self._flow(flow) for flow in self._declarations.flows]
        imports = [
            f"from {module} import {', '.join(used)}"
            for module, names in _IMPORTS
            if (used := [name for name in names if name in self._imported])
        ]
        # the standard library stands alone
        blocks = ["\n".join(block) for block in (imports[:1], imports[1:]) if block]
        return "\n\n\n".join(["\n\n".join([_HEADER, *blocks]), *parts]) + "\n"

    def _declaration(self, declared: Declaration) -> str:
        if isinstance(declared.type, Object):
            return self._object(declared.name, declared.type, declared.description)
        text = self._type(declared.type)
        if self._is_ahead(declared.type):
            alias = f"{declared.name} = {self._use('TypeAliasType')}"
            lines = [f"{alias}({_quoted(declared.name)}, {_quoted(text)})"]
        else:
            lines = [f"{declared.name}: {self._use('TypeAlias')} = {text}"]
        return "\n".join([*lines, *_docstring(declared.description, "")])

    def _object(self, name: str, type_: Object, description: str) -> str:
        self._use("TypedDict")
        if not all(self._can_be_attribute(field.name) for field in type_.fields):
            lines = [f"{name} = TypedDict({_quoted(name)}, {{"]
            for field in type_.fields:
                lines += [f"    # {line}" for line in _safe_lines(field.description)]
                lines.append(f"    {_quoted(field.name)}: {self._field_type(field)},")
            return "\n".join([*lines, "})", *_docstring(description, "")])
        lines = [f"class {name}(TypedDict):", *_docstring(description, "    ")]
        if description and type_.fields:
            lines.append("")
        for field in type_.fields:
            lines.append(f"    {field.name}: {self._field_type(field)}")
            lines += _docstring(field.description, "    ")
        if len(lines) == 1:
            lines.append("    pass")
        return "\n".join(lines)

    def _can_be_attribute(self, key: str) -> bool:
        return (
            key.isidentifier()
            # Python makes such identifiers, and those with two underscores in a class, others
            and unicodedata.normalize("NFKC", key) == key
            and not key.startswith("__")
            and not keyword.iskeyword(key)
            and key not in self._hidden_by_fields
        )

    def _field_type(self, field: Field) -> str:
        text = self._type(field.type)
        quoted = _quoted(text) if self._is_ahead(field.type) else text
        return quoted if field.required else f"{self._use('NotRequired')}[{quoted}]"

    def _is_ahead(self, type_: Type) -> bool:
        """Whether some name in it is not defined yet, so that it must stand in quotes."""
        return not self._defined.issuperset(names_in(type_))

    def _flow(self, flow: FlowTypes) -> str:
        output = Object(
            fields=tuple(
                Field(name=slug, type=flow.results[slug], required=True, description="")
                for slug in flow.leaf_slugs
            ),
            extra=None,
        )
        results = flow.results_name
        types = [self._type(flow.payload), flow.output_name, results, f"Async{results}"]
        arguments = [_quoted(flow.slug)]
        parts = [
            self._object(flow.output_name, output, f"The run output of `{flow.slug}`."),
            self._results(flow, results, "def"),
            self._results(flow, f"Async{results}", "async def"),
        ]
        if flow.signals:
            parts.append(self._signals(flow))
            types.append(flow.signals_name)
            arguments.append(f"{flow.signals_name}()")
        annotation = f"{self._use('FlowRef')}[{', '.join(types)}]"
        reference = f"{flow.identifier}: {annotation} = FlowRef({', '.join(arguments)})"
        return "\n\n\n".join([*parts, "\n".join([reference, *_docstring(flow.description, "")])])

    def _signals(self, flow: FlowTypes) -> str:
        """Write the type of `FlowRef.signals`, with an attribute for each signal."""
        lines = [
            f"class {flow.signals_name}:",
            *_docstring(f"The signals of `{flow.slug}`.", "    "),
            "",
        ]
        reference = self._use("SignalRef")
        taken = {slug for slug in flow.signals if self._can_be_attribute(slug)}
        for slug, type_ in flow.signals.items():
            name = slug
            if slug not in taken:
                # a leading word, lest Python takes two underscores for something of its own
                wanted = f"signal{slug}" if slug.startswith("__") else f"{slug}_"
                name = free_name(wanted, "_", {*taken, *self._hidden_by_fields})
                taken.add(name)
            lines.append(f"    {name} = {reference}[{self._type(type_)}]({_quoted(slug)})")
        return "\n".join(lines)

    def _results(self, flow: FlowTypes, name: str, define: str) -> str:
        """Write the type of `run.result`: from the slug of a step to the type of its result."""
        lines = [
            f"class {name}({self._use('Protocol')}):",
            *_docstring(f"What the steps of `{flow.slug}` return, by slug.", "    "),
        ]
        for slug, type_ in flow.results.items():
            lines.append("")
            if len(flow.results) > 1:
                lines.append(f"    @{self._use('overload')}")
            step = f"{self._use('Literal')}[{_quoted(slug)}]"
            lines.append(
                f"    {define} __call__(self, step_slug: {step}, /) -> {self._type(type_)}: ..."
            )
        return "\n".join(lines)

    def _type(self, type_: Type) -> str:
        match type_:
            case Scalar(name=name):
                return _SCALARS[name]
            case Literal(values=values):
                # Python has no literals of floats
                exact = [value for value in values if not isinstance(value, float)]
                listed = ", ".join(_quoted(v) if isinstance(v, str) else repr(v) for v in exact)
                texts = [f"{self._use('Literal')}[{listed}]"] if exact else []
                return " | ".join([*texts, *(["float"] if len(exact) < len(values) else [])])
            case Array(items=items):
                return f"list[{self._type(items)}]"
            case Tuple(prefix=prefix, rest=rest):
                items = union_of([*prefix, *([] if rest is None else [rest])])
                return f"list[{self._type(items)}]"
            case Record(values=values):
                return f"dict[str, {self._type(values)}]"
            case Union(members=members):
                return " | ".join(self._type(member) for member in members)
            case Named(name=name):
                return name
            case AnyJson():
                return self._use("Json")
            case Object():
                raise AssertionError("an object stands only in a declaration")

    def _use(self, name: str) -> str:
        self._imported.add(name)
        return name


def _quoted(text: str) -> str:
    plain = repr(text)
    return f'"{plain[1:-1]}"' if plain.startswith("'") and '"' not in plain else plain


def _docstring(text: str, indent: str) -> list[str]:
    lines = [
        line.replace('"', r"\"") if '"""' in line or line.endswith('"') else line
        for line in _safe_lines(text)
    ]
    if not lines:
        return []
    lines[0] = f'"""{lines[0]}'
    if len(lines) == 1:
        lines[0] += '"""'
    else:
        lines.append('"""')
    return [f"{indent}{line}" if line else "" for line in lines]


def _safe_lines(text: str) -> list[str]:
    """Return the lines of *text*, with escapes for what ends a line or cannot be seen."""
    lines = text.strip().split("\n") if text.strip() else []
    return ["".join(_escaped(each) for each in line.rstrip()) for line in lines]


def _escaped(character: str) -> str:
    plain = character.isprintable() and character != "\\"
    return character if plain else character.encode("unicode_escape").decode()
