"""Random graphs with random rules: the engine ends every run as a few lines of Python say."""

import random
from typing import Any

import psycopg
import pytest
from tests.support.builders import Claimed, a_flow, a_map, a_step, claim, complete, fail, get_run
from tests.support.invariants import check_invariants
from tests.support.ruled import (
    HANDLER_INPUTS,
    Document,
    a_ruled_flow,
    a_started_run,
    holds,
    of_result,
)

from pgflow_manifest import FlowOptions, Input, PayloadInput, ResultInput, StepSpec

Conn = psycopg.Connection[Any]
ITEMS = [0, 1, 2]
POLICIES = ["fail", "skip", "skip", "skip_cascade"]


def random_document(luck: random.Random) -> Document:
    """Return up to twelve steps, half of them with a condition, some of them maps."""
    slugs = [f"s{number}" for number in range(luck.randint(1, 12))]
    steps: list[StepSpec] = []
    rules: dict[str, Document] = {}
    for number, slug in enumerate(slugs):
        deps = [dep for dep in slugs[:number] if luck.random() < 0.3]
        inputs: dict[str, Input] = {dep: ResultInput(step=dep) for dep in deps}
        if luck.random() < 0.2:
            steps.append(a_map(slug, PayloadInput(), *deps))
        else:
            steps.append(a_step(slug, *deps, inputs=inputs))
        rules[slug] = {"on_failure": luck.choice(POLICIES)}
        if deps and luck.random() < 0.5:
            compared = of_result(luck.choice(deps))
            rules[slug] |= {
                "when": holds(luck.choice(["==", "!="]), compared, luck.choice([0, 1, None])),
                "when_unmet": luck.choice(["skip", "skip", "skip_cascade", "fail"]),
            }
    flow = a_flow("random", *steps, options=FlowOptions(max_attempts=1, jitter=0))
    return a_ruled_flow(flow, rules, handler=HANDLER_INPUTS if luck.random() < 0.5 else None)


def random_results(luck: random.Random, document: Document) -> dict[tuple[str, int], Any]:
    """Return what each task comes to: a number, or `boom`."""
    return {
        (step["slug"], index): luck.choice([0, 0, 1, 1, "boom"])
        for step in document["steps"]
        for index in range(len(ITEMS))
    }


def expected(document: Document, results: dict[tuple[str, int], Any]) -> dict[str, Any] | None:
    """Return the result of each step, None for a skipped one; no dict when the run fails."""
    found: dict[str, Any] = {}
    cascading: set[str] = set()
    for step in document["steps"]:
        slug = step["slug"]
        if step.get("kind") == "failure":
            continue
        if cascading & set(step.get("deps", [])):
            found[slug] = None
            cascading.add(slug)
            continue
        policy = None
        if (when := step.get("when")) is not None:
            same = found[when["left"]["step"]] == when["right"]["value"]
            if same != (when["op"] == "=="):
                policy = step["when_unmet"]
        if policy is None and step.get("kind") == "map":
            each = [results[slug, index] for index in range(len(ITEMS))]
            if "boom" not in each or step["on_failure"] == "skip":
                found[slug] = [None if one == "boom" else one for one in each]
                continue
            policy = step["on_failure"]
        elif policy is None and results[slug, 0] == "boom":
            policy = step["on_failure"]
        if policy == "fail":
            return None
        if policy == "skip_cascade":
            cascading.add(slug)
        found[slug] = None if policy else results[slug, 0]
    return found


def report(conn: Conn, task: Claimed, results: dict[tuple[str, int], Any]) -> None:
    result = results[task.step_slug, task.task_index]
    if result == "boom":
        fail(conn, [task])
    else:
        complete(conn, [task], [result])


@pytest.mark.parametrize("seed", range(80))
def test_run_ends_as_its_rules_say_in_whatever_order_tasks_end(tx: Conn, seed: int) -> None:
    luck = random.Random(seed)
    document = random_document(luck)
    results = random_results(luck, document)
    worker_id, run_id = a_started_run(tx, document, ITEMS)
    tx.execute("select setseed(%s)", [seed / 100])  # of the contract that a claim begins with
    held: list[Claimed] = []
    while True:
        held += claim(tx, worker_id, luck.randint(1, 5))
        if not held:
            break
        luck.shuffle(held)
        report(tx, held.pop(), results)
        check_invariants(tx)
    run = get_run(tx, run_id)
    told = expected(document, results)
    if told is None:
        assert (run["status"], run["output"]) == ("failed", None)
        assert any(step["status"] == "failed" for step in run["steps"])
    else:
        assert run["status"] == "completed"
        assert {step["slug"]: step["result"] for step in run["steps"]} == told
