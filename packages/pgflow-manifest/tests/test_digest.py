"""Digests cover what must be equal for two flows to be the same contract, and nothing else."""

from collections.abc import Callable
from typing import Any

import pytest

from pgflow_manifest import (
    EachInput,
    FlowOptions,
    FlowSpec,
    JsonSchema,
    Not,
    OneOf,
    OperandTest,
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


WHEN = OneOf(left=ResultInput(step="first"), values=("a",))


@pytest.mark.parametrize(
    "changed",
    [
        lambda: with_second_step(when=WHEN),
        lambda: with_second_step(when=WHEN, when_unmet="fail"),
        lambda: with_second_step(when=WHEN, when_unmet="skip_cascade"),
        lambda: with_second_step(when=Not(of=WHEN)),
        lambda: with_second_step(on_failure="skip"),
        lambda: with_second_step(on_failure="skip_cascade"),
    ],
)
def test_when_a_step_starts_is_of_the_flow_and_not_of_the_step(
    changed: Callable[[], FlowSpec],
) -> None:
    before, after = with_digests(a_flow()), with_digests(changed())
    assert after.digest != before.digest
    assert [step.digest for step in after.steps] == [step.digest for step in before.steps]


@pytest.mark.parametrize(
    ("update", "is_seen"),
    [
        ({"on_failure": "skip"}, True),
        ({"on_failure": "skip_cascade"}, False),
        ({"when": OperandTest(op="is_null", of=PayloadInput())}, True),
        ({"when": OperandTest(op="is_null", of=PayloadInput()), "when_unmet": "fail"}, False),
    ],
)
def test_that_null_can_stand_for_an_argument_is_part_of_the_contract(
    update: dict[str, Any], is_seen: bool
) -> None:
    before = with_digests(a_flow())
    first, second = a_flow().steps
    steps = (first.model_copy(update=update), second)
    after = with_digests(a_flow(steps=steps))
    assert after.steps[0].digest == before.steps[0].digest
    assert (after.steps[1].digest != before.steps[1].digest) is is_seen


def test_digests_of_flows_without_conditions_are_what_they_were() -> None:
    flow = with_digests(a_flow())
    assert flow.digest == "2aa8acd2cfd8d4d988469b83a9dbe57e49780ebd673a8290136802a30e2b4788"
    assert [step.digest for step in flow.steps] == [
        "5b71185c8361cddc83b3330e7bf2b9b3302e2bc07e0359e940ec6a726b60fa0b",
        "79e523861994a28260f68ea248fd502375c4da8cb07ff82550f10261130c4edb",
    ]


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
