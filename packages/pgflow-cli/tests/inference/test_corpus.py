"""Handlers without annotations: each comes out as its docstring says, and as it really behaves.

The docstring of a handler in `corpus/` is the shape that must be inferred, of one in
`corpus/_refused.py` the reason why nothing is. What can be inferred is then run with several
payloads: whatever a handler returns must fit the schema that was made of the shape.
"""

import inspect
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from tests.support.as_a_worker import run_handlers
from tests.support.shape_notation import notation, parts

from pgflow_cli.inference import infer_flows
from pgflow_dsl import Flow, discover_flows
from pgflow_manifest import InferredResult, ResultTypeError

CORPUS = Path(__file__).parent / "corpus"
REFUSED = CORPUS / "_refused.py"
PAYLOADS: list[dict[str, Any]] = [
    {},
    {"flag": False, "note": "a note", "size": "large", "n": 1},
    {"n": 7, "tags": ["blue", "x", "red"], "name": "12", "rank": 2},
    {"n": 0, "tags": ["red"], "flag": False, "note": ""},
]


def _steps(path: Path) -> list[tuple[str, str, str]]:
    return [
        (flow.slug, step.slug, inspect.getdoc(step.fn) or "")
        for flow in (found.flow for found in discover_flows(path))
        for step in flow.steps_to_infer
    ]


@cache
def _inferred() -> Mapping[tuple[str, str], InferredResult]:
    return infer_flows([found.flow for found in discover_flows(CORPUS)])


@cache
def _refusals() -> Mapping[str, str]:
    """Return by step what the one error says about it."""
    (found,) = discover_flows(REFUSED)
    with pytest.raises(ResultTypeError) as caught:
        infer_flows([found.flow])
    lines = re.findall(
        r"^(.*: step '(\w+)' of flow .*)\n  mend: (.*)$", str(caught.value), re.MULTILINE
    )
    return {step: f"{text}\n{mend}" for text, step, mend in lines}


@pytest.mark.parametrize(
    ("flow", "step", "wanted"), _steps(CORPUS), ids=lambda value: str(value)[:30]
)
def test_the_shape_is_the_one_that_the_docstring_tells(flow: str, step: str, wanted: str) -> None:
    told = notation(_inferred()[flow, step].shape)
    assert parts(told) == parts(wanted), told


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_what_handlers_return_fits_the_inferred_schemas(payload: dict[str, Any]) -> None:
    checked = 0
    for found in discover_flows(CORPUS):
        flow = found.flow
        adopt(flow, _inferred())
        spec = flow.compile()
        for slug, result in run_handlers(flow, spec, payload):
            jsonschema_rs.validator_for(spec.step(slug).result_schema).validate(result)
            checked += 1
    assert checked > 100


def adopt(flow: Flow[Any], inferred: Mapping[tuple[str, str], InferredResult]) -> None:
    flow.adopt_types({step: one for (slug, step), one in inferred.items() if slug == flow.slug})


@pytest.mark.parametrize(
    ("flow", "step", "wanted"), _steps(REFUSED), ids=lambda value: str(value)[:30]
)
def test_what_cannot_be_inferred_is_told_with_the_reason(flow: str, step: str, wanted: str) -> None:
    if wanted.startswith("not told"):
        assert step not in _refusals()
    else:
        assert wanted in _refusals()[step]


def test_an_error_names_file_line_step_flow_expression_and_the_annotation_to_write() -> None:
    text = REFUSED.read_text().splitlines()
    line = text.index('    return {"a": o.n, "b": json.loads("1")}') + 1
    first, mend = _refusals()["loaded_inside"].splitlines()
    assert re.fullmatch(
        rf".*refused\.py:{line}: step 'loaded_inside' of flow 'refused': cannot infer what the "
        r"handler returns: the type checker knows it only as `Any` \(at `json\.loads\('1'\)`\)",
        first,
    )
    assert mend.startswith("annotate it, `def loaded_inside(o=flow.payload) -> T`, where T is ")
