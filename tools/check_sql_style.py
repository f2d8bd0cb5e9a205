"""Rules of the SQL sources that no SQL linter checks, because linters skip the bodies in `$$`."""

import re
import sys
from pathlib import Path
from typing import Final

from tools.repository import report, sql_sources
from tools.sql_functions import sql_functions

_LONGEST_LINE: Final = 120  # messages stand on one line, so that one finds them
_HEADER: Final = ("Called by", "Locks", "Raises", "Returns")
_KEYWORDS: Final = re.compile(
    r"\b(?:SELECT|INSERT|UPDATE|DELETE|FROM|WHERE|JOIN|CREATE|ALTER|DROP|TABLE|FUNCTION|BEGIN|END"
    r"|IF|THEN|ELSE|RETURN|RETURNS|RAISE|EXCEPTION|DECLARE|LANGUAGE|AND|OR|NOT|NULL|VALUES|ORDER"
    r"|GROUP|LIMIT|WITH|GRANT|REVOKE)\b"
)
# an object that the caller put into a schema of his own must never be found
_SAFE_PATH: Final = re.compile(r"^set search_path = (?:''|pg_catalog, pg_temp)$", re.MULTILINE)
_SPOKEN: Final = re.compile(r"--.*|'(?:[^']|'')*'|\"[^\"\n]*\"")


def check_sql_style(root: Path) -> list[str]:
    """Name every SQL file that breaks a rule of CONTRIBUTING.md."""
    problems: list[str] = []
    for path in sql_sources(root):
        name = path.relative_to(root).as_posix()
        text = path.read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), 1):
            if len(line) > _LONGEST_LINE or line != line.rstrip() or "\t" in line:
                problems.append(
                    f"{name}:{number}: at most {_LONGEST_LINE} characters, no tabs, "
                    "no blanks at the end"
                )
        code = _SPOKEN.sub("", text)
        problems += [f"{name}: write {word} in lower case" for word in _KEYWORDS.findall(code)]
        if not text.endswith("\n") or not text.startswith("-- "):
            problems.append(f"{name}: begin with a comment, end with a line break")
    for function in sql_functions(root).values():
        name = function.path.relative_to(root).as_posix()
        if function.path.stem != function.name:
            problems.append(f"{name}: holds {function.name}; name the file after it")
        if function.name not in function.header:
            problems.append(f"{name}: begin with `-- {function.name}: what the caller gains`")
        problems += [
            f"{name}: the header has no line `-- {entry}:`"
            for entry in _HEADER
            if function.is_public and entry not in function.header
        ]
        if "security definer" in function.code and not _SAFE_PATH.search(function.code):
            problems.append(f"{name}: a definer function needs `set search_path = ''`")
    return problems


if __name__ == "__main__":
    sys.exit(report(check_sql_style))
