"""A worker process of DBOS: `python -m benchmarks.contenders.dbos_worker URL …`."""

import argparse
import os
import sys

from benchmarks.contenders import dbos_flows
from benchmarks.contenders.worker_processes import await_word
from dbos import DBOS


def main() -> None:
    """Launch, which begins to poll the queue, and do what it brings until the parent ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--executor", default="worker")
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--threads", type=int, default=16)
    options = parser.parse_args()
    DBOS(
        config=dbos_flows.configuration(
            options.url,
            executor=options.executor,
            connections=options.connections,
            threads=options.threads,
        )
    )
    DBOS.listen_queues([dbos_flows.QUEUE])
    DBOS.launch()
    await_word().join()
    sys.stdout.flush()
    # `DBOS.destroy` waits for each of its pollers; nothing is left to be saved
    os._exit(0)


if __name__ == "__main__":
    main()
