"""The console script `pgflow-worker`: options in, exit code out."""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from typing import Final

from pgflow_manifest import PgflowError, mask_secrets
from pgflow_worker.arguments import make_parser
from pgflow_worker.config import default_name
from pgflow_worker.errors import UsageError
from pgflow_worker.logs import logger, set_up_logging
from pgflow_worker.worker import Worker

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run a worker as the command line says; return the exit code."""
    return run_worker(make_parser().parse_args(argv))


def run_worker(options: argparse.Namespace) -> int:
    """Run a worker from the options of `add_worker_options`; return the exit code.

    When a handler ignores its cancellation even after the grace period, this ends the process
    itself: its task is released, and nothing else could stop it.
    """
    name = options.name or default_name()
    set_up_logging(log_format=options.log_format, level=options.log_level, worker_name=name)
    try:
        worker = Worker(
            options.flows,
            options.database_url,
            concurrency=options.concurrency,
            only_flows=options.only_flows,
            only_steps=options.only_steps,
            manifest=options.manifest,
            lease=options.lease,
            grace=options.grace,
            beat=options.beat,
            name=name,
            drain=options.drain,
            deploy=options.deploy,
            connect_timeout=options.connect_timeout,
            handle_signals=True,
        )
        asyncio.run(_serve(worker))
    except UsageError as error:
        return _complain(error, USAGE)
    except PgflowError as error:
        return _complain(error, FAILED)
    except Exception:
        logger.exception("the worker ended by an error it did not expect")
        return FAILED
    return OK


async def _serve(worker: Worker) -> None:
    await worker.run()
    if worker.running_handlers:
        logger.warning("%d handlers do not end; ending without them", worker.running_handlers)
        logging.shutdown()
        sys.stdout.flush()
        os._exit(OK)


def _complain(error: PgflowError, code: int) -> int:
    print(mask_secrets(f"pgflow-worker: {error}"), file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
