"""Arguments are read from JSON into the types of the handler, or refused by pointer."""

import dataclasses
import datetime as dt
from collections.abc import Callable
from typing import Annotated

import pytest
from pydantic import BaseModel, Field

from pgflow_dsl import Flow
from pgflow_manifest import ArgumentsInvalidError


class Model(BaseModel):
    n: int
    text: str | None = None


@dataclasses.dataclass
class Data:
    n: int
    when: dt.datetime | None = None


flow = Flow("codec", payload=Model)


@flow.step
def source(memo: Model = flow.payload) -> Data:
    return Data(n=memo.n)


@flow.step
def target(
    memo: Model = flow.payload,
    data: Data = source.result,
    when: dt.datetime | None = source.result.when,
) -> str:
    return f"{memo.n} {data.n} {when}"


@pytest.mark.parametrize("make", [str.encode, str])
def test_arguments_are_read_from_text_or_bytes(make: Callable[[str], bytes | str]) -> None:
    text = '{"memo": {"n": 1}, "data": {"n": 2, "when": null}, "when": "2026-01-01T00:00:00Z"}'
    assert target.decode_args(make(text)) == {
        "memo": Model(n=1),
        "data": Data(n=2),
        "when": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    }


@pytest.mark.parametrize(
    ("text", "pointers"),
    [
        (b'{"memo": {"n": "secret"}, "data": {}, "when": null}', ["/memo/n", "/data/n"]),
        (b'{"memo": {"n": 1}, "data": null}', ["/data", "/when"]),
        (b"[]", [""]),
        (b"not json", [""]),
        (b"[" * 100_000, [""]),
    ],
)
def test_arguments_that_do_not_fit_are_refused_with_pointers_and_without_values(
    text: bytes, pointers: list[str]
) -> None:
    with pytest.raises(ArgumentsInvalidError) as caught:
        target.decode_args(text)
    assert [error["at"] for error in caught.value.details["errors"]] == pointers
    assert "step 'target' of flow 'codec'" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert not caught.value.retryable


def test_an_argument_goes_by_its_own_name_whatever_alias_its_type_carries() -> None:
    own = Flow("codec", payload=Model)

    @own.step
    def one(n: Annotated[int, Field(alias="number", gt=1)] = own.payload.n) -> int:
        return n

    assert one.decode_args(b'{"n": 2}') == {"n": 2}
    with pytest.raises(ArgumentsInvalidError, match="/n: Input should be greater than 1"):
        one.decode_args(b'{"n": 1}')


def test_a_step_without_arguments_reads_an_empty_object() -> None:
    own = Flow("codec", payload=Model)

    @own.step
    def alone() -> int:
        return 1

    assert alone.decode_args(b"{}") == {}
    assert alone.decode_args("{}") == {}
