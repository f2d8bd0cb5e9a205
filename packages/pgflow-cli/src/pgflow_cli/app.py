"""The arguments of every command, and nothing else, so that `pgflow --help` comes at once.

A command is imported only when it runs: `cmd_<name>.py` with `run(args) -> exit code`.
"""

import argparse
import math
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol

from pgflow_cli import exit_codes
from pgflow_cli.annotating.arguments import add_annotate
from pgflow_cli.codegen.arguments import add_codegen
from pgflow_cli.runs_arguments import add_runs, number, run_id, time

_DESCRIPTION: Final = """\
Durable, typed flows on plain PostgreSQL.

Begin with:
  pgflow demo      a spoken memo, transcribed and summarised, in seconds
  pgflow install   migrations and a first flow for your project
  pgflow dev       everything needed to work on flows, again on every change
"""

_DATABASE: Final = """\
The database is --database-url, else $PGFLOW_DATABASE_URL, else $DATABASE_URL,
else the one that a running `pgflow dev` keeps in .pgflow/ of this folder.
"""


class _Version(argparse.Action):
    """Looks the version up only when it is asked for: metadata costs 30 ms."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[object] | None,
        option_string: str | None = None,
    ) -> NoReturn:
        del namespace, values, option_string
        print(f"pgflow {version('pgflow-cli')}")
        parser.exit(exit_codes.OK)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser; the parsed arguments carry the module of the command in `command`."""
    parser = argparse.ArgumentParser(
        prog="pgflow",
        description=_DESCRIPTION,
        epilog=f"{_DATABASE}\n{exit_codes.DESCRIPTION}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = _Commands(parser.add_subparsers(title="commands", metavar="COMMAND", required=True))
    _add_project_commands(commands)
    _add_database_commands(commands)
    _add_run_commands(commands)
    _add_all_in_one_commands(commands)
    return parser


class _Subparsers(Protocol):
    """The public half of what `ArgumentParser.add_subparsers` returns."""

    def add_parser(self, name: str, **options: Any) -> argparse.ArgumentParser: ...


class _Commands:
    """Adds commands that share their form: help, examples, `--debug`."""

    def __init__(self, subparsers: _Subparsers) -> None:
        self._subparsers = subparsers

    def add(
        self,
        name: str,
        text: str,
        *,
        examples: Sequence[str],
        module: str | None = None,
        details: str = "",
    ) -> argparse.ArgumentParser:
        example_lines = "\n".join(f"  {example}" for example in examples)
        parser = self._subparsers.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.\n\n{details}".rstrip(),
            epilog=f"examples:\n{example_lines}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
        parser.set_defaults(command=module or f"cmd_{name}")
        return parser


def _add_project_commands(commands: _Commands) -> None:
    install = commands.add(
        "install",
        "copy pgflow's migrations into a project and make a first flow",
        details=(
            "The copies are named as the folder's own migrations are (Supabase's timestamps,\n"
            "dbmate, numbers). Run it again after an upgrade: only what is new is added, and\n"
            "no file that exists is ever changed."
        ),
        examples=[
            "pgflow install",
            "pgflow install --migrations-path=supabase/migrations --flows-path=supabase/flows",
        ],
    )
    install.add_argument(
        "--migrations-path",
        type=Path,
        metavar="DIR",
        help="default: supabase/migrations if there is a folder supabase, else migrations",
    )
    install.add_argument(
        "--flows-path",
        type=Path,
        metavar="DIR",
        help="default: supabase/flows if there is a folder supabase, else flows",
    )
    _add_json(install)

    compile_ = commands.add(
        "compile",
        "compile a folder of flows into its manifest",
        examples=[
            "pgflow compile",
            "pgflow compile flows -o flows.manifest.json",
            "pgflow compile --check            # in CI: exits 3 when the file is out of date",
            "pgflow compile --show             # types and rules of the steps",
            "git show main:flows.manifest.json > old.json; pgflow compile --diff old.json",
        ],
    )
    _add_flows(compile_)
    compile_.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="default: flows.manifest.json beside the folder; - for stdout",
    )
    compile_.add_argument(
        "--check", action="store_true", help="write nothing; exit 3 with a diff when FILE differs"
    )
    compile_.add_argument(
        "--show", action="store_true", help="write nothing; print type and rules of every step"
    )
    compile_.add_argument(
        "--diff",
        type=Path,
        metavar="OLD",
        help="write nothing; say what changes since that manifest; exit 3 if something breaks",
    )
    _add_json(compile_)

    add_codegen(commands.add)

    annotate = add_annotate(commands.add)
    _add_flows(annotate)
    _add_json(annotate)

    graph = commands.add(
        "graph",
        "draw the steps of a flow",
        details="""A map step, which has one task for each item of a list, is marked "(each)",
and one that starts only under a condition "(when)". Conditions, waits and
what follows a failure stand below the drawing.""",
        examples=["pgflow graph hello", "pgflow graph hello --mermaid > hello.mmd"],
    )
    graph.add_argument("flow", metavar="FLOW", help="slug of the flow")
    _add_source(graph)
    graph.add_argument("--mermaid", action="store_true", help="as Mermaid text, for documents")
    _add_json(graph)


def _add_database_commands(commands: _Commands) -> None:
    migrate = commands.add(
        "migrate",
        "bring the pgflow schema of a database up to date",
        details="Safe to run from several places at once.",
        examples=["pgflow migrate --database-url postgresql://postgres@localhost/app"],
    )
    _add_database(migrate)
    _add_json(migrate)

    deploy = commands.add(
        "deploy",
        "make flows known to a database",
        details="A changed graph becomes a new version; runs stay on the version they began with.",
        examples=[
            "pgflow deploy",
            "pgflow deploy --manifest flows.manifest.json",
            "pgflow deploy --dry-run           # what changes, and whether it breaks something",
        ],
    )
    _add_source(deploy, positional=True)
    deploy.add_argument(
        "--dry-run",
        action="store_true",
        help="deploy nothing; say what would change; exit 3 if something breaks",
    )
    _add_database(deploy)
    _add_json(deploy)

    # Only so that it is listed: entry.py hands its arguments to pgflow-worker as they are.
    commands.add(
        "worker",
        "run the handlers of flows (the same as pgflow-worker)",
        examples=["pgflow worker flows --concurrency 100", "pgflow worker --help"],
    )

    status = commands.add(
        "status",
        "show deployed flows, workers, and runs that no living worker can serve",
        examples=["pgflow status", "pgflow status --json | jq '.workers[].name'"],
    )
    _add_database(status)
    _add_json(status)


def _add_run_commands(commands: _Commands) -> None:
    run = commands.add(
        "run",
        "start a run",
        details=(
            "Prints the id of the run; with --watch waits, shows each step on stderr and\n"
            "prints the run output. With --json prints the whole run instead."
        ),
        examples=[
            """pgflow run hello '{"name": "Ada"}' --watch""",
            "pgflow run hello @payload.json",
            "jq -n '{name: env.USER}' | pgflow run hello - --watch --json",
        ],
    )
    run.add_argument("flow", metavar="FLOW", help="slug of the flow")
    run.add_argument("payload", metavar="PAYLOAD", help="JSON text, @FILE, or - for stdin")
    run.add_argument("--watch", action="store_true", help="wait for the end; exit 1 if it failed")
    run.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS", help="with --watch: wait no longer; exit 5"
    )
    run.add_argument(
        "--manifest",
        type=Path,
        metavar="FILE",
        help="check the payload against it before anything is sent",
    )
    run.add_argument("--run-id", type=run_id, metavar="UUID", help="the id to give to the run")
    run.add_argument(
        "--at",
        type=time,
        metavar="TIME",
        help="when its first steps start, such as 2030-01-31T08:00:00+01:00",
    )
    _add_database(run)
    _add_json(run)

    for verb in add_runs(_Commands, commands.add):
        _add_database(verb)
        _add_json(verb)


def _add_all_in_one_commands(commands: _Commands) -> None:
    demo = commands.add(
        "demo",
        "transcribe and summarise a spoken memo, from nothing to the run output",
        details=(
            "Starts an embedded PostgreSQL in a temporary folder, migrates, compiles,\n"
            "deploys, starts a worker and a run. Progress goes to stderr, the run output to\n"
            "stdout as JSON. Nothing is left behind. --database-url alone chooses another\n"
            "database; the environment is not looked at."
        ),
        examples=["pgflow demo", "pgflow demo --audio memo.wav", "pgflow demo --break-result"],
    )
    demo.add_argument(
        "--audio", type=Path, metavar="FILE", help="your own recording: a WAV of English speech"
    )
    demo.add_argument(
        "--break-result",
        action="store_true",
        help="report a wrong result by hand instead, and see Postgres refuse it",
    )
    _add_database(demo)

    dev = commands.add(
        "dev",
        "migrate, compile, deploy and work, again on every change",
        details=(
            "Uses --database-url or $PGFLOW_DATABASE_URL, else an embedded PostgreSQL that it\n"
            "keeps in .pgflow/ ($DATABASE_URL may be your production, so it is not used).\n"
            "While it runs, `pgflow run`, `runs` and `status` find its database on their own."
        ),
        examples=[
            "pgflow dev",
            "pgflow dev supabase/flows",
            "pgflow dev --once   # check, then end",
        ],
    )
    _add_flows(dev)
    dev.add_argument(
        "--once", action="store_true", help="do everything until the worker works, then stop"
    )
    _add_database(dev)


def _add_flows(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "flows",
        nargs="?",
        type=Path,
        metavar="FLOWS",
        help="folder (or file) with flows; default: flows, or else supabase/flows",
    )


def _add_source(parser: argparse.ArgumentParser, *, positional: bool = False) -> None:
    group = parser.add_mutually_exclusive_group()
    text = "folder (or file) with flows; default: flows, or else supabase/flows"
    if positional:
        group.add_argument("flows", nargs="?", type=Path, metavar="FLOWS", help=text)
    else:
        group.add_argument("--flows", type=Path, metavar="FLOWS", help=text)
    group.add_argument(
        "--manifest", type=Path, metavar="FILE", help="read this manifest, import no flow"
    )


def _add_database(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--database-url", metavar="URL", help="a PostgreSQL connection string")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")


def _seconds(text: str) -> float:
    seconds = number(text)
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds
