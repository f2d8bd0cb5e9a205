"""A worker process of Absurd: `python -m benchmarks.contenders.absurd_worker URL …`."""

import argparse
import os
from threading import Thread

import psycopg
from absurd_sdk import Absurd
from benchmarks.contenders.absurd_flows import ITEMS_QUEUE, QUEUE, register
from benchmarks.contenders.worker_processes import await_word


def main() -> None:
    """Connect, wait for the word, and claim until the parent ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--item-connections", type=int, default=0)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--poll-interval", type=float, default=0.25)
    options = parser.parse_args()
    apps: list[Absurd] = []
    for queue in [QUEUE] * options.connections + [ITEMS_QUEUE] * options.item_connections:
        app = Absurd(psycopg.connect(options.url, autocommit=True), queue_name=queue)
        register(app, queue)
        apps.append(app)
    until = await_word()
    for number, app in enumerate(apps):
        work = {
            "worker_id": f"{os.getpid()}-{number}",
            "batch_size": options.batch,
            "poll_interval": options.poll_interval,
        }
        Thread(target=app.start_worker, kwargs=work, daemon=True).start()
    until.join()


if __name__ == "__main__":
    main()
