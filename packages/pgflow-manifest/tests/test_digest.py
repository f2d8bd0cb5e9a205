"""Digests cover what must be equal for two flows to be the same contract, and nothing else."""

from collections.abc import Callable
from typing import Any

import pytest

from pgflow_manifest import (
    EachInput,
    FlowOptions,
    FlowSpec,
    JsonSchema,
    PayloadInput,
    ResultInput,
    StepOptions,
    StepSpec,
    with_digests,
)
from pgflow_manifest.digest import contract_of_schema, digest_of

TEXT: JsonSchema = {"type": "string"}


def a_flow(**changes: Any) -> FlowSpec:
    first = StepSpec(slug="first", result_schema=TEXT, digest="0" * 64)
    second = StepSpec(
        slug="second",
        deps=("first",),
        inputs={"text": ResultInput(step="first"), "owner": PayloadInput(path=("owner",))},
        result_schema=TEXT,
        digest="0" * 64,
    )
    flow = FlowSpec(slug="f", payload_schema={}, steps=(first, second), digest="0" * 64)
    return flow.model_copy(update=changes)


def with_second_step(**changes: Any) -> FlowSpec:
    flow = a_flow()
    return flow.model_copy(
        update={"steps": (flow.steps[0], flow.steps[1].model_copy(update=changes))}
    )


@pytest.mark.parametrize(
    "changed",
    [
        lambda: a_flow(description="said differently"),
        lambda: a_flow(client_startable=True),
        lambda: a_flow(options=FlowOptions(max_attempts=9)),
        lambda: a_flow(payload_schema={"title": "Payload", "description": "new docstring"}),
        lambda: with_second_step(description="said differently"),
        lambda: with_second_step(options=StepOptions(timeout_seconds=1.0)),
        lambda: with_second_step(result_schema={**TEXT, "title": "T", "examples": ["a"]}),
        lambda: with_second_step(inputs=dict(reversed(with_second_step().steps[1].inputs.items()))),
    ],
)
def test_what_only_describes_or_tunes_is_no_new_contract(changed: Callable[[], FlowSpec]) -> None:
    before, after = with_digests(a_flow()), with_digests(changed())
    assert after.digest == before.digest
    assert [step.digest for step in after.steps] == [step.digest for step in before.steps]


@pytest.mark.parametrize(
    ("changed", "same_steps"),
    [
        (lambda: a_flow(slug="g"), []),
        (lambda: a_flow(payload_schema={"type": "object"}), ["first"]),
        (lambda: with_second_step(slug="third"), ["first"]),
        (lambda: with_second_step(result_schema={"type": "integer"}), ["first"]),
        (lambda: with_second_step(inputs={"text": ResultInput(step="first")}), ["first"]),
        (
            lambda: with_second_step(inputs={"text": ResultInput(step="first", path=(0,))}),
            ["first"],
        ),
        (lambda: with_second_step(inputs={}, deps=()), ["first"]),
    ],
)
def test_what_handlers_see_is_a_new_contract(
    changed: Callable[[], FlowSpec], same_steps: list[str]
) -> None:
    before, after = with_digests(a_flow()), with_digests(changed())
    assert after.digest != before.digest
    known = {step.digest for step in before.steps}
    assert [step.slug for step in after.steps if step.digest in known] == same_steps


def a_map(**changes: Any) -> FlowSpec:
    return with_second_step(
        **{
            "kind": "map",
            "over": ResultInput(step="first"),
            "inputs": {"text": EachInput()},
            "result_schema": {"type": "array", "items": TEXT},
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("changed", "same_steps"),
    [
        (lambda: a_map(over=ResultInput(step="first", path=("texts",))), ["first"]),
        (lambda: a_map(over=PayloadInput()), ["first"]),
        (lambda: a_map(inputs={"text": EachInput(path=("name",))}), ["first"]),
        (lambda: a_map(inputs={"text": EachInput(), "all": ResultInput(step="first")}), ["first"]),
        (lambda: a_map(kind="single", over=None), ["first"]),
        (
            lambda: a_map().model_copy(update={"payload_schema": {"type": "object"}}),
            ["first", "second"],
        ),
        (
            lambda: a_map().model_copy(
                update={
                    "steps": (
                        a_map().steps[0].model_copy(update={"result_schema": {"type": "integer"}}),
                        a_map().steps[1],
                    )
                }
            ),
            [],
        ),
    ],
)
def test_list_and_item_of_a_map_are_part_of_its_contract(
    changed: Callable[[], FlowSpec], same_steps: list[str]
) -> None:
    before, after = with_digests(a_map()), with_digests(changed())
    assert after.digest != before.digest
    known = {step.digest for step in before.steps}
    assert [step.slug for step in after.steps if step.digest in known] == same_steps


def test_order_only_dep_changes_the_flow_and_not_the_step() -> None:
    waiting = with_digests(with_second_step(inputs={}))
    free = with_digests(with_second_step(inputs={}, deps=()))
    assert waiting.digest != free.digest
    assert waiting.steps[1].digest == free.steps[1].digest


def test_properties_that_are_called_like_annotations_stay() -> None:
    schema: JsonSchema = {
        "title": "Note",
        "description": "dropped",
        "properties": {
            "title": {"type": "string", "title": "Title"},
            "description": {"type": "string", "default": "x"},
            "default": {"anyOf": [{"type": "null", "title": "Nothing"}, {"type": "string"}]},
        },
        "required": ["title", "description"],
        "$defs": {"title": {"type": "object", "$comment": "dropped"}},
        "enum": [{"title": "kept"}],
        "const": {"description": "kept"},
    }
    assert contract_of_schema(schema) == {
        "properties": {
            "title": {"type": "string"},
            "description": {"type": "string"},
            "default": {"anyOf": [{"type": "null"}, {"type": "string"}]},
        },
        "required": ["title", "description"],
        "$defs": {"title": {"type": "object"}},
        "enum": [{"title": "kept"}],
        "const": {"description": "kept"},
    }


def test_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert digest_of({"a": 1, "b": {"c": 2, "d": 3}}) == digest_of({"b": {"d": 3, "c": 2}, "a": 1})


def test_digest_is_the_sha256_of_canonical_json() -> None:
    assert digest_of({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
