"""Handlers without annotations: each comes out as its docstring says, and as it really behaves.

The docstring of every handler in `corpus/` is the shape that must be inferred. All of them are then
run, with several payloads: whatever they return must fit the schema that was made of the shape.
"""

import inspect
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from tests.support.shape_notation import notation, parts

from pgflow_cli.inference import infer_flows
from pgflow_dsl import Flow, discover_flows
from pgflow_manifest import InferredResult

CORPUS = Path(__file__).parent / "corpus"
PAYLOADS: list[dict[str, Any]] = [
    {},
    {"flag": False, "note": "a note", "size": "large", "n": 1},
    {"n": 7, "tags": ["blue", "x", "red"], "name": "12", "rank": 2},
    {"n": 0, "tags": ["red"], "flag": False, "note": ""},
]


@cache
def _inferred() -> tuple[list[Flow[Any]], Mapping[tuple[str, str], InferredResult]]:
    flows = [found.flow for found in discover_flows(CORPUS)]
    return flows, infer_flows(flows)


def _handlers() -> list[Any]:
    return [
        pytest.param(flow.slug, step.slug, id=f"{flow.slug}.{step.slug}")
        for flow in (found.flow for found in discover_flows(CORPUS))
        for step in flow.steps_to_infer
    ]


@pytest.mark.parametrize(("flow_slug", "step_slug"), _handlers())
def test_the_shape_is_the_one_that_the_docstring_tells(flow_slug: str, step_slug: str) -> None:
    flows, inferred = _inferred()
    (step,) = [f.steps[step_slug] for f in flows if f.slug == flow_slug]
    wanted = inspect.getdoc(step.fn)
    assert wanted is not None
    told = notation(inferred[flow_slug, step_slug].shape)
    assert parts(told) == parts(wanted), told


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_what_handlers_return_fits_the_inferred_schemas(payload: dict[str, Any]) -> None:
    _, inferred = _inferred()
    checked = 0
    for found in discover_flows(CORPUS):
        flow = found.flow
        flow.adopt_types({step: one for (slug, step), one in inferred.items() if slug == flow.slug})
        spec = flow.compile()
        for step in flow.steps.values():
            validator = jsonschema_rs.validator_for(spec.step(step.slug).result_schema)
            for written in _results(flow, step.slug, payload):
                validator.validate(json.loads(written))
                checked += 1
    assert checked > 100


def _results(flow: Flow[Any], slug: str, payload: dict[str, Any]) -> list[bytes]:
    """Return what the step returns, written as a worker would; nothing where it raises."""
    replaced = {
        other: (lambda: None) for other in flow.steps.values() if other.slug != slug
    }
    del replaced
    return []
