"""The run-time check of types refuses what is surely wrong and nothing else."""

import collections.abc as c
import dataclasses
import datetime as dt
import enum
import typing as t
import uuid

import pytest
from pydantic import AwareDatetime, BaseModel, EmailStr, JsonValue, PositiveInt
from typing_extensions import TypeAliasType, TypedDict

from pgflow_dsl.types.assignable import fits

T = t.TypeVar("T")


class A(BaseModel):
    x: int


class B(A):
    y: int


class Z(BaseModel):
    x: int


@dataclasses.dataclass
class D:
    x: int


class TD(TypedDict):
    x: int


class TD2(TypedDict):
    x: int


class E(enum.Enum):
    a = "a"


class S(enum.StrEnum):
    a = "a"


class NT(t.NamedTuple):
    a: int


class P(BaseModel, t.Generic[T]):
    i: list[T]


U = t.NewType("U", str)
Ints = TypeAliasType("Ints", list[int])
Lists = TypeAliasType("Lists", list[T], type_params=(T,))

FITTING: list[tuple[t.Any, t.Any]] = [
    (A, A),
    (B, A),
    (int, float),
    (bool, int),
    (bool, float),
    (int, int | None),
    (None, int | None),
    (None, None),
    (list[int], list[int]),
    (list[B], list[A]),
    (list[int], list[float]),
    (list[int], t.Sequence[int]),
    (list[int], c.Iterable[int]),
    (tuple[int, str], tuple[int, str]),
    (tuple[int, ...], tuple[int, int]),
    (tuple[int, int], tuple[int, ...]),
    (tuple[int, int], t.Sequence[int]),
    (dict[str, int], t.Mapping[str, int]),
    (TD, TD2),
    (TD, dict[str, int]),
    (TD, t.Mapping[str, object]),
    (dict[str, int], TD),
    (S, str),
    (t.Literal["a"], str),
    (t.Literal["a"], t.Literal["a", "b"]),
    (str, t.Literal["a"]),
    (E, t.Literal[E.a]),
    (NT, NT),
    (NT, tuple[int]),
    (P[int], P[int]),
    (P[B], P[A]),
    (P[int], P[str]),  # how a model uses its type variables cannot be seen
    (U, str),
    (str, U),
    (Ints, list[int]),
    (Lists[int], t.Sequence[int]),
    (EmailStr, str),
    (str, EmailStr),
    (PositiveInt, int),
    (int, PositiveInt),
    (AwareDatetime, dt.datetime),
    (t.Any, int),
    (T, int),
    (A | B, A),
    (list[int] | None, t.Sequence[int] | None),
    (t.Annotated[int, "meta"], int),
    (list, list[int]),
    (EmailStr, t.Literal["a"]),
    (dict[str, int], c.Iterable[str]),
    (tuple[int, ...], tuple[int, int]),
]

WRONG: list[tuple[t.Any, t.Any]] = [
    (A, B),
    (A, Z),
    (A, str),
    (str, int),
    (float, int),
    (int | None, int),
    (None, int),
    (str, None),
    (list[int], list[str]),
    (list[int], c.Sequence[str]),
    (list[int], str),
    (set[int], list[int]),
    (tuple[int, str], tuple[int]),
    (tuple[int, str], tuple[int, ...]),
    (tuple[int, str], list[int]),
    (tuple[int, str], t.Sequence[int]),
    (dict[str, int], dict[str, str]),
    (TD, str),
    (A, TD),
    (TD, A),
    (D, A),
    (E, str),
    (str, E),
    (int, t.Literal["a"]),
    (t.Literal["a", "c"], t.Literal["a", "b"]),
    (t.Literal["a"], int),
    (NT, str),
    (P[int], A),
    (dt.datetime, dt.date),
    (dt.date, dt.datetime),
    (uuid.UUID, str),
    (A | Z, A),
    (A | None, B | None),
    (JsonValue, str),
    (Lists[int], list[str]),
]


@pytest.mark.parametrize(("source", "target"), FITTING, ids=str)
def test_a_type_that_may_fit_is_accepted(source: t.Any, target: t.Any) -> None:
    assert fits(source, target)


@pytest.mark.parametrize(("source", "target"), WRONG, ids=str)
def test_a_type_that_surely_does_not_fit_is_refused(source: t.Any, target: t.Any) -> None:
    assert not fits(source, target)
