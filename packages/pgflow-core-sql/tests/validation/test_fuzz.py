"""The engine and jsonschema-rs agree on tens of thousands of instances, and the walker with itself.

Every run takes other instances and other random schemas. The seed stands at the end of the run
and in each failure; PGFLOW_FUZZ_SEED repeats it, PGFLOW_FUZZ_FACTOR multiplies the instances.
"""

import copy
import json
import os
from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

import jsonschema_rs
import psycopg
import pytest
from tests.support.schema_fuzz import Json, Schema
from tests.support.schema_fuzz.instances import InstanceMaker
from tests.support.schema_fuzz.judges import Judges
from tests.support.schema_fuzz.matrix import PLACES, matrix
from tests.support.schema_fuzz.pydantic_schemas import pydantic_schemas
from tests.support.schema_fuzz.random_schemas import SchemaMaker
from tests.support.schema_fuzz.shrink import shrink
from tests.support.schema_fuzz.written_schemas import WRITTEN_SCHEMAS

Conn = psycopg.Connection[Any]
Case = tuple[str, Schema, Sequence[Json]]

SEED = int(os.environ["PGFLOW_FUZZ_SEED"])
FACTOR = int(os.environ.get("PGFLOW_FUZZ_FACTOR", "1"))


def check(
    tx: Conn, cases: Iterable[Case], per_schema: int, *, at_least: int, accepted: float
) -> None:
    """Let the judges say what they think of *per_schema* instances of each schema.

    Of the instances that fit, the predicates must accept that share without the walker: if they
    accepted none, nothing would be wrong, and nothing proven.
    """
    judges = Judges(tx)
    count = fitting = quickly = 0
    for name, schema, samples in cases:
        maker = InstanceMaker(schema, Random(f"{SEED} {name}"))
        instances = list(maker.instances(max(per_schema, len(samples)), samples))
        verdicts = judges.judge(schema, instances)
        for instance, verdict in zip(instances, verdicts, strict=True):
            if verdict.problem(instance) is not None:
                pytest.fail(reproducer(tx, judges, name, schema, instance), pytrace=False)
        count += len(instances)
        fitting += sum(verdict.fits for verdict in verdicts)
        quickly += sum(verdict.accepted for verdict in verdicts)
    assert count >= at_least
    assert 0.25 < fitting / count < 0.75, "most instances are alike, which proves little"
    assert quickly / fitting > accepted


def reproducer(tx: Conn, judges: Judges, name: str, schema: Schema, instance: Json) -> str:
    """Say what was found, with the smallest schema and instance that show it."""

    def fails(schema: Schema, instance: Json) -> bool:
        try:
            with tx.transaction():
                return any(judges.problems(schema, [instance]))
        except (psycopg.Error, ValueError):  # smaller, but no schema any more
            return False

    small, smallest = shrink(schema, instance, fails)
    problem = next(judges.problems(small, [smallest]))[1]
    return (
        f"{problem}\nschema:   {json.dumps(small)}\ninstance: {json.dumps(smallest)}\n"
        f"found in: {name}, PGFLOW_FUZZ_SEED={SEED}"
    )


def test_schemas_of_pydantic_are_judged_as_by_jsonschema_rs(tx: Conn) -> None:
    cases = [(name, schema, ()) for name, schema in pydantic_schemas()]
    check(tx, cases, 90, at_least=6_000, accepted=0.8)


def test_written_schemas_are_judged_as_by_jsonschema_rs(tx: Conn) -> None:
    cases = [(name, schema, samples) for name, (schema, samples) in WRITTEN_SCHEMAS.items()]
    check(tx, cases, 90, at_least=6_000, accepted=0.6)


@pytest.mark.parametrize("part", range(2))
def test_random_schemas_are_judged_as_by_jsonschema_rs(tx: Conn, part: int) -> None:
    maker = SchemaMaker(Random(f"{SEED} {part}"))
    cases = [(f"random {n}", maker.schema(), ()) for n in range(200 * FACTOR)]
    check(tx, cases, 25, at_least=5_000, accepted=0.6)


@pytest.mark.parametrize("place", PLACES)
def test_every_small_assertion_is_judged_as_by_jsonschema_rs_wherever_it_stands(
    tx: Conn, place: str
) -> None:
    judges = Judges(tx)
    for schema, instances in matrix(place):
        for instance, _ in judges.problems(schema, instances):
            pytest.fail(reproducer(tx, judges, place, schema, instance), pytrace=False)


def test_what_the_metaschema_refuses_is_no_schema(tx: Conn) -> None:
    """Nothing is asked the other way round: circles and costly patterns are refused beyond it."""
    refused = 0
    schemas = [*pydantic_schemas(), *((name, s) for name, (s, _) in WRITTEN_SCHEMAS.items())]
    for name, schema in schemas:
        maker = InstanceMaker(schema, Random(f"{SEED} {name}"))
        for _ in range(12 * FACTOR):
            spoiled = maker.spoil(copy.deepcopy(schema))
            if not isinstance(spoiled, (bool, dict)) or jsonschema_rs.meta.is_valid(spoiled):
                continue
            refused += 1
            with pytest.raises(psycopg.Error) as caught, tx.transaction():
                Judges(tx).judge(spoiled, [])
            assert caught.value.sqlstate == "PF211", json.dumps(spoiled)
    assert refused > 200
