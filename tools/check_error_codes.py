"""One table of error codes: classes, SQL sources, their headers and docs/errors.md agree."""

import re
import sys
from pathlib import Path
from typing import Final

from tools.repository import report, repository_files, sql_sources
from tools.sql_functions import CODE, codes_in_reach, sql_functions

from pgflow_manifest import ERRORS_BY_CODE

DOCUMENT: Final = "docs/errors.md"
_SECTION: Final = re.compile(r"^### (PF\d{3}) (\w+)\n(.*?)(?=^#|\Z)", re.MULTILINE | re.DOTALL)


def check_error_codes(root: Path) -> list[str]:
    """Name every disagreement about error codes."""
    return [*_document_problems(root), *_sql_problems(root), *_unused(root)]


def _document_problems(root: Path) -> list[str]:
    path = root / DOCUMENT
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    sections = {match[1]: match for match in _SECTION.finditer(text)}
    problems: list[str] = []
    if list(sections) != sorted(sections):
        problems.append(f"{DOCUMENT}: the sections are not sorted by code")
    problems += [
        f"{DOCUMENT}: no section `### {code} {ERRORS_BY_CODE[code].__name__}`"
        for code in ERRORS_BY_CODE
        if code not in sections
    ]
    for code, section in sections.items():
        known = ERRORS_BY_CODE.get(code)
        if known is None:
            problems.append(f"{DOCUMENT}: {code} is no code of pgflow")
            continue
        if section[2] != known.__name__:
            problems.append(f"{DOCUMENT}: {code} is {known.__name__}, not {section[2]}")
        meaning = (known.__doc__ or "").split("\n", 1)[0]
        problems += [
            f"{DOCUMENT}: the section of {code} does not say {part!r}"
            for part in (meaning, "**When:**", "**Mend:**")
            if part not in section[3]
        ]
    return problems


def _sql_problems(root: Path) -> list[str]:
    problems: list[str] = []
    for path in sql_sources(root):
        found = set(CODE.findall(path.read_text(encoding="utf-8")))
        problems += [
            f"{path.relative_to(root)}: {code} is no code of pgflow"
            for code in sorted(found - ERRORS_BY_CODE.keys())
        ]
    functions = sql_functions(root)
    for name, function in functions.items():
        certain = codes_in_reach(name, functions, through_public=False)
        possible = codes_in_reach(name, functions, through_public=True)
        where = function.path.relative_to(root)
        problems += [
            f"{where}: can raise {code}, which its header does not say"
            for code in sorted(certain - function.documented_codes)
            if function.is_public
        ]
        problems += [
            f"{where}: the header promises {code}, which nothing raises"
            for code in sorted(function.documented_codes - possible)
        ]
    return problems


def _unused(root: Path) -> list[str]:
    """Codes that no source raises: a promise that nobody keeps."""
    sql = "".join(path.read_text(encoding="utf-8") for path in sql_sources(root))
    raised = set(CODE.findall(re.sub(r"--.*", "", sql)))
    if not raised:
        return []
    python = "".join(
        path.read_text(encoding="utf-8")
        for folder in sorted(root.glob("packages/*/src"))
        for path in repository_files(folder, ".py")
        if path.name not in {"errors.py", "__init__.py"}
    )
    return [
        f"{code} ({known.__name__}) is raised nowhere"
        for code, known in ERRORS_BY_CODE.items()
        if code not in raised and not re.search(rf"\b{known.__name__}\b|\b{code}\b", python)
    ]


if __name__ == "__main__":
    sys.exit(report(check_error_codes))
