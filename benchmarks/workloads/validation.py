"""What it costs to check a value against a deployed schema, and to have schemas deployed.

The check, the walker alone and a function that checks nothing take turns, so that all of them meet
the same machine; the figures are what a check adds to a call of the last. Calls are measured with
a commit after each, as results arrive, and in one transaction. PL/pgSQL prepares its expressions
anew in every transaction, so the latter alone would flatter whatever has many of them.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Final, LiteralString, NamedTuple

import psycopg
from benchmarks.measure import Bench, Benchmark, Goal, Round
from benchmarks.workloads.validation_schemas import Sample, samples
from psycopg import sql

_SETUP: Final = """
create schema bench;
create function bench.always_fits(p_schema_id bytea, p_value jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return null;
end $$;
create function bench.walker(p_schema_id bytea, p_value jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return pgflow._explain(
    (select s.program from pgflow.schemas as s where s.schema_id = p_schema_id), p_value
  );
end $$;
"""
_LOOP: Final[LiteralString] = """
create procedure bench.{name}(
  p_schema_id bytea, p_value jsonb, p_calls integer, inout microseconds float8
)
language plpgsql as $$
declare
  v_began timestamptz := clock_timestamp();
  v_errors jsonb;
begin
  for n in 1 .. p_calls loop
    v_errors := {function}(p_schema_id, p_value);
    {then}
  end loop;
  microseconds := extract(epoch from clock_timestamp() - v_began) * 1000000 / p_calls;
end $$
"""
_FUNCTIONS: Final[Mapping[str, LiteralString]] = {
    "nothing": "bench.always_fits",
    "check": "pgflow._check_value",
    "walker": "bench.walker",
}
_COMMITS: Final[Mapping[str, LiteralString]] = {"loop": "null;", "each": "commit;"}
_ROUNDS_OF_TURNS: Final = 7
_SECONDS_A_TURN: Final = 0.05
_DEPLOYS: Final = 10
_SCHEMAS_TOUCHED: Final = 1000

_NOTHING: Final = "a call that checks nothing"
_MEMORY: Final = f"memory of a session that used {_SCHEMAS_TOUCHED:,} schemas, more than of one"


class _Turn(NamedTuple):
    """Calls of one function, with one value."""

    name: str
    when: str
    schema_id: bytes
    document: str

    def take(self, conn: psycopg.Connection, calls: int) -> float:
        """Return the microseconds of one of so many calls."""
        row = conn.execute(
            sql.SQL("call bench.{}(%s, %s::jsonb, %s, null)").format(
                sql.Identifier(f"{self.name}_{self.when}")
            ),
            (self.schema_id, self.document, calls),
        ).fetchone()
        assert row is not None
        return float(row[0])


def run_round(bench: Bench) -> Round:
    """Take every figure once."""
    figures: dict[str, float] = {}
    with bench.database() as url, psycopg.connect(url, autocommit=True) as conn:
        conn.execute(_SETUP)
        for name, function in _FUNCTIONS.items():
            for when, then in _COMMITS.items():
                conn.execute(
                    sql.SQL(_LOOP).format(
                        name=sql.Identifier(f"{name}_{when}"),
                        function=sql.SQL(function),
                        then=sql.SQL(then),
                    )
                )
        for sample in samples():
            figures |= _time_of_checks(conn, sample, 2 if bench.quick else 1)
        figures[_MEMORY] = _memory(url)
    return figures


def _time_of_checks(conn: psycopg.Connection, sample: Sample, shorter: int) -> Round:
    schema_id, deployed = _deploy(conn, sample)
    value, broken = json.dumps(sample.value), json.dumps(sample.broken)
    if _errors(conn, schema_id, value) is not None or _errors(conn, schema_id, broken) is None:
        raise RuntimeError(f"{sample.about}: the values are not judged as they should be")
    turns = [
        *(_Turn(name, when, schema_id, value) for name in _FUNCTIONS for when in _COMMITS),
        _Turn("check", "each", schema_id, broken),
    ]
    calls = [max(2, round(_SECONDS_A_TURN / shorter * 1e6 / one.take(conn, 3))) for one in turns]
    taken: list[list[float]] = [[] for _ in turns]
    for _ in range(_ROUNDS_OF_TURNS):
        for number, turn in enumerate(turns):
            taken[number].append(turn.take(conn, calls[number]))
    loop, each, check_loop, check_each, walk_loop, walk_each, failing = map(median, taken)
    about = sample.about
    return {
        _NOTHING: each,
        _check_figure(about): check_each - each,
        f"{about}: check, in one transaction": check_loop - loop,
        f"{about}: walker alone": walk_each - each,
        f"{about}: walker alone, in one transaction": walk_loop - loop,
        f"{about}: check that fails, with its report": failing - each,
        f"{about}: deploy of the schema": deployed,
    }


def _check_figure(about: str) -> str:
    return f"{about}: check"


def _errors(conn: psycopg.Connection, schema_id: bytes, document: str) -> object:
    row = conn.execute(
        "select pgflow._check_value(%s, %s::jsonb)", (schema_id, document)
    ).fetchone()
    assert row is not None
    return row[0]


def _deploy(conn: psycopg.Connection, sample: Sample) -> tuple[bytes, float]:
    """Store the schema and some that differ; return its id, and the milliseconds of one."""
    taken: list[float] = []
    schema_id = b""
    for number in range(_DEPLOYS + 1):
        schema = sample.schema if number == 0 else {**sample.schema, "$comment": f"{number}"}
        row = conn.execute(
            "select v.began, pgflow._put_schema(v.schema, '', 'a schema'), clock_timestamp()"
            " from (select clock_timestamp() as began, %s::jsonb as schema offset 0) as v",
            (json.dumps(schema),),
        ).fetchone()
        assert row is not None
        if number == 0:
            schema_id = bytes(row[1])
        else:  # the first in a session plans what the others find planned
            taken.append((row[2] - row[0]).total_seconds() * 1000)
    return schema_id, median(taken)


def _memory(url: str) -> float:
    """Return how many MB more of its own a backend has that checked against many schemas."""
    kept = samples()[1]
    with psycopg.connect(url, autocommit=True) as conn:
        schema_id, _ = _deploy(conn, kept)
        # under other ids, because nothing of a session depends on the id
        ids = [
            bytes(row[0])
            for row in conn.execute(
                "insert into pgflow.schemas"
                " select sha256(s.schema_id || n::text::bytea), s.schema, s.program, s.predicate,"
                "   s.residual_paths, s.residual_kinds, s.residual_mins, s.residual_maxs,"
                "   s.compiler_version"
                " from pgflow.schemas as s, generate_series(1, %s) as n where s.schema_id = %s"
                " returning schema_id",
                (_SCHEMAS_TOUCHED, schema_id),
            )
        ]
    measured: list[float] = []
    for touched in (ids[:1] * _SCHEMAS_TOUCHED, ids):
        with psycopg.connect(url, autocommit=True) as conn:
            document = json.dumps(kept.value)
            for one in touched:
                conn.execute("select pgflow._check_value(%s, %s::jsonb)", (one, document))
            measured.append(_private_megabytes(conn.info.backend_pid))
    return measured[1] - measured[0]


def _private_megabytes(pid: int) -> float:
    """Return what the process has written to for itself; buffers that all share do not count."""
    kilobytes = 0
    private = False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        words = line.split()
        if not words[0].endswith(":"):  # a new mapping: addresses, permissions such as rw-p
            private = words[1].endswith("p")
        elif words[0] == "Private_Dirty:" and private:
            kilobytes += int(words[1])
    return kilobytes / 1024


def _figures() -> dict[str, tuple[str, Goal | None]]:
    figures: dict[str, tuple[str, Goal | None]] = {_NOTHING: ("µs", None)}
    for sample in samples():
        goal = None if sample.goal is None else Goal(value=sample.goal, at_least=False)
        figures |= {
            _check_figure(sample.about): ("µs", goal),
            f"{sample.about}: check, in one transaction": ("µs", None),
            f"{sample.about}: walker alone": ("µs", None),
            f"{sample.about}: walker alone, in one transaction": ("µs", None),
            f"{sample.about}: check that fails, with its report": ("µs", None),
            f"{sample.about}: deploy of the schema": ("ms", None),
        }
    return {**figures, _MEMORY: ("MB", Goal(value=2, at_least=False))}


BENCHMARK = Benchmark(
    slug="validation",
    about="a value checked against a deployed schema, added to a call that checks nothing",
    figures=_figures(),
    run_round=run_round,
)
