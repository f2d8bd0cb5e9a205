"""Results that the static bound accepts: 26 forms."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import uuid
from collections.abc import Mapping
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from pgflow_dsl import Flow
from pydantic import BaseModel
from typing_extensions import TypedDict

T = TypeVar("T")


class Model(BaseModel):
    n: int


class Page(BaseModel, Generic[T]):
    items: list[T]


@dataclasses.dataclass
class Data:
    n: int


class Keys(TypedDict):
    n: int


class Pair(NamedTuple):
    a: int
    b: str


class Color(enum.Enum):
    RED = "red"


flow = Flow("json_ok", payload=Model)


@flow.step
def r01() -> None:
    raise AssertionError


@flow.step
def r02() -> bool:
    raise AssertionError


@flow.step
def r03() -> int:
    raise AssertionError


@flow.step
def r04() -> float:
    raise AssertionError


@flow.step
def r05() -> str:
    raise AssertionError


@flow.step
def r06() -> Color:
    raise AssertionError


@flow.step
def r07() -> uuid.UUID:
    raise AssertionError


@flow.step
def r08() -> decimal.Decimal:
    raise AssertionError


@flow.step
def r09() -> dt.datetime:
    raise AssertionError


@flow.step
def r10() -> dt.date:
    raise AssertionError


@flow.step
def r11() -> dt.time:
    raise AssertionError


@flow.step
def r12() -> dt.timedelta:
    raise AssertionError


@flow.step
def r13() -> Model:
    raise AssertionError


@flow.step
def r14() -> Page[Model]:
    raise AssertionError


@flow.step
def r15() -> Data:
    raise AssertionError


@flow.step
def r16() -> Keys:
    raise AssertionError


@flow.step
def r17() -> Pair:
    raise AssertionError


@flow.step
def r18() -> tuple[int, str]:
    raise AssertionError


@flow.step
def r19() -> list[Model]:
    raise AssertionError


@flow.step
def r20() -> dict[str, list[int]]:
    raise AssertionError


@flow.step
def r21() -> Literal["a", "b"]:
    raise AssertionError


@flow.step
def r22() -> int | str | None:
    raise AssertionError


@flow.step
async def r23() -> list[dict[str, tuple[Data, ...]]]:
    raise AssertionError


@flow.step
def r24() -> Any:
    raise AssertionError


@flow.step
def r25() -> dict[str, Any]:
    raise AssertionError


@flow.step
async def r26() -> Mapping[str, Keys | None]:
    raise AssertionError
