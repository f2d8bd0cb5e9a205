"""Digests: what must be equal for two flows or two steps to be the same contract.

A digest covers graph, wiring and schemas. It leaves out options and everything that only
describes, so that a new docstring or another number of attempts is no new version.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import JsonValue

from pgflow_manifest.models import FlowSpec, JsonSchema, StepSpec
from pgflow_manifest.sources import EachInput, ErrorInput, PayloadInput, ResultInput

_ANNOTATIONS = frozenset(
    [
        "title",
        "description",
        "examples",
        "default",
        "deprecated",
        "$comment",
        "readOnly",
        "writeOnly",
    ]
)
_SCHEMA_MAPS = frozenset(
    ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"]
)
_LITERALS = frozenset(["const", "enum", "required", "dependentRequired", "discriminator"])


def contract_of_schema(schema: JsonValue) -> JsonValue:
    """Return *schema* without its annotations; names of properties are never taken for keywords."""
    if isinstance(schema, list):
        return [contract_of_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, JsonValue] = {}
    for keyword, value in schema.items():
        if keyword in _ANNOTATIONS:
            continue
        if keyword in _SCHEMA_MAPS and isinstance(value, dict):
            kept[keyword] = {name: contract_of_schema(part) for name, part in value.items()}
        elif keyword in _LITERALS:
            kept[keyword] = value
        else:
            kept[keyword] = contract_of_schema(value)
    return kept


def digest_of(value: Any) -> str:
    """Return the sha256 of *value* as canonical JSON: sorted keys, no blanks."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _step_digest(
    *,
    flow_slug: str,
    step: StepSpec,
    payload_schema: JsonSchema,
    steps: Mapping[str, StepSpec],
) -> str:
    """Return the contract of *step*: kind, list, arguments, the schemas of these, and its result.

    Order-only deps are left out: the handler cannot see them, so it need not change with them.
    """

    def taken(source: PayloadInput | ResultInput) -> dict[str, Any]:
        if isinstance(source, PayloadInput):
            return {**source.model_dump(mode="json"), "schema": contract_of_schema(payload_schema)}
        dep = steps[source.step]
        return {
            **source.model_dump(mode="json"),
            "schema": contract_of_schema(dep.result_schema),
            **({"nullable": True} if dep.may_be_null or step.kind == "failure" else {}),
        }

    return digest_of(
        {
            "flow": flow_slug,
            "step": step.slug,
            "kind": step.kind,
            # no key at all in other steps, whose digests are older than map steps
            **({} if step.over is None else {"over": taken(step.over)}),
            **({} if step.flow is None else {"sub_flow": [step.flow, step.flow_step]}),
            "inputs": {
                # the schema of an item is in that of the list
                name: source.model_dump(mode="json")
                if isinstance(source, (EachInput, ErrorInput))
                else taken(source)
                for name, source in step.inputs.items()
            },
            "result_schema": contract_of_schema(step.result_schema),
        }
    )


def _flow_digest(flow: FlowSpec) -> str:
    """Return the contract of *flow*: its payload and, for every step, contract and deps."""
    return digest_of(
        {
            "flow": flow.slug,
            "payload_schema": contract_of_schema(flow.payload_schema),
            "steps": [
                [step.slug, step.digest, sorted(step.deps), *_conduct(step)] for step in flow.steps
            ],
        }
    )


def _conduct(step: StepSpec) -> list[dict[str, Any]]:
    """Return what else the flow says of *step*, beside its handler's contract, if anything."""
    said = step.model_dump(
        mode="json", include={"when", "when_unmet", "on_failure", "seconds", "until"}
    )
    return [said] if said else []


def with_digests(flow: FlowSpec) -> FlowSpec:
    """Return *flow* with every digest computed anew."""
    before = {step.slug: step for step in flow.steps}
    steps = tuple(
        step.model_copy(
            update={
                "digest": _step_digest(
                    flow_slug=flow.slug,
                    step=step,
                    payload_schema=flow.payload_schema,
                    steps=before,
                )
            }
        )
        for step in flow.steps
    )
    complete = flow.model_copy(update={"steps": steps})
    return complete.model_copy(update={"digest": _flow_digest(complete)})
