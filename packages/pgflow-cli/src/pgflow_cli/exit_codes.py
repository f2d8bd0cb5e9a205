"""What the exit code of `pgflow` says, so that a script need not read its text."""

from typing import Final

OK: Final = 0
"""Done; or there was nothing to do."""

FAILED: Final = 1
"""An error, told on stderr; or the run that was waited for failed or was cancelled, or one that
`runs upgrade` should move stays as it is."""

USAGE: Final = 2
"""The command line is wrong; nothing was done."""

DIFFERS: Final = 3
"""`--check` found a difference, or `annotate` has shown one, or `--diff` or `--dry-run` a change
that breaks something; nothing was written."""

UNREACHABLE: Final = 4
"""The database cannot be reached, or refuses the login."""

TIMEOUT: Final = 5
"""The time that `--timeout` gives is over; the run goes on."""

INTERRUPTED: Final = 130
"""Ctrl-C; everything that was started has been stopped."""

TERMINATED: Final = 143
"""SIGTERM; likewise."""

DESCRIPTION: Final = f"""\
exit codes:
  {OK}    done, or nothing to do
  {FAILED}    an error, told on stderr; or the awaited run failed or was cancelled;
       or a run could not be upgraded
  {USAGE}    the command line is wrong
  {DIFFERS}    --check found a difference, or annotate has shown one;
       or --diff or --dry-run found a change that breaks something
  {UNREACHABLE}    the database cannot be reached
  {TIMEOUT}    --timeout is over; the run goes on
  {INTERRUPTED}  interrupted by Ctrl-C ({TERMINATED}: by SIGTERM)
"""
