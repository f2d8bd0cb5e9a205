"""Inferred types and budgets in a manifest: kept exactly, left out where there are none."""

from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from pgflow_manifest import (
    MAX_JSONB_BYTES,
    FlowOptions,
    FlowSpec,
    InferredResult,
    Manifest,
    ManifestInvalidError,
    StepOptions,
    StepSpec,
    dump_manifest,
    load_manifest,
    with_digests,
)

DIGEST = "0" * 64
SHAPES: list[dict[str, Any]] = [
    {"kind": "none"},
    {"kind": "scalar", "name": "uuid"},
    {"kind": "literal", "values": ["a", 1, True]},
    {"kind": "class", "module": "memo", "name": "Page", "arguments": [{"kind": "none"}]},
    {"kind": "enum_member", "module": "memo", "name": "Colour", "member": "RED"},
    {"kind": "list", "items": {"kind": "scalar", "name": "int"}},
    {"kind": "tuple", "items": {"kind": "set", "items": {"kind": "scalar", "name": "int"}}},
    {"kind": "fixed_tuple", "items": [{"kind": "none"}, {"kind": "scalar", "name": "date"}]},
    {"kind": "fixed_tuple", "items": []},
    {
        "kind": "map",
        "keys": {"kind": "scalar", "name": "str"},
        "values": {"kind": "scalar", "name": "float"},
    },
    {
        "kind": "object",
        "fields": {
            "z": {"type": {"kind": "none"}, "required": True},
            "a": {"type": {"kind": "scalar", "name": "bool"}, "required": False},
        },
    },
    {"kind": "union", "members": [{"kind": "none"}, {"kind": "scalar", "name": "str"}]},
]


def a_manifest(inferred: InferredResult | None) -> Manifest:
    step = StepSpec(slug="s", result_schema={"type": "null"}, inferred=inferred, digest=DIGEST)
    flow = FlowSpec(slug="f", payload_schema={}, steps=(step,), digest=DIGEST)
    return Manifest(flows=(with_digests(flow),))


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: str(shape["kind"]))
def test_shape_survives_the_file(shape: dict[str, Any]) -> None:
    inferred = InferredResult.model_validate_json(
        orjson.dumps({"shape": shape, "handler_digest": DIGEST}), strict=True
    )
    content = dump_manifest(a_manifest(inferred))
    assert orjson.loads(content)["flows"][0]["steps"][0]["inferred"]["shape"] == shape
    assert load_manifest(content).flows[0].steps[0].inferred == inferred


def test_true_and_one_stay_apart_in_a_literal() -> None:
    shape = {"kind": "literal", "values": [True, 1, "1"]}
    inferred = InferredResult.model_validate({"shape": shape, "handler_digest": DIGEST})
    content = dump_manifest(a_manifest(inferred))
    again = load_manifest(content).flows[0].steps[0].inferred
    assert again is not None
    assert repr(again.shape) == repr(inferred.shape)


def test_annotated_step_has_no_trace_of_inference_in_the_file() -> None:
    assert b"inferred" not in dump_manifest(a_manifest(None))


def test_inference_is_no_part_of_the_contract() -> None:
    inferred = InferredResult.model_validate({"shape": {"kind": "none"}, "handler_digest": DIGEST})
    assert a_manifest(inferred).flows[0].digest == a_manifest(None).flows[0].digest


@pytest.mark.parametrize(
    ("shape", "pointer"),
    [
        ({"kind": "any"}, "/flows/0/steps/0/inferred/shape"),
        ({"kind": "scalar", "name": "object"}, "/flows/0/steps/0/inferred/shape/name"),
        ({"kind": "union", "members": [{"kind": "none"}]}, "/flows/0/steps/0/inferred/shape"),
        ({"kind": "literal", "values": []}, "/flows/0/steps/0/inferred/shape/values"),
    ],
)
def test_shape_that_says_nothing_exact_is_refused(shape: dict[str, Any], pointer: str) -> None:
    inferred = InferredResult.model_validate({"shape": {"kind": "none"}, "handler_digest": DIGEST})
    document = orjson.loads(dump_manifest(a_manifest(inferred)))
    document["flows"][0]["steps"][0]["inferred"]["shape"] = shape
    with pytest.raises(ManifestInvalidError) as refusal:
        load_manifest(orjson.dumps(document))
    assert any(problem["at"].startswith(pointer) for problem in refusal.value.details["errors"])


@pytest.mark.parametrize("bytes_", [0, -1, MAX_JSONB_BYTES + 1])
def test_budget_out_of_range_is_refused(bytes_: int) -> None:
    for build in (
        lambda: FlowOptions(max_payload_bytes=bytes_),
        lambda: FlowOptions(max_result_bytes=bytes_),
        lambda: StepOptions(max_result_bytes=bytes_),
    ):
        with pytest.raises(ValidationError):
            build()


def test_budget_may_be_anything_that_jsonb_can_hold() -> None:
    options = FlowOptions(max_payload_bytes=1, max_result_bytes=MAX_JSONB_BYTES)
    assert (options.max_payload_bytes, options.max_result_bytes) == (1, MAX_JSONB_BYTES)
    assert StepOptions().max_result_bytes is None
