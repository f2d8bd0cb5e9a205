"""Take annotations apart: what a type is once `Annotated`, aliases and new types are peeled off.

Next: `walk.py`, which visits every type inside another.
"""

import dataclasses
import inspect
import types
import typing
from collections.abc import Awaitable, Coroutine, Iterator, Mapping
from typing import Any, NotRequired, Required, TypeVar, Union, cast, get_args, get_origin

import typing_extensions
from pydantic import BaseModel, Field
from pydantic.dataclasses import rebuild_dataclass
from pydantic.fields import FieldInfo
from typing_extensions import ReadOnly

_QUALIFIERS = (Required, NotRequired, ReadOnly, typing.Final, typing.ClassVar)


def peel(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return the type inside `Annotated`, aliases and `NewType`, and all metadata on the way."""
    metadata: tuple[Any, ...] = ()
    while True:
        origin: Any = get_origin(annotation)
        if origin is typing.Annotated:
            metadata = (*annotation.__metadata__, *metadata)
            annotation = annotation.__origin__
        elif origin in _QUALIFIERS:
            annotation = get_args(annotation)[0]
        elif is_alias(origin):
            annotation = substitute(
                origin.__value__,
                dict(zip(origin.__type_params__, get_args(annotation), strict=False)),
            )
        elif is_alias(annotation):
            annotation = annotation.__value__
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        else:
            return annotation, metadata


def without_alias(annotation: Any) -> Any:
    """Return *annotation* without the alias of a field: an argument goes by its own name."""
    if get_origin(annotation) is not typing.Annotated:
        return annotation
    kept: list[Any] = []
    for item in annotation.__metadata__:
        if isinstance(item, FieldInfo) and item.validation_alias is not None:
            kept += [*item.metadata, Field(discriminator=item.discriminator)]
        else:
            kept.append(item)
    return typing.Annotated[(annotation.__origin__, *kept)]


def unqualified(annotation: Any) -> Any:
    """Return *annotation* of a field without `NotRequired` and the like around it."""
    while get_origin(annotation) in _QUALIFIERS:
        annotation = get_args(annotation)[0]
    return annotation


def is_alias(annotation: Any) -> bool:
    """Whether *annotation* was made by a `type` statement or `TypeAliasType`."""
    return hasattr(annotation, "__value__") and hasattr(annotation, "__type_params__")


def is_union(annotation: Any) -> bool:
    """Whether *annotation* is `A | B` in either spelling."""
    return get_origin(annotation) in (Union, types.UnionType)


def substitute(annotation: Any, arguments: Mapping[Any, Any]) -> Any:
    """Return *annotation* with type variables replaced."""
    if isinstance(annotation, TypeVar):
        return arguments.get(annotation, annotation)
    parameters = getattr(annotation, "__parameters__", ())
    if not parameters or inspect.isclass(annotation):
        return annotation
    return annotation[tuple(arguments.get(parameter, parameter) for parameter in parameters)]


def class_of(annotation: Any) -> type | None:
    """Return the class that *annotation* names or parametrises, if it is one."""
    if inspect.isclass(annotation) and get_origin(annotation) is None:
        return annotation
    origin = get_origin(annotation)
    return cast("type", origin) if inspect.isclass(origin) else None


def is_typed_dict(cls: Any) -> bool:
    """Whether *cls* is a class made by TypedDict, of `typing` or `typing_extensions`."""
    return typing_extensions.is_typeddict(cls)


def is_named_tuple(cls: Any) -> bool:
    """Whether *cls* is a class made by NamedTuple."""
    return inspect.isclass(cls) and hasattr(cls, "_fields") and issubclass(cls, tuple)


def has_fields(cls: Any) -> bool:
    """Whether *cls* has named parts: a model, dataclass, TypedDict or NamedTuple."""
    return inspect.isclass(cls) and (
        issubclass(cls, BaseModel)
        or dataclasses.is_dataclass(cls)
        or is_typed_dict(cls)
        or is_named_tuple(cls)
    )


def config_of(annotation: Any) -> dict[str, Any]:
    """Return pydantic's configuration of the class that *annotation* names; empty without one."""
    cls = class_of(annotation)
    config = getattr(cls, "model_config", None) or getattr(cls, "__pydantic_config__", None)
    return cast("dict[str, Any]", config or {})


def field_types(annotation: Any) -> dict[str, Any]:
    """Return the annotation of each named part of a type with fields, metadata included.

    Raises `NameError` when an annotation names something that is not defined (yet).
    """
    cls: Any = class_of(annotation)
    if (declared := _pydantic_fields(cls)) is not None:
        return declared
    hints = typing_extensions.get_type_hints(cls, include_extras=True)
    if dataclasses.is_dataclass(cls):
        hints = {field.name: hints[field.name] for field in dataclasses.fields(cls)}
    elif is_named_tuple(cls):
        hints = {name: hints.get(name, Any) for name in cls._fields}
    parameters = getattr(cls, "__parameters__", ())
    arguments = dict(zip(parameters, get_args(annotation), strict=False))
    return {name: substitute(hint, arguments) for name, hint in hints.items()}


def _pydantic_fields(cls: Any) -> dict[str, Any] | None:
    if not hasattr(cls, "__pydantic_fields__"):
        return None
    if not cls.__pydantic_complete__:
        # Until then a name that the module defined further down is kept as text.
        if issubclass(cls, BaseModel):
            cls.model_rebuild(raise_errors=True)
        else:
            rebuild_dataclass(cls, raise_errors=True)
    annotations: dict[str, Any] = {}
    for name, field in cls.__pydantic_fields__.items():
        annotations[name] = field.annotation
        for item in field.metadata:
            annotations[name] = typing.Annotated[annotations[name], item]
    for name, computed in getattr(cls, "__pydantic_computed_fields__", {}).items():
        annotations[name] = computed.return_type
    return annotations


def parts(annotation: Any) -> Iterator[tuple[str | None, Any]]:
    """Yield what a peeled *annotation* is made of: `(name of the field or None, annotation)`."""
    cls = class_of(annotation)
    if has_fields(cls):
        yield from field_types(annotation).items()
    elif get_origin(annotation) is typing.Literal:
        return
    else:
        for argument in get_args(annotation):
            if argument is not Ellipsis:
                yield None, argument


def awaited_type(annotation: Any) -> tuple[Any, bool]:
    """Return what awaiting a value of type *annotation* gives, and whether it can be awaited."""
    if get_origin(annotation) in (Awaitable, Coroutine):
        return get_args(annotation)[-1], True
    return annotation, False


def shown(annotation: Any) -> str:
    """Return *annotation* as a person would write it, metadata left out."""
    if get_origin(annotation) is typing.Annotated:
        return shown(annotation.__origin__)
    if annotation is type(None):
        return "None"
    if inspect.isclass(annotation) and get_origin(annotation) is None:
        return annotation.__qualname__.rsplit("<locals>.", 1)[-1]
    if is_union(annotation):
        return " | ".join(shown(member) for member in get_args(annotation))
    name = getattr(annotation, "__name__", None)
    origin = get_origin(annotation)
    if inspect.isclass(origin) and get_args(annotation):
        arguments = ", ".join(
            "..." if argument is Ellipsis else shown(argument) for argument in get_args(annotation)
        )
        return f"{shown(origin)}[{arguments}]"
    if name is not None and origin is None:
        return str(name)
    return str(annotation).replace("typing.", "").replace("collections.abc.", "")
