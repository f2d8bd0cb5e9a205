"""A condition means the same in database and in-memory runner, whatever the values are."""

import os
import random
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb
from pydantic import TypeAdapter
from tests.support.builders import a_flow, a_step, claim, complete, deploy, register_worker

from pgflow_dsl.evaluate import holds, part_at
from pgflow_manifest import Condition, PayloadInput, ResultInput

SEED = int(os.environ.get("PGFLOW_FUZZ_SEED", "7"))
RUNS, CONDITIONS = 20, 150
CONDITION: TypeAdapter[Condition] = TypeAdapter(Condition)
SCALARS: list[Any] = [
    *(None, True, False, 0, 1, 1.0, -2, 5, 1.5, 1e23, 10**23, 0.1),
    *("", "a", "audio", "Ä", "Z", "1", [], [1], [1.0, "a", None], {"a": 1}, {}),
]
ORDERS = ["==", "!=", "<", "<=", ">", ">="]


class Draw:
    """Values, and conditions about `payload` and the result of `first`, drawn by chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def value(self, depth: int = 0) -> Any:
        if depth > 1 or self.chance.random() < 0.6:
            return self.chance.choice(SCALARS)
        inner = [self.value(depth + 1) for _ in range(self.chance.randint(0, 3))]
        if self.chance.random() < 0.5:
            return inner
        return {self.chance.choice("abc"): value for value in inner}

    def operand(self, depth: int = 0) -> dict[str, Any]:
        kind = self.chance.random() if depth < 2 else self.chance.uniform(0.24, 1)
        if kind < 0.12:
            return {"length": self.operand(depth + 1)}
        if kind < 0.24:
            return {"or_else": [self.operand(depth + 1), self.value()]}
        if kind < 0.4:
            return {"value": self.value()}
        path = [self.chance.choice(["a", "b", "c", 0, 1, "0"]) for _ in range(3)]
        path = path[: self.chance.randint(0, 3)]
        if kind < 0.7:
            return {"source": "payload", "path": path}
        return {"source": "result", "step": "first", "path": path}

    def condition(self, depth: int = 0) -> dict[str, Any]:
        kind = self.chance.random() if depth < 3 else self.chance.uniform(0.35, 1)
        if kind < 0.25:
            parts = [self.condition(depth + 1) for _ in range(self.chance.randint(1, 3))]
            return {"op": self.chance.choice(["and", "or"]), "of": parts}
        if kind < 0.35:
            return {"op": "not", "of": self.condition(depth + 1)}
        if kind < 0.7:
            order = self.chance.choice(ORDERS)
            return {"op": order, "left": self.operand(), "right": self.operand()}
        if kind < 0.8:
            values = [self.value() for _ in range(self.chance.randint(0, 3))]
            return {"op": "in", "left": self.operand(), "values": values}
        if kind < 0.9:
            return {"op": "contains", "left": self.operand(), "right": self.operand()}
        return {"op": self.chance.choice(["is_null", "is_true"]), "of": self.operand()}


def a_run(conn: psycopg.Connection, payload: Any, result: Any) -> UUID:
    """Bring a run to where `first` has completed with *result*."""
    flow = a_flow("conditions", a_step("first"), a_step("then", "first"))
    deploy(conn, flow)
    worker_id = register_worker(conn, flow)
    query = "select pgflow.start_flow('conditions', %s)"
    row = conn.execute(query, [Jsonb(payload)]).fetchone()
    assert row is not None
    [task] = [task for task in claim(conn, worker_id) if task.run_id == row[0]]
    assert complete(conn, [task], [result]) == ["completed"]
    run_id: UUID = row[0]
    return run_id


def test_database_and_runner_agree_about_every_condition(conn: psycopg.Connection) -> None:
    draw = Draw(SEED)
    answers = {True: 0, False: 0}
    for _ in range(RUNS):
        payload, result = draw.value(), draw.value()
        run_id = a_run(conn, payload, result)

        def look(source: PayloadInput | ResultInput, here: Any = (payload, result)) -> Any:
            return part_at(here[isinstance(source, ResultInput)], source.path)

        for _ in range(CONDITIONS):
            condition = draw.condition()
            query = "select pgflow._condition_holds(%s, %s)"
            row = conn.execute(query, [Jsonb(condition), run_id]).fetchone()
            ours = holds(CONDITION.validate_python(condition), look)
            assert row == (ours,), (SEED, condition, payload, result)
            answers[ours] += 1
    assert min(answers.values()) > RUNS * CONDITIONS / 10
