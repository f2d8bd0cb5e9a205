"""The options of `pgflow-worker`; the CLI package offers the same ones as `pgflow worker`."""

import argparse
from importlib.metadata import version
from typing import Final

from pgflow_manifest import MANIFEST_FILE_NAME, URL_VARIABLES

EPILOG: Final = """\
examples:
  pgflow-worker flows/ --database-url postgresql://localhost/app
  pgflow-worker flows/ --deploy --concurrency 20 --log-format json
  pgflow-worker flows/ --steps voice_memo.transcribe,voice_memo.summarize --name gpu-1
  pgflow-worker flows/ --drain            run what waits, then end

stopping:
  SIGTERM or Ctrl-C ends the worker: no more claims, --grace seconds for the handlers that run, then
  they are cancelled and their tasks go to other workers, the attempt not counted. A second signal
  does that at once.

handlers:
  An async handler that is over its timeout is cancelled. A sync one cannot be: its attempt fails,
  but its thread, and its place among --concurrency, stay taken until it returns. Ask
  `ctx.is_cancelled` in long sync handlers.

exit codes:
  0  asked to stop, or nothing left to drain
  1  the worker could not start or go on: the message says why and what to do
  2  wrong options
"""

_DURATIONS: Final = (
    ("--lease", 30.0, "how long a task stays ours without a sign of life"),
    ("--grace", 25.0, "how long running handlers may take to end on SIGTERM"),
    ("--beat", 10.0, "interval of the worker's signs of life"),
    ("--connect-timeout", 10.0, "how long to wait at the start for the database"),
)


def add_worker_options(parser: argparse.ArgumentParser) -> None:
    """Add every option of the worker to *parser*."""
    parser.add_argument("flows", metavar="FLOWS", help="folder or file with flows")
    parser.add_argument(
        "--database-url",
        metavar="URL",
        help=f"where the engine is (default: ${', then $'.join(URL_VARIABLES)})",
    )
    parser.add_argument(
        "--concurrency",
        type=int,
        default=100,
        metavar="N",
        help="handlers that run at once (default: %(default)s)",
    )
    parser.add_argument(
        "--flows",
        dest="only_flows",
        type=_slugs,
        metavar="A,B",
        help="serve only these flows",
    )
    parser.add_argument(
        "--steps",
        dest="only_steps",
        type=_slugs,
        metavar="FLOW.STEP,…",
        help="serve only these steps",
    )
    parser.add_argument(
        "--manifest",
        metavar="FILE",
        help="what `pgflow compile` wrote; needed only for handlers without a return annotation "
        f"(default: $PGFLOW_MANIFEST, then {MANIFEST_FILE_NAME} in FLOWS, beside it, or in "
        "manifests/ beside it)",
    )
    for option, default, meaning in _DURATIONS:
        parser.add_argument(
            option,
            type=float,
            default=default,
            metavar="SECONDS",
            help=f"{meaning} (default: %(default)g)",
        )
    parser.add_argument("--name", help="how logs and `pgflow status` call it (default: host-pid)")
    parser.add_argument(
        "--drain", "--once", action="store_true", help="end when nothing is left to do"
    )
    parser.add_argument(
        "--deploy", action="store_true", help="deploy the flows first; needs role pgflow_admin"
    )
    parser.add_argument(
        "--log-format",
        choices=("console", "json"),
        default="console",
        help="(default: %(default)s)",
    )
    parser.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        default="info",
        help="(default: %(default)s)",
    )


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the console script."""
    parser = argparse.ArgumentParser(
        prog="pgflow-worker",
        description="Claim tasks from Postgres and run the handlers of your flows.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action="version", version=f"pgflow-worker {version('pgflow-worker')}"
    )
    add_worker_options(parser)
    return parser


def _slugs(text: str) -> list[str]:
    slugs = [part.strip() for part in text.split(",") if part.strip()]
    if not slugs:
        raise argparse.ArgumentTypeError("name at least one, separated by commas")
    return slugs
