"""Run the handlers of a flow one by one as a worker does, JSON in and JSON out, without a database.

Unlike `flow.test` it goes on where a handler raises: steps that need its result are left out.
"""

import asyncio
import inspect
import json
import logging
import uuid
from collections.abc import Iterator
from typing import Any

from pgflow_dsl import Flow, Step, StepContext
from pgflow_manifest import FlowSpec, PayloadInput


def run_handlers(flow: Flow[Any], spec: FlowSpec, payload: Any) -> Iterator[tuple[str, Any]]:
    """Yield, by slug, the result of every handler that returns, as JSON."""
    document = flow.payload_json_type().adapter.validate_python(payload)
    whole = json.loads(flow.payload_json_type().adapter.dump_json(document, by_alias=True))
    results: dict[str, Any] = {}
    for each in spec.steps:
        if not set(each.deps) <= results.keys():
            continue
        given = {
            name: _part(
                whole if isinstance(source, PayloadInput) else results[source.step], source.path
            )
            for name, source in each.inputs.items()
        }
        try:
            value = _called(flow.steps[each.slug], given)
        except Exception:
            # What it raises is no result.
            continue
        results[each.slug] = json.loads(flow.steps[each.slug].encode_result(value))
        yield each.slug, results[each.slug]


def _part(value: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def _called(step: Step[Any], given: dict[str, Any]) -> Any:
    arguments = step.decode_args(json.dumps(given).encode())
    if step.context_parameter is not None:
        arguments[step.context_parameter] = _context(step)
    value = step.fn(**arguments)
    return asyncio.run(_awaited(value)) if inspect.isawaitable(value) else value


async def _awaited(value: Any) -> Any:
    return await value


def _context(step: Step[Any]) -> StepContext:
    return StepContext(
        run_id=uuid.UUID(int=1),
        flow_slug=step.flow_slug,
        step_slug=step.slug,
        attempt=1,
        max_attempts=3,
        deadline=None,
        idempotency_key="key",
        lease_id=uuid.UUID(int=2),
        log=logging.LoggerAdapter(logging.getLogger(step.slug)),
    )
