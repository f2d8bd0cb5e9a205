"""Results that the static bound refuses: 16 forms."""

from __future__ import annotations

from pgflow_dsl import Flow
from shared import Custom, VoiceMemo

flow = Flow("json_wrong", payload=VoiceMemo)


@flow.step
def w01() -> set[int]:
    raise NotImplementedError  # error in statement


@flow.step
def w02() -> frozenset[str]:
    raise NotImplementedError  # error in statement


@flow.step
def w03() -> bytes:
    raise NotImplementedError  # error in statement


@flow.step
def w04() -> bytearray:
    raise NotImplementedError  # error in statement


@flow.step
def w05() -> complex:
    raise NotImplementedError  # error in statement


@flow.step
def w06() -> range:
    raise NotImplementedError  # error in statement


@flow.step
def w07() -> object:
    raise NotImplementedError  # error in statement


@flow.step
def w08() -> type[int]:
    raise NotImplementedError  # error in statement


@flow.step
def w09() -> Custom:
    raise NotImplementedError  # error in statement


@flow.step
def w10() -> dict[int, str]:
    raise NotImplementedError  # error in statement


@flow.step
async def w11() -> list[set[int]]:
    raise NotImplementedError  # error in statement


@flow.step
def w12() -> dict[str, Custom]:
    raise NotImplementedError  # error in statement


@flow.step
def w13() -> tuple[int, bytes]:
    raise NotImplementedError  # error in statement


@flow.step
async def w14() -> int | Custom:
    raise NotImplementedError  # error in statement


@flow.step
def w15() -> list[object]:
    raise NotImplementedError  # error in statement


@flow.step
def w16() -> list[Custom] | None:
    raise NotImplementedError  # error in statement
