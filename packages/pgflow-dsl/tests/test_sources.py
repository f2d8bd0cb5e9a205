"""A ref records a path, and refuses everything that would need its value."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from pgflow_dsl import Flow
from pgflow_dsl.source import Attribute, Item, source_of
from pgflow_manifest import HandlerSignatureError


class Memo(BaseModel):
    path: str
    kind: list[dict[str, int]]


flow = Flow("refs", payload=Memo)


@flow.step
def first(memo: Memo = flow.payload) -> Memo:
    return memo


def test_a_ref_records_attributes_and_items() -> None:
    source = source_of(first.result.kind[0]["a"])
    assert source is not None
    assert source.parts == (Attribute("kind"), Item(0), Item("a"))
    assert source.step is first
    assert f"{source}" == "first.result.kind[0]['a']"
    assert str(source_of(flow.payload.path)) == "flow.payload.path"
    assert str(source_of(flow.context)) == "flow.context"
    assert source_of("text") is None


def test_fields_called_like_parts_of_a_source_are_fields() -> None:
    source = source_of(first.result.path)
    assert source is not None
    assert source.parts == (Attribute("path"),)


def test_a_ref_can_be_looked_at() -> None:
    assert repr(first.result.path) == "<first.result.path: known while a step runs>"
    assert not hasattr(first.result, "__wrapped__")


@pytest.mark.parametrize(
    "use",
    [
        lambda ref: ref(),
        lambda ref: ref.upper(),
        bool,
        len,
        list,
        str,
        lambda ref: f"{ref}",
        lambda ref: f"{ref:>10}",
        lambda ref: ref + "a",
        lambda ref: "a" + ref,
        lambda ref: 2 * ref,
        lambda ref: "a" in ref,
        lambda ref: setattr(ref, "name", "b"),
        lambda ref: delattr(ref, "name"),
    ],
)
def test_a_ref_refuses_to_be_used_as_a_value(use: Callable[[Any], object]) -> None:
    with pytest.raises(HandlerSignatureError) as caught:
        use(first.result.path)
    assert "`first.result.path" in caught.value.message
    assert "exists only while a step runs" in caught.value.message
    assert caught.value.hint is not None
    assert "take it as an argument of a handler" in caught.value.hint
