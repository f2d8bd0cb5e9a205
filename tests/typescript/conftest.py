"""The flows of these tests, the module generated from them, and scripts that use it in Node.js."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.every_type import PAYLOAD, RESULTS, every_type_flow
from tests.support.fix_worker import engine, serve
from tests.support.postgrest import Postgrest, serving
from tests.typescript.node import HERE, answers, project, sources_of

from pgflow_cli.codegen.typescript import emit
from pgflow_dsl import Flow, compile_flows, discover_flows

__all__ = ["engine", "serve"]

Play = Callable[..., AsyncIterator[Any]]


@pytest.fixture(scope="session")
def flows() -> list[Flow[Any]]:
    return [*(found.flow for found in discover_flows(HERE / "flows")), every_type_flow()]


@pytest.fixture(scope="session")
def generated(flows: list[Flow[Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with `flows.ts`, generated from the flows, and `everything.ts`, typed by it."""
    values = {"payload": PAYLOAD, "results": RESULTS}
    everything = "".join(
        f'export const {name}: Flows["every_type"]["{name}"] = {json.dumps(value)};\n'
        for name, value in values.items()
    )
    sources = {
        **sources_of(HERE),
        "flows.ts": emit(compile_flows(flows)),
        "everything.ts": f'import type {{ Flows }} from "./flows.ts";\n{everything}',
    }
    return project(tmp_path_factory.mktemp("project"), sources)


@pytest.fixture
def postgrest(database_url: str) -> Iterator[Postgrest]:
    with serving(database_url) as server:
        yield server


@pytest.fixture(params=["supabase-js", "fetch"])
def play(request: pytest.FixtureRequest, postgrest: Postgrest, generated: Path) -> Play:
    """Return `play(scenario)`: does a scenario in Node.js, as Ada, and yields what it tells."""

    async def play(scenario: str, *, anonymous: bool = False) -> AsyncIterator[Any]:
        env = {
            "PGFLOW_OVER": request.param,
            "PGFLOW_URL": postgrest.url,
            "PGFLOW_ANON_KEY": postgrest.anon_key,
        }
        if not anonymous:
            env["PGFLOW_TOKEN"] = postgrest.token("ada")
        async for line in answers(generated / "scenarios.ts", scenario, env=env):
            yield json.loads(line)

    return play
