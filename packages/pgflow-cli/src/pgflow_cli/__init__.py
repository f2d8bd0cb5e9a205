"""The `pgflow` command: install, migrate, compile, deploy, worker, run, demo and dev.

`app.py` holds every command's arguments, `cmd_<command>.py` what each does, and `exit_codes.py`
what a script can tell from its end.
"""

from pgflow_cli.entry import main

__all__ = ["main"]
