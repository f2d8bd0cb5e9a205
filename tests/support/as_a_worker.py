"""Run the handlers of a flow one by one as a worker does, JSON in and JSON out, without a database.

Sources are followed as the manifest says, by which the engine goes, items of maps included. Unlike
`flow.test` it goes on where a handler raises: steps that need its result are left out.
"""

import asyncio
import inspect
import json
import logging
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from pgflow_dsl import Flow, Step, StepContext
from pgflow_manifest import FlowSpec, Input, StepSpec


def run_handlers(flow: Flow[Any], spec: FlowSpec, payload: Any) -> Iterator[tuple[str, Any]]:
    """Yield, by slug, the result of every handler that returns, as JSON."""
    document = flow.payload_json_type().adapter.validate_python(payload)
    whole = json.loads(flow.payload_json_type().adapter.dump_json(document, by_alias=True))
    results: dict[str, Any] = {}

    def taken(source: Input) -> Any:
        return _part(results[source.step] if source.source == "result" else whole, source.path)

    for each in spec.steps:
        if each.kind == "failure" or not set(each.deps) <= results.keys():
            continue
        step = flow.steps[each.slug]
        try:
            if each.over is None:
                results[each.slug] = _of_one_task(step, each, taken, None, 0)
            else:
                results[each.slug] = [
                    _of_one_task(step, each, taken, item, index)
                    for index, item in enumerate(taken(each.over))
                ]
        except Exception:
            # What it raises is no result.
            continue
        yield each.slug, results[each.slug]


def _of_one_task(
    step: Step[Any],
    spec: StepSpec,
    taken: Callable[[Input], Any],
    item: Any,
    index: int,
) -> Any:
    given = {
        name: _part(item, source.path) if source.source == "each" else taken(source)
        for name, source in spec.inputs.items()
    }
    return json.loads(step.encode_result(_called(step, given, index)))


def _part(value: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def _called(step: Step[Any], given: dict[str, Any], index: int) -> Any:
    arguments = step.decode_args(json.dumps(given).encode())
    if step.context_parameter is not None:
        arguments[step.context_parameter] = _context(step, index)
    value = step.fn(**arguments)
    return asyncio.run(_awaited(value)) if inspect.isawaitable(value) else value


async def _awaited(value: Any) -> Any:
    return await value


def _context(step: Step[Any], index: int) -> StepContext:
    return StepContext(
        run_id=uuid.UUID(int=1),
        flow_slug=step.flow_slug,
        step_slug=step.slug,
        attempt=1,
        max_attempts=3,
        deadline=None,
        task_index=index,
        idempotency_key="key",
        lease_id=uuid.UUID(int=2),
        log=logging.LoggerAdapter(logging.getLogger(step.slug)),
    )
