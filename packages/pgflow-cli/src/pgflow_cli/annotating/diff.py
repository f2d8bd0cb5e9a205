"""Show what annotations change, as a diff that `patch` and `git apply -p0` understand."""

import difflib
import re
from typing import Final

from pgflow_cli.annotating.plan import FileChange
from pgflow_dsl.location import shown_path

# A line keeps its own end: `patch` puts it into the file as it is here.
_LINE: Final = re.compile(r"[^\n]*\n|[^\n]+")


def diff_of(change: FileChange) -> str:
    """Return the unified diff of one file."""
    name = shown_path(str(change.path))
    before, after = (
        _LINE.findall(content.decode(change.encoding)) for content in (change.before, change.after)
    )
    lines = difflib.unified_diff(before, after, name, name)
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
