"""Write the TypedDicts that dict displays need, each once in its module."""

import keyword
import re
import sys
import typing
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import typing_extensions

from pgflow_cli.annotating.module_names import ModuleNames, Reference, lookup
from pgflow_cli.annotating.source_file import SourceFile
from pgflow_cli.annotating.type_text import NewTypedDict, type_text
from pgflow_cli.shape_text import shown_value
from pgflow_dsl.types.annotations import is_typed_dict, parts, unqualified

# pydantic refuses `typing.TypedDict` below 3.12, and the same source may run there.
_USABLE: Final[list[object]] = [typing_extensions.TypedDict]
if sys.version_info >= (3, 12):
    _USABLE.append(typing.TypedDict)


class NewTypedDicts:
    """The TypedDicts of all modules, by the runtime types that they are written for."""

    def __init__(self) -> None:
        # The types are kept too: an id may be used again once its object is gone.
        self._found: dict[int, tuple[Any, NewTypedDict]] = {}
        self._alike: dict[object, NewTypedDict] = {}

    def find(self, made: Any) -> NewTypedDict | None:
        """Return what is written for *made*, if anything is."""
        return self._found.get(id(made), (None, None))[1]

    def add_all(self, annotation: Any, names: ModuleNames, line: int) -> None:
        """Make a class of every TypedDict in *annotation* that only this process has.

        Raises:
            NotWritableError: a part of one has no name that could be used in the module.
        """
        for part in _inside(annotation):
            self.add_all(part, names, line)
        if _is_made(annotation) and self.find(annotation) is None:
            for _, part in parts(annotation):
                self.add_all(unqualified(part), names, line)
            self._found[id(annotation)] = (annotation, self._new(annotation, names, line))

    def _new(self, made: Any, names: ModuleNames, line: int) -> NewTypedDict:
        fields = {
            key: (type_text(unqualified(part), names, self.find), key in made.__required_keys__)
            for key, part in parts(made)
            if key is not None
        }
        texts = tuple((key, text.text, required) for key, (text, required) in fields.items())
        alike = (names.module, made.__name__, texts)
        if alike not in self._alike:
            optional = any(not required for _, required in fields.values())
            self._alike[alike] = NewTypedDict(
                name=names.reserve(made.__name__),
                module=names.module,
                line=line,
                fields=fields,
                base=_base(names),
                not_required=names.of_name("typing_extensions", "NotRequired")
                if optional
                else None,
            )
        return self._alike[alike]


def _base(names: ModuleNames) -> Reference:
    for usable in _USABLE:
        if (bound := names.equal_to(usable)) is not None:
            return bound
    return names.of_name("typing_extensions", "TypedDict")


def _is_made(annotation: Any) -> bool:
    """Whether *annotation* is a TypedDict that no source holds."""
    if not is_typed_dict(annotation):
        return False
    return lookup(annotation.__module__, annotation.__qualname__) is not annotation


def _inside(annotation: Any) -> Iterator[Any]:
    """Yield the types that *annotation* is given as arguments; not those of fields."""
    if get_origin(annotation) is Annotated:
        yield annotation.__origin__
    elif get_origin(annotation) is not Literal:
        generic = getattr(annotation, "__pydantic_generic_metadata__", {})
        yield from generic.get("args") or get_args(annotation)


def class_text(new: NewTypedDict, source: SourceFile, *, postpones: bool) -> str:
    """Return the source of *new*, with the lines that part it from what follows."""
    end = source.newline
    # In the body of a class a field hides the type of the same name, and `__key` is renamed.
    as_class = all(map(_is_plain, new.fields)) and not _words(
        text.text for text, _ in new.fields.values()
    ).intersection(new.fields)
    base = new.base.text
    if as_class and not new.fields:
        lines = [f"class {new.name}({base}):", f"{source.indent}pass"]
    elif as_class:
        lines = [f"class {new.name}({base}):"]
        lines += [
            f"{source.indent}{key}: {_field(new, key, postpones=postpones)}" for key in new.fields
        ]
    else:
        one, two = source.indent, source.indent * 2
        lines = [f"{new.name} = {base}(", f"{one}{shown_value(new.name)},", f"{one}{{"]
        lines += [
            f"{two}{shown_value(key)}: {_field(new, key, postpones=False)}," for key in new.fields
        ]
        lines += [f"{one}}},", ")"]
    return end.join(lines) + end * 3


def _field(new: NewTypedDict, key: str, *, postpones: bool) -> str:
    text, required = new.fields[key]
    inside = text.text if postpones else text.quoted_at(new.line)
    if required or new.not_required is None:
        return inside
    return f"{new.not_required.text}[{inside}]"


def _is_plain(key: str) -> bool:
    return (
        key.isidentifier()
        and not keyword.iskeyword(key)
        and not key.startswith("__")
        and unicodedata.normalize("NFKC", key) == key
    )


def _words(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in re.findall(r"\w+", text)}
