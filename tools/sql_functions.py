"""Read what the SQL sources say about their functions: header, body, codes, calls."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.repository import sql_sources

CODE: Final = re.compile(r"\bPF\d{3}\b")
_CREATED: Final = re.compile(r"create or replace function pgflow\.(\w+)\s*\(")
_CALLED: Final = re.compile(r"\bpgflow\.(\w+)\s*\(")
_RAISED: Final = re.compile(r"(?:errcode = |_raise_manifest_invalid\(\s*)'(PF\d{3})'")
_ENTRY: Final = re.compile(r"^-- (\w[\w ]*):\s+(.*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlFunction:
    """One function file."""

    path: Path
    name: str
    header: Mapping[str, str]
    """Entries of the comment above the function, by their word, such as `Raises`."""
    code: str
    """The statements, without comments."""

    @property
    def is_public(self) -> bool:
        """Whether callers outside the engine may use it."""
        return not self.name.startswith("_")

    @property
    def documented_codes(self) -> frozenset[str]:
        """The codes that the header promises."""
        return frozenset(CODE.findall(self.header.get("Raises", "")))

    @property
    def raised_codes(self) -> frozenset[str]:
        """The codes that its own body raises."""
        return frozenset(_RAISED.findall(self.code))

    @property
    def calls(self) -> frozenset[str]:
        """The functions of the engine that its body names."""
        return frozenset(_CALLED.findall(self.code)) - {self.name}


def sql_functions(root: Path) -> dict[str, SqlFunction]:
    """Return every function of the SQL sources by its name."""
    found: dict[str, SqlFunction] = {}
    for path in sql_sources(root):
        text = path.read_text(encoding="utf-8")
        if (created := _CREATED.search(text)) is not None:
            found[created[1]] = SqlFunction(
                path=path,
                name=created[1],
                header=_header(text),
                code=re.sub(r"--.*", "", text),
            )
    return found


def codes_in_reach(
    name: str, functions: Mapping[str, SqlFunction], *, through_public: bool
) -> frozenset[str]:
    """Return the codes that a call of *name* can raise, those of the functions it calls included.

    Args:
        name: the function.
        functions: all of them.
        through_public: whether to follow calls of public functions too. Those are called with
            arguments that the caller made itself, so most of their refusals cannot happen.
    """
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in seen and current in functions:
            seen.add(current)
            calls = functions[current].calls
            waiting.extend(call for call in calls if through_public or call.startswith("_"))
    return frozenset(code for each in seen for code in functions[each].raised_codes)


def _header(text: str) -> dict[str, str]:
    entries: dict[str, str] = {}
    entry = ""
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        if (match := _ENTRY.match(line)) is not None:
            entry = match[1]
            entries[entry] = match[2]
        elif entry:
            entries[entry] += " " + line.removeprefix("--").strip()
    return entries
