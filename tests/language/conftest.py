"""What these tests share: projects with worker processes; see tests/support/fix_project.py."""

from tests.support.fix_project import project
from tests.support.fix_worker import spawn_worker

__all__ = ["project", "spawn_worker"]
