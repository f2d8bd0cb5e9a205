"""Measure pgflow and its peers on an embedded PostgreSQL: `python -m benchmarks --quick`.

The server is durable (fsync and synchronous_commit on), because figures without that say nothing
about production. Written are raw data, a table and plots, into benchmarks/results/.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import psycopg
from benchmarks.catalogue import CONTENDERS, LOOK, WORKLOADS
from benchmarks.entrants import enter
from benchmarks.flows_deployed import compile_all
from benchmarks.machine import describe_machine, describe_server
from benchmarks.measure import Bench, Workload
from benchmarks.plots import draw
from benchmarks.report import markdown
from benchmarks.results import RESULTS_DIR, Results
from benchmarks.suite import Suite

from pgflow_core_sql.embedded import EmbeddedPostgres

SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",
    "max_connections": "300",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what was asked for, print the table and write the results."""
    options = _parser().parse_args(argv)
    named = options.workloads or (LOOK if options.quick else [one.slug for one in WORKLOADS])
    chosen = [one for one in WORKLOADS if one.slug in named]
    began = monotonic()
    results = _measure(chosen, options)
    path = write(results, Path(options.results))
    _say(f"\n{markdown(results)}\n{path} ({monotonic() - began:.0f} s in all)")
    return 0


def write(results: Results, folder: Path) -> Path:
    """Write raw data, table and plots under one name; return the path of the raw data."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp = datetime.fromisoformat(results.at).strftime("%Y%m%dT%H%M%SZ")
    path = folder / f"{stamp}{'-quick' if results.quick else ''}.json"
    results.write(path)
    path.with_suffix(".md").write_text(markdown(results), encoding="utf-8")
    draw(results, folder, f"{path.stem}-")
    return path


def _measure(chosen: Sequence[Workload], options: argparse.Namespace) -> Results:
    with tempfile.TemporaryDirectory(prefix="pgflow-bench-") as directory:
        Path(directory).chmod(0o755)
        machine = describe_machine(Path(directory))
        data_dir = Path(directory, "data")
        with EmbeddedPostgres(data_dir, version=18, settings=SETTINGS) as server:
            with psycopg.connect(server.url(), autocommit=True) as admin:
                settings = describe_server(admin)
            _say("PostgreSQL " + ", ".join(f"{name}={value}" for name, value in settings.items()))
            entrants, templates, described = enter(server, options.contenders, _say)
            results = Results(
                at=datetime.now(UTC).isoformat(timespec="seconds"),
                quick=options.quick,
                rounds=options.rounds or (1 if options.quick else 3),
                scale=options.scale,
                machine=machine,
                server=settings,
                contenders=described,
                workloads={
                    one.slug: {"about": one.about, "figures": dict(one.figures)} for one in chosen
                },
            )
            bench = Bench(
                server=server,
                manifest=compile_all(),
                quick=options.quick,
                scale=options.scale,
                templates=templates,
            )
            suite = Suite(
                bench=bench, entrants=entrants, rounds=results.rounds, results=results, say=_say
            )
            try:
                for one in chosen:
                    suite.run(one)
            except KeyboardInterrupt:
                _say("interrupted: what was measured so far is written")
    return results


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"one round of small sizes: a look of two minutes at {', '.join(LOOK)}",
    )
    parser.add_argument("--rounds", type=int, help="how often each (default: 3, 1 with --quick)")
    parser.add_argument(
        "--contenders",
        type=lambda text: [part for part in text.split(",") if part],
        default=list(CONTENDERS),
        metavar="A,B",
        help=f"only these (default: {','.join(CONTENDERS)})",
    )
    parser.add_argument(
        "--scale", type=float, default=1.0, help="multiplies sizes; 0.01 shows that all runs"
    )
    parser.add_argument("--results", default=str(RESULTS_DIR), help="folder for what is written")
    parser.add_argument(
        "workloads",
        nargs="*",
        type=_workload,
        metavar="WORKLOAD",
        help="only these, of " + ", ".join(one.slug for one in WORKLOADS),
    )
    return parser


def _workload(slug: str) -> str:
    known = [one.slug for one in WORKLOADS]
    if slug not in known:
        raise argparse.ArgumentTypeError(f"no workload {slug!r}; there are {', '.join(known)}")
    return slug


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
