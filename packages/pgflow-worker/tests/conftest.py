"""What the worker's tests share; see tests/support/fix_worker.py."""

from tests.support.fix_worker import engine, serve, spawn_worker

__all__ = ["engine", "serve", "spawn_worker"]
