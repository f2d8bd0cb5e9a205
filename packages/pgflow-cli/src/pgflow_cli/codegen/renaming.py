"""Walk through a type: the names in it, and the same type with something else for each name."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from pgflow_cli.codegen.type_model import Array, Named, Object, Record, Tuple, Type, Union, union_of


def names_in(type_: Type) -> Iterator[str]:
    """Yield the name of every declaration that *type_* speaks of."""
    match type_:
        case Named(name=name):
            yield name
        case Array(items=inner) | Record(values=inner):
            yield from names_in(inner)
        case Tuple(prefix=several) | Union(members=several):
            for each in several:
                yield from names_in(each)
            if isinstance(type_, Tuple) and type_.rest is not None:
                yield from names_in(type_.rest)
        case Object(fields=fields, extra=extra):
            for field in fields:
                yield from names_in(field.type)
            if extra is not None:
                yield from names_in(extra)
        case _:
            pass


def replaced(type_: Type, replacement: Callable[[str], Type], *, described: bool = True) -> Type:
    """Return *type_* with something else for each name in it.

    Args:
        type_: the type.
        replacement: what stands for a name from now on.
        described: whether fields keep their texts.
    """

    def again(inner: Type) -> Type:
        return replaced(inner, replacement, described=described)

    match type_:
        case Named(name=name):
            return replacement(name)
        case Array(items=items):
            return Array(items=again(items))
        case Record(values=values):
            return Record(values=again(values))
        case Union(members=members):
            # two of them may be the same now
            return union_of([again(member) for member in members])
        case Tuple(prefix=prefix, rest=rest):
            return replace(
                type_,
                prefix=tuple(again(item) for item in prefix),
                rest=None if rest is None else again(rest),
            )
        case Object(fields=fields, extra=extra):
            return Object(
                fields=tuple(
                    replace(
                        field,
                        type=again(field.type),
                        description=field.description if described else "",
                    )
                    for field in fields
                ),
                extra=None if extra is None else again(extra),
            )
        case _:
            return type_
