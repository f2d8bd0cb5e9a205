"""The console scripts `pgflow` and `pgflow-cli`: read the arguments, run the command, tell errors.

Errors become `error [PF...]: message` and `  mend: hint` on stderr; a traceback is shown only
with `--debug`. Exit codes are in `exit_codes.py`.
"""

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import cast

from pgflow_cli import exit_codes
from pgflow_cli.app import build_parser
from pgflow_cli.interrupts import TerminatedError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; never raises for an error of the user."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments[:1] == ["worker"]:
            worker = importlib.import_module("pgflow_worker.__main__")
            return cast("Callable[[Sequence[str]], int]", worker.main)(arguments[1:])
        args = build_parser().parse_args(arguments)
    except SystemExit as end:
        # How argparse ends for --help and for a wrong command line.
        return end.code if isinstance(end.code, int) else exit_codes.USAGE
    try:
        command = importlib.import_module(f"pgflow_cli.{args.command}")
        return cast("int", command.run(args))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return exit_codes.INTERRUPTED
    except TerminatedError:
        print("terminated", file=sys.stderr)
        return exit_codes.TERMINATED
    except BrokenPipeError:
        # The reader of our output has gone, as in `pgflow runs list | head -1`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_codes.OK
    except Exception as error:
        if args.debug:
            raise
        failures = importlib.import_module("pgflow_cli.failures")
        code = cast("Callable[[Exception, str | None], int]", failures.tell)(
            error, getattr(args, "database_url", None)
        )
        return _interruption_behind(error) or code


def _interruption_behind(error: BaseException) -> int | None:
    """Return the exit code of an interruption whose clean-up *error* came in the way of."""
    behind = error.__context__
    while behind is not None:
        if isinstance(behind, KeyboardInterrupt):
            return exit_codes.INTERRUPTED
        if isinstance(behind, TerminatedError):
            return exit_codes.TERMINATED
        behind = behind.__context__
    return None
