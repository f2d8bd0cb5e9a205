"""Results that the static bound refuses: 16 forms."""

from __future__ import annotations

from pgflow_dsl import Flow
from shared import Custom, VoiceMemo

flow = Flow("json_wrong", payload=VoiceMemo)


@flow.step
def w01() -> set[int]:
    raise AssertionError  # error in statement


@flow.step
def w02() -> frozenset[str]:
    raise AssertionError  # error in statement


@flow.step
def w03() -> bytes:
    raise AssertionError  # error in statement


@flow.step
def w04() -> bytearray:
    raise AssertionError  # error in statement


@flow.step
def w05() -> complex:
    raise AssertionError  # error in statement


@flow.step
def w06() -> range:
    raise AssertionError  # error in statement


@flow.step
def w07() -> object:
    raise AssertionError  # error in statement


@flow.step
def w08() -> type[int]:
    raise AssertionError  # error in statement


@flow.step
def w09() -> Custom:
    raise AssertionError  # error in statement


@flow.step
def w10() -> dict[int, str]:
    raise AssertionError  # error in statement


@flow.step
async def w11() -> list[set[int]]:
    raise AssertionError  # error in statement


@flow.step
def w12() -> dict[str, Custom]:
    raise AssertionError  # error in statement


@flow.step
def w13() -> tuple[int, bytes]:
    raise AssertionError  # error in statement


@flow.step
async def w14() -> int | Custom:
    raise AssertionError  # error in statement


@flow.step
def w15() -> list[object]:
    raise AssertionError  # error in statement


@flow.step
def w16() -> list[Custom] | None:
    raise AssertionError  # error in statement
