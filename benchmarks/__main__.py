"""Measure pgflow on an embedded PostgreSQL: `python -m benchmarks --quick`.

A benchmark is a module with a `BENCHMARK`; this file lists them. The server is durable (fsync and
synchronous_commit on), because figures without that say nothing about production.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import psycopg
from benchmarks import compilation, one_worker, sql_alone, transition, validation
from benchmarks.machine import describe_machine, describe_server
from benchmarks.measure import FLOWS_DIR, TEMPLATE, Bench, Benchmark, Figure
from benchmarks.report import Report
from psycopg import sql

from pgflow_core_sql import migrate
from pgflow_core_sql.embedded import EmbeddedPostgres
from pgflow_dsl import compile_flows, discover_flows
from pgflow_manifest import Manifest, dump_manifest

BENCHMARKS = (
    sql_alone.BENCHMARK,
    one_worker.BENCHMARK,
    transition.BENCHMARK,
    validation.BENCHMARK,
    compilation.BENCHMARK,
)

SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",
    "max_connections": "50",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmarks that were asked for, print the table and write the results."""
    options = _parser().parse_args(argv)
    chosen = [one for one in BENCHMARKS if not options.slugs or one.slug in options.slugs]
    began = monotonic()
    with tempfile.TemporaryDirectory(prefix="pgflow-bench-") as directory:
        Path(directory).chmod(0o755)
        data_dir = Path(directory, "data")
        machine = describe_machine(Path(directory))
        with EmbeddedPostgres(data_dir, version=18, settings=SETTINGS) as server:
            manifest = compile_flows([found.flow for found in discover_flows(FLOWS_DIR)])
            settings = _prepare(server, manifest)
            _say("PostgreSQL " + ", ".join(f"{name}={value}" for name, value in settings.items()))
            bench = Bench(server=server, manifest=manifest, quick=options.quick)
            figures = [figure for one in chosen for figure in _measure(one, bench, options.rounds)]
    report = Report(quick=options.quick, machine=machine, server=settings, figures=figures)
    path = report.write()
    _say(f"\n{report.markdown()}\n{path} ({monotonic() - began:.0f} s in all)")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, under two minutes")
    parser.add_argument("--rounds", type=int, default=5, help="how often each (default: 5)")
    parser.add_argument(
        "slugs",
        nargs="*",
        choices=[one.slug for one in BENCHMARKS],
        help="only these; all when none is named",
    )
    return parser


def _prepare(server: EmbeddedPostgres, manifest: Manifest) -> dict[str, str]:
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(TEMPLATE)))
        settings = describe_server(admin)
    with psycopg.connect(server.url(TEMPLATE), autocommit=True) as conn:
        migrate(conn)
        conn.execute("select pgflow.deploy(%s::jsonb)", (dump_manifest(manifest).decode(),))
    return settings


def _measure(one: Benchmark, bench: Bench, rounds: int) -> list[Figure]:
    _say(f"\n{one.slug}: {one.about}")
    measured: dict[str, list[float]] = {name: [] for name in one.figures}
    for number in range(1, rounds + 1):
        for name, value in one.run_round(bench).items():
            measured[name].append(value)
            _say(f"  round {number}: {value:,.2f} {one.figures[name][0]}  {name}")
    return [
        Figure(name=name, unit=unit, rounds=measured[name], goal=goal)
        for name, (unit, goal) in one.figures.items()
    ]


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
