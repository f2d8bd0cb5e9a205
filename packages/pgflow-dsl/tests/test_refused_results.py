"""Results that JSON or jsonb cannot hold are refused one by one."""

import dataclasses
import datetime as dt
import math
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    JsonValue,
    PlainSerializer,
)
from tests.support.dsl_flows import Model, Page, step_returning

from pgflow_dsl.types.encode import MAX_BYTES, depth_of, holds_non_finite
from pgflow_manifest import MAX_JSON_DEPTH, ResultNotSerializableError


@dataclasses.dataclass
class Data:
    n: int
    when: dt.datetime | None = None


@pytest.mark.parametrize(
    ("annotation", "value", "text"),
    [
        (float, math.nan, "inf or nan"),
        (float | None, math.inf, "inf or nan"),
        (list[float | None], [None, 1.0, -math.inf], "inf or nan"),
        (dict[str, float], {"a": math.nan}, "inf or nan"),
        (Decimal, Decimal("NaN"), "inf or nan"),
        (Decimal, Decimal("Infinity"), "inf or nan"),
        (JsonValue, [math.nan], "inf or nan"),
        (str, "a\0b", "\\u0000"),
        (str, "\\\0", "\\u0000"),
        (dict[str, int], {"a\0": 1}, "\\u0000"),
        (str, "\ud800", "lone surrogate"),
        (dict[str, int], {"\udfff": 1}, "lone surrogate"),
        (int, "1", "it is a `str` where `int` was declared"),
        (int, None, "it is None where `int` was declared"),
        (Model, None, "it is None where `Model` was declared"),
        (Model, {"n": 1}, "it is a `dict` where `Model` was declared"),
        (Model, Model.model_construct(n="a"), "its field 'n' is a `str` where `int`"),
        (list[int], [1, "a"], "a part of it is a `str` where `int` was declared"),
        (list[int], (1, 2), "it is a `tuple` where `list[int]` was declared"),
        (int | str, 1.5, "it is a `float` where"),
        (list[JsonValue], [object()], "could not be written as JSON"),
        (None, 0, "it is a `int` where `none` was declared"),
    ],
)
def test_a_result_that_json_or_jsonb_cannot_hold_is_refused(
    annotation: Any, value: Any, text: str
) -> None:
    step, _reader = step_returning(annotation)
    with pytest.raises(ResultNotSerializableError) as caught:
        step.encode_result(value)
    message = str(caught.value)
    assert message.startswith("[PF601] step 'made' of flow 'codec': the result cannot be stored as")
    assert text in message
    assert "\n  mend: " in message


def test_text_that_only_looks_like_an_escape_is_fine() -> None:
    step, _reader = step_returning(str)
    for text in ("\\u0000", "\\\\u0000", "null NaN Infinity", "\ufffd" * 3):
        assert step.decode_result(step.encode_result(text)) == text


def test_words_that_look_like_nan_do_not_hide_finite_numbers() -> None:
    step, _reader = step_returning(dict[str, float | None])
    value = {"null": None, "NaN": 1.5}
    assert step.decode_result(step.encode_result(value)) == value


class Outer(BaseModel):
    inner: "Measured | None" = None


class Measured(BaseModel):
    value: float | None = None


def test_what_is_not_finite_is_found_in_a_class_defined_further_down() -> None:
    step, _reader = step_returning(Outer)
    with pytest.raises(ResultNotSerializableError, match="inf or nan"):
        step.encode_result(Outer(inner=Measured(value=math.nan)))


def nested(levels: int) -> Any:
    value: Any = '[[[ \\" {{{'
    for _ in range(levels):
        value = [value]
    return value


def test_nesting_is_refused_beyond_what_can_be_read_back() -> None:
    step, reader = step_returning(JsonValue)
    text = step.encode_result(nested(MAX_JSON_DEPTH))
    assert reader.decode_args(b'{"it":%b}' % text)["it"] == nested(MAX_JSON_DEPTH)
    for levels in (MAX_JSON_DEPTH + 1, 240, 501, 5_000):
        with pytest.raises(ResultNotSerializableError, match="more than 199 levels deep"):
            step.encode_result(nested(levels))


def test_a_wide_result_is_not_deep() -> None:
    step, _reader = step_returning(JsonValue)
    assert step.encode_result([[1] for _ in range(1_000)]).count(b"[") == 1_001


def test_depth_is_counted_without_recursion() -> None:
    assert depth_of(b'{"a[[": [[], {"b": [1]}]}', at_most=10) == 4
    assert depth_of(b"1", at_most=10) == 0
    assert depth_of(b"[" * 50 + b"]" * 50, at_most=10) == 11


def test_a_result_that_holds_itself_is_refused() -> None:
    step, _reader = step_returning(list[JsonValue])
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(ResultNotSerializableError, match=r"holds itself|levels deep"):
        step.encode_result(circle)


def test_a_number_that_cannot_be_read_back_is_refused() -> None:
    step, reader = step_returning(int)
    with pytest.raises(ResultNotSerializableError, match="more than 4,300 digits"):
        step.encode_result(-(10**4_300))
    longest = step.encode_result(10**4_299)
    assert reader.decode_args(b'{"it":%b}' % longest) == {"it": 10**4_299}
    assert len(step_returning(str)[0].encode_result("1" * 200_000)) == 200_002


def test_a_result_beyond_the_size_of_jsonb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_BYTES == 2**28 - 1
    monkeypatch.setattr("pgflow_dsl.types.encode.MAX_BYTES", 200_000)
    step, _reader = step_returning(str)
    assert len(step.encode_result("x" * 199_998)) == 200_000
    with pytest.raises(ResultNotSerializableError, match=r"200,001 bytes .* at most 200,000"):
        step.encode_result("x" * 199_999)


def test_an_exception_of_the_users_own_serializer_is_told_and_chained() -> None:
    def fail(_: int) -> str:
        raise RuntimeError("no luck\nsecond line " + "x" * 300)

    class Failing(BaseModel):
        n: Annotated[int, PlainSerializer(fail, return_type=str)]

    with pytest.raises(ResultNotSerializableError, match="no luck") as caught:
        step_returning(Failing)[0].encode_result(Failing(n=1))
    assert caught.value.__cause__ is not None
    assert "second line" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.5, False),
        (math.inf, True),
        (Decimal(1), False),
        (Decimal("nan"), True),
        ({"a": [(1, {2.0, math.nan})]}, True),
        ({math.inf: 1}, True),
        (Data(n=1), False),
        (Page[float](items=[math.nan]), True),
        ([object()], False),
    ],
)
def test_what_is_not_finite_is_found_anywhere(value: object, expected: bool) -> None:
    assert holds_non_finite(value) is expected


def test_extra_fields_are_searched_for_what_is_not_finite() -> None:
    class Open(BaseModel):
        model_config = ConfigDict(extra="allow")
        n: float | None = None

    assert holds_non_finite(Open(n=1.0, more=math.nan))  # type: ignore[call-arg]
    circle: list[Any] = [None]
    circle[0] = circle
    assert not holds_non_finite(circle)
