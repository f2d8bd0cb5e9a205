"""Values of every type: handler, database, generated Python client; no type may be wrong there."""

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType, SimpleNamespace
from typing import Any, cast, get_args, get_overloads, get_type_hints

import psycopg
import pytest
from pydantic import TypeAdapter
from tests.support.every_type import EXAMPLES, PAYLOAD, RESULTS, every_type_flow

from pgflow_cli.codegen.python import emit
from pgflow_client import AsyncClient, Client, RunCancelledError, RunNotCompletedError
from pgflow_dsl import Flow, compile_flows
from pgflow_manifest import Manifest, PayloadInvalidError, dump_manifest
from pgflow_worker import Worker


@pytest.fixture(scope="module")
def flow() -> Flow[Any]:
    return every_type_flow()


@pytest.fixture
def manifest(flow: Flow[Any], conn: psycopg.Connection) -> Manifest:
    """Return the manifest of the flow, which is deployed."""
    manifest = compile_flows([flow])
    conn.execute("select pgflow.deploy(%s::jsonb)", [dump_manifest(manifest).decode()])
    return manifest


@pytest.fixture
def generated(manifest: Manifest) -> Iterator[Any]:
    """Return the generated module."""
    module = ModuleType("_generated_flows_client")
    sys.modules[module.__name__] = module
    exec(emit(manifest), vars(module))
    yield module
    del sys.modules[module.__name__]


def check(annotation: Any, document: object) -> None:
    """Check that JSON is of the type, without any of pydantic's conversions."""
    TypeAdapter[Any](annotation).validate_json(json.dumps(document), strict=True)


def results_by_slug(protocol: Any) -> Mapping[str, Any]:
    """Return the type of each result, as the overloads say it."""
    # a protocol keeps none of the functions itself, only where they were
    place = SimpleNamespace(
        __module__=protocol.__module__, __qualname__=f"{protocol.__qualname__}.__call__"
    )
    hints = [get_type_hints(overload) for overload in get_overloads(cast("Any", place))]
    return {get_args(hint["step_slug"])[0]: hint["return"] for hint in hints}


def test_every_value_arrives_as_the_generated_types_say(
    generated: Any, flow: Flow[Any], manifest: Manifest, database_url: str
) -> None:
    check(generated.EveryType, PAYLOAD)
    with Client(database_url, manifest=manifest) as client:
        run = generated.every_type.run(PAYLOAD, client=client)
        with pytest.raises(RunNotCompletedError):
            assert run.get().output
        Worker([flow], database_url, drain=True).run_sync()
        output = run.wait(timeout=15).output
        assert output == RESULTS
        check(generated.EveryTypeOutput, output)
        for protocol in (generated.EveryTypeResults, generated.AsyncEveryTypeResults):
            types = results_by_slug(protocol)
            assert types.keys() == EXAMPLES.keys()
            for slug, type_ in types.items():
                result = run.result(slug)
                assert result == RESULTS[slug]
                assert type(result) is type(RESULTS[slug])
                check(type_, result)
        again = generated.every_type.handle(run.run_id, client=client)
        assert again.output(timeout=15) == RESULTS


async def test_every_value_arrives_in_asyncio_too(
    generated: Any, flow: Flow[Any], manifest: Manifest, database_url: str
) -> None:
    async with AsyncClient(database_url, manifest=manifest) as client:
        run, cancelled = await generated.every_type.run_many([PAYLOAD, PAYLOAD], client=client)
        await cancelled.cancel("not needed")
        await asyncio.wait_for(Worker([flow], database_url, drain=True).run(), 15)
        assert (await run.wait()).output == RESULTS
        assert await run.result("recursive_model") == RESULTS["recursive_model"]
        with pytest.raises(RunCancelledError, match="not needed"):
            assert (await cancelled.wait()).output


def test_a_payload_that_no_checker_has_seen_is_refused_before_it_is_sent(
    generated: Any, manifest: Manifest, database_url: str
) -> None:
    with (
        Client(database_url, manifest=manifest) as client,
        pytest.raises(PayloadInvalidError, match="/clock"),
    ):
        generated.every_type.run({**PAYLOAD, "clock": 5.5, "text": 1}, client=client)
