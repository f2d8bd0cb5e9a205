"""What may cross a step's border, as type checkers see it: the bound `Json`.

Why here: a handler that returns a `set` or an open file should be underlined in the editor, long
before `pgflow compile`. What a checker cannot see (the fields of a model, `Any`) is checked again
at import by `exact_json.py`. Measured under mypy, pyright, pyrefly and ty: `typing_tests/`. Next:
`flow.py`, whose decorators carry these bounds.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Protocol, SupportsIndex, TypeAlias, TypeVar, Union

from pydantic import BaseModel
from typing_extensions import TypedDict

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class DataclassLike(Protocol):
    """Any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


class TypedDictLike(TypedDict):
    """Any TypedDict: each is assignable to the empty one, while no plain dict is."""


class ListLike(Protocol[T_co]):
    """A list seen covariantly; str, bytes, set, range and deque do not fit."""

    def __iter__(self) -> Iterator[T_co]: ...

    def reverse(self) -> None:
        """As of `list`."""
        ...

    def pop(self, index: SupportsIndex = ..., /) -> T_co:
        """As of `list`."""
        ...


Json: TypeAlias = Union[
    bool,
    int,
    float,
    str,
    enum.Enum,
    uuid.UUID,
    decimal.Decimal,
    dt.datetime,
    dt.date,
    dt.time,
    dt.timedelta,
    BaseModel,
    DataclassLike,
    TypedDictLike,
    "ListLike[Json]",
    "tuple[Json, ...]",
    "Mapping[str, Json]",
    None,
]
"""What a payload or a result may be, as far as a type checker can tell."""

I = TypeVar("I", bound=Json)  # noqa: E741 - the payload ("input") of a flow
R = TypeVar("R", bound=Json)
R_co = TypeVar("R_co", covariant=True)
