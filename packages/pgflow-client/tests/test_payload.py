"""What is sent as a payload, and what is refused."""

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, TypedDict
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

from pgflow_client.payload import encode_payload
from pgflow_manifest import MAX_JSON_DEPTH, NotStorableError

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
JSON_VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20
)


class Owner(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)
    owner_id: int
    joined_at: datetime


class Level(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)
    sound_level: float


@dataclass
class Memo:
    name: str
    owner: Owner
    size: Annotated[int, PlainSerializer(lambda size: f"{size} B")]


class MemoDict(TypedDict):
    id: UUID
    at: datetime


class Colour(Enum):
    RED = "red"


OWNER = Owner(owner_id=7, joined_at=datetime(2026, 1, 2, tzinfo=UTC))
OWNER_JSON = {"ownerId": 7, "joinedAt": "2026-01-02T00:00:00Z"}


@given(JSON_VALUES)
def test_every_json_value_is_encoded_as_it_is(value: object) -> None:
    assert json.loads(encode_payload(value)) == value


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (OWNER, OWNER_JSON),
        ({"owners": [OWNER]}, {"owners": [OWNER_JSON]}),
        (Memo("a", OWNER, 3), {"name": "a", "owner": OWNER_JSON, "size": "3 B"}),
        (
            MemoDict(id=UUID(int=1), at=datetime(2026, 1, 2, tzinfo=UTC)),
            {"id": str(UUID(int=1)), "at": "2026-01-02T00:00:00Z"},
        ),
        ((1, [2], {"colour": Colour.RED}), [1, [2], {"colour": "red"}]),
        ({"price": Decimal("1.10")}, {"price": "1.10"}),
        ("ünï\U0001f600", "ünï\U0001f600"),
        (None, None),
    ],
)
def test_what_pydantic_can_serialise_is_encoded_by_alias(payload: object, expected: object) -> None:
    text = encode_payload(payload)

    assert json.loads(text) == expected
    assert text.isascii()


def nested(depth: int, *, in_objects: bool = False) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value} if in_objects else [value]
    return value


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    ("payload", "at", "told"),
    [
        ({"a": ["x", "b\x00c"]}, "/a/1", r"\u0000"),
        ({"a": "\ud800"}, "/a", r"'\ud800'"),
        ({"ok": 1, "a": {"\x00": 1}}, "/a", "key"),
        ({"a": {"\udfff": 1}}, "/a", "lone surrogate"),
        ([1.0, float("nan")], "/1", "nan"),
        (float("-inf"), "", "-inf"),
        ({"x/y": {"m~n": float("inf")}}, "/x~1y/m~0n", "inf"),
        ({"a": {1: 2}}, "/a", "int"),
        ({"a": {None: 2}}, "/a", "NoneType"),
        ({"a": b"x"}, "/a", "bytes"),
        ({"a": bytearray(b"x")}, "/a", "bytearray"),
        ({"a": 10**200_000}, "/a", "131072"),
        ({"a": -(10**5_000)}, "/a", "digits"),
        ({"a": Decimal("1e200000")}, "/a", "Decimal"),
        ({"a": Decimal("NaN")}, "/a", "Decimal"),
        ({"a": object()}, "/a", "object"),
        ({"a": Level(sound_level=float("nan"))}, "/a/soundLevel", "nan"),
        (nested(MAX_JSON_DEPTH + 1), "/0" * MAX_JSON_DEPTH, str(MAX_JSON_DEPTH)),
        (nested(100_000), "/0" * MAX_JSON_DEPTH, str(MAX_JSON_DEPTH)),
        (nested(100_000, in_objects=True), "/a" * MAX_JSON_DEPTH, str(MAX_JSON_DEPTH)),
        (CIRCLE, "/0" * MAX_JSON_DEPTH, str(MAX_JSON_DEPTH)),
    ],
)
def test_what_jsonb_cannot_hold_is_refused_with_its_pointer(
    payload: object, at: str, told: str
) -> None:
    with pytest.raises(NotStorableError) as caught:
        encode_payload(payload)

    assert caught.value.code == "PF208"
    assert caught.value.details["at"] == at
    assert told in caught.value.message
    assert caught.value.hint
    assert len(str(caught.value)) < 700


def test_a_model_that_holds_too_deep_json_is_refused() -> None:
    class Holder(BaseModel):
        value: Any = Field(alias="v")

    with pytest.raises(NotStorableError, match="at /h"):
        encode_payload({"h": Holder(v=nested(5_000))})


def test_the_deepest_allowed_payload_is_encoded() -> None:
    text = encode_payload(nested(MAX_JSON_DEPTH))

    assert text == "[" * MAX_JSON_DEPTH + "1" + "]" * MAX_JSON_DEPTH


def test_a_caller_deep_in_the_stack_can_encode_too() -> None:
    def at_depth(frames: int) -> str:
        return at_depth(frames - 1) if frames else encode_payload(nested(MAX_JSON_DEPTH))

    frame, used = sys._getframe(), 0
    while frame := frame.f_back:  # type: ignore[assignment]
        used += 1

    assert at_depth(sys.getrecursionlimit() - used - 60)


def test_a_huge_text_does_not_leak_into_the_message() -> None:
    with pytest.raises(NotStorableError) as caught:
        encode_payload({"secret" * 100: "x" * 10_000 + "\x00"})

    assert "xxx" not in str(caught.value)
    assert len(caught.value.message) < 400
