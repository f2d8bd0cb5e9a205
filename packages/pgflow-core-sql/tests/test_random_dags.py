"""Random graphs and random luck: whatever happens on the way, a run ends as its steps say."""

import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

import psycopg
import pytest
from tests.support.builders import (
    Claimed,
    a_flow,
    a_map,
    a_step,
    claim,
    column,
    complete,
    deploy,
    extend,
    fail,
    get_run,
    register_worker,
    release,
    start_run,
)
from tests.support.fix_clock import SetClock
from tests.support.invariants import check_invariants

from pgflow_manifest import EachInput, FlowOptions, FlowSpec, Input, ResultInput, StepSpec

Conn = psycopg.Connection[Any]
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def random_flow(luck: random.Random, slug: str) -> FlowSpec:
    """Return a graph of up to twelve steps; each takes the result of each step it waits for.

    Some are maps over the first of these; a quarter of the lists are empty.
    """
    slugs = [f"s{number}" for number in range(luck.randint(1, 12))]
    steps = []
    for number, name in enumerate(slugs):
        deps = [dep for dep in slugs[:number] if luck.random() < 0.35]
        inputs: dict[str, Input] = {dep: ResultInput(step=dep) for dep in deps}
        if deps and luck.random() < 0.4:
            inputs[deps[0]] = EachInput()
            over = ResultInput(step=deps[0])
            steps.append(a_map(name, over, *deps, inputs=inputs, item_schema={"type": "integer"}))
        else:
            steps.append(a_step(name, *deps, inputs=inputs, result_schema={"type": "array"}))
    options = FlowOptions(max_attempts=luck.randint(1, 4), base_delay_seconds=0, jitter=0)
    return a_flow(slug, *steps, options=options)


def made_of(step: StepSpec, args: Mapping[str, Any]) -> Any:
    """Return what the handler of *step* makes of its arguments: a number for each that it saw."""
    seen = crc32(json.dumps([step.slug, args], sort_keys=True).encode())
    return seen if step.kind == "map" else [seen] * (seen % 4)


def result_of(flow: FlowSpec, task: Claimed) -> Any:
    """Return what the handler of *task* makes of its arguments."""
    return made_of(flow.step(task.step_slug), task.args)


def expected(flow: FlowSpec) -> dict[str, Any]:
    """Return the results that the steps must have, computed without a database."""
    results: dict[str, Any] = {}
    for step in flow.steps:
        args = {dep: results[dep] for dep in step.deps}
        if isinstance(step.over, ResultInput):
            over = step.over.step
            items = results[over]
            results[step.slug] = [made_of(step, {**args, over: item}) for item in items]
        else:
            results[step.slug] = made_of(step, args)
    return results


@pytest.mark.parametrize("seed", range(30))
def test_run_ends_as_its_steps_say(tx: Conn, set_clock: SetClock, seed: int) -> None:
    luck = random.Random(seed)
    flow = random_flow(luck, "random")
    deploy(tx, flow)
    now = NOON
    set_clock(tx, now)
    run_ids = [start_run(tx, "random", {}) for _ in range(3)]
    worker_id = register_worker(tx, flow)
    held: list[Claimed] = []
    for _ in range(1000):
        if all(get_run(tx, run_id)["status"] != "started" for run_id in run_ids):
            break
        held += claim(tx, worker_id, luck.randint(1, 4))
        luck.shuffle(held)
        count = luck.randint(0, 3)
        chosen, held = held[:count], held[count:]
        happening = luck.choices(
            ["complete", "unfit", "fail", "release", "extend", "lose"], [24, 1, 2, 4, 4, 2]
        )[0]
        match happening:
            case "complete":
                complete(tx, chosen, [result_of(flow, task) for task in chosen])
            case "unfit":
                right = [result_of(flow, task) for task in chosen]
                complete(tx, chosen, ["neither", *right[1:]][: len(chosen)])
            case "fail":
                fail(tx, chosen, retry_after=0)
            case "release":
                release(tx, chosen)
            case "extend":
                extend(tx, chosen)
                held += chosen
            case _:
                now += timedelta(seconds=31)
                set_clock(tx, now)
                tx.execute("select pgflow.beat(%s)", [worker_id])
                tx.execute("select pgflow.sweep()")
                held.clear()
        check_invariants(tx)
    results = expected(flow)
    for run_id in run_ids:
        run = get_run(tx, run_id)
        assert run["status"] in ("completed", "failed")
        for step in run["steps"]:
            assert step["result"] == (
                results[step["slug"]] if step["status"] == "completed" else None
            )
        completed = column(
            tx,
            "select step_slug || task_index from pgflow.attempts"
            " where run_id = %s and outcome = 'completed'",
            [run_id],
        )
        assert len(completed) == len(set(completed))
        if run["status"] == "completed":
            assert run["output"] == {slug: results[slug] for slug in flow.leaf_slugs}
