"""Write a type as source, in the names of the module that it is written into.

Metadata is left out: an argument is of type `int` where the field it comes from is
`Annotated[int, Ge(1)]`.
"""

import enum
import inspect
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args, get_origin

from pgflow_cli.annotating.module_names import (
    ModuleNames,
    NewImport,
    NotWritableError,
    Reference,
)
from pgflow_cli.shape_text import shown_value
from pgflow_dsl.types.annotations import is_alias, is_union, shown

_PUT_IN_ITS_OWN_WAY: Final = "__get_pydantic_core_schema__"


@dataclass(slots=True)
class TypeText:
    """A type as source, and what it needs."""

    text: str = ""
    line: int = 0
    """The line from which on all its names are bound."""
    new_imports: set[NewImport] = field(default_factory=set[NewImport])
    new_classes: "list[NewTypedDict]" = field(default_factory=list["NewTypedDict"])

    def quoted_at(self, line: int) -> str:
        """Return the text for *line*, where Python must not evaluate it before it can."""
        if line > self.line:
            return self.text
        return repr(self.text) if '"' in self.text else f'"{self.text}"'


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NewTypedDict:
    """A TypedDict that is to be put into a module."""

    name: str
    module: str
    line: int
    """Before which it is put."""
    fields: Mapping[str, tuple[TypeText, bool]]
    """Type by key, and whether the key is required."""
    base: Reference
    not_required: Reference | None

    @property
    def needs(self) -> list[TypeText]:
        """What its own text needs."""
        references = [self.base, *([self.not_required] if self.not_required else [])]
        imports = {each.new_import for each in references if each.new_import is not None}
        return [TypeText(new_imports=imports), *(text for text, _ in self.fields.values())]


Find = Callable[[Any], NewTypedDict | None]
"""Return the class that is written for a runtime type, if one is."""


def type_text(annotation: Any, names: ModuleNames, find: Find) -> TypeText:
    """Return *annotation* in the names of a module.

    Raises:
        NotWritableError: a part of it has no name that could be used there.
    """
    written = TypeText()
    written.text = _Writer(names, find, written).write(annotation)
    return written


class _Writer:
    def __init__(self, names: ModuleNames, find: Find, needs: TypeText) -> None:
        self._names = names
        self._find = find
        self._needs = needs

    def write(self, annotation: Any) -> str:
        if annotation is None or annotation is type(None):
            return "None"
        if annotation is Ellipsis:
            return "..."
        if get_origin(annotation) is typing.Annotated:
            return self._annotated(annotation)
        if is_union(annotation):
            return " | ".join(self._all(get_args(annotation)))
        if get_origin(annotation) is Literal:
            values = ", ".join(map(self._value, get_args(annotation)))
            return f"{self._call(self._names.of_name('typing', 'Literal'))}[{values}]"
        generic = getattr(annotation, "__pydantic_generic_metadata__", {})
        origin = generic.get("origin") or get_origin(annotation)
        if origin is None:
            return self._named(annotation)
        arguments: Sequence[Any] = generic.get("args") or get_args(annotation)
        return f"{self._named(origin)}[{', '.join(self._all(arguments)) or '()'}]"

    def _all(self, annotations: Iterable[Any]) -> list[str]:
        return [self.write(annotation) for annotation in annotations]

    def _annotated(self, annotation: Any) -> str:
        if (name := self._names.equal_to(annotation)) is not None:
            return self._call(name)
        for item in annotation.__metadata__:
            if hasattr(item, _PUT_IN_ITS_OWN_WAY):
                raise NotWritableError(
                    f"`{shown(annotation)}` is read and written as `{type(item).__name__}` says, "
                    "and has no name in this module: give it one"
                )
        return self.write(annotation.__origin__)

    def _value(self, value: Any) -> str:
        if isinstance(value, enum.Enum):
            return f"{self._named(type(value))}.{value.name}"
        return shown_value(value)

    def _named(self, found: Any) -> str:
        new = self._find(found)
        if new is not None:
            self._needs.new_classes.append(new)
            if new.module == self._names.module:
                return self._call(Reference(new.name, new.line - 1))
            return self._call(self._names.of_name(new.module, new.name, is_new=True))
        if not (inspect.isclass(found) or is_alias(found) or hasattr(found, "__supertype__")):
            raise NotWritableError(f"`{shown(found)}` has no name")
        return self._call(self._names.of_object(found))

    def _call(self, reference: Reference) -> str:
        self._needs.line = max(self._needs.line, reference.line)
        if reference.new_import is not None:
            self._needs.new_imports.add(reference.new_import)
        return reference.text
