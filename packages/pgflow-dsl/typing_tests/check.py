"""Check types under mypy, pyright, pyrefly and ty: `python check.py [FOLDER]`.

Without a folder it is the DSL's that are checked; of another, all files together.

The files named `*ok.py` must be clean. In those named `*wrong.py` every marked line must be
reported and no other, by every checker or by those that the mark names. Exit code 0 when that is
so, else 1.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

DSL = Path(__file__).resolve().parent
MARK = re.compile(r"# error( in statement)?(?: by ([a-z, ]+))?\s*$")

Reported = dict[tuple[str, int], str]
"""The text of the first diagnostic on a line, by file name and line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A place at which every checker must report something."""

    file: str
    line: int
    lines: range
    """One of these must be reported."""
    statement: range
    """These may be: pyright repeats a wrong default on the decorator."""
    text: str
    by: frozenset[str]
    """The checkers that must report it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Files that are checked together."""

    files: tuple[str, ...]
    strict: bool
    """Otherwise with the settings that a checker has by default."""
    folder: Path = DSL


SUITES = (
    Suite(
        files=(
            *("shared.py", "ok.py", "json_ok.py", "run_ok.py", "map_ok.py", "when_ok.py"),
            *("wrong.py", "json_wrong.py", "run_wrong.py", "map_wrong.py", "when_wrong.py"),
            *("waiting_ok.py", "sub_flow_maps_ok.py", "waiting_wrong.py", "sub_flow_maps_wrong.py"),
        ),
        strict=True,
    ),
    Suite(files=("shared.py", "plain_ok.py", "plain_wrong.py"), strict=False),
)


def faults_in(suite: Suite, file: str) -> list[Fault]:
    """Return the marked places of *file*."""
    source = (suite.folder / file).read_text()
    statements = [
        range(
            min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))]),
            (node.end_lineno or node.lineno) + 1,
        )
        for node in ast.parse(source).body
    ]
    faults: list[Fault] = []
    for number, text in enumerate(source.splitlines(), 1):
        if (mark := MARK.search(text)) is None or text.lstrip().startswith("#"):
            continue
        whole = next(lines for lines in statements if number in lines)
        faults.append(
            Fault(
                file=file,
                line=number,
                lines=whole if mark[1] else range(number, number + 1),
                statement=whole,
                text=text[: mark.start()].strip(),
                by=frozenset(mark[2].split(", ")) if mark[2] else frozenset(CHECKERS),
            )
        )
    return faults


def run(name: str, *arguments: str, cwd: Path) -> str:
    """Return what the checker *name* prints; its exit code says only whether it found anything."""
    beside = Path(sysconfig.get_path("scripts")) / name
    program = str(beside) if beside.exists() else shutil.which(name)
    if program is None:
        raise SystemExit(f"{name} is not installed; `uv sync --group types` installs it")
    done = subprocess.run(
        [program, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"{name} itself failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def by_lines(output: str, pattern: str) -> Reported:
    """Read diagnostics, one a line, with the groups file, line and text of *pattern*."""
    reported: Reported = {}
    for match in re.finditer(pattern, output, re.MULTILINE):
        file = Path(match["file"]).name
        reported.setdefault((file, int(match["line"])), match["text"])
    return reported


def mypy(folder: Path, suite: Suite) -> Reported:
    """Report what mypy says."""
    (folder / "mypy.ini").write_text(f"[mypy]\nstrict = {suite.strict}\n")
    options = ["--config-file=mypy.ini", "--no-pretty", f"--python-executable={sys.executable}"]
    output = run("mypy", *options, *suite.files, cwd=folder)
    return by_lines(output, r"^(?P<file>[^:\n]+):(?P<line>\d+): error: (?P<text>.*)$")


def pyright(folder: Path, suite: Suite) -> Reported:
    """Report what pyright says."""
    mode = "strict" if suite.strict else "standard"
    config = {"typeCheckingMode": mode, "include": list(suite.files)}
    (folder / "pyrightconfig.json").write_text(json.dumps(config))
    output = run("pyright", "--outputjson", "--pythonpath", sys.executable, cwd=folder)
    reported: Reported = {}
    for item in json.loads(output)["generalDiagnostics"]:
        place = (Path(item["file"]).name, item["range"]["start"]["line"] + 1)
        reported.setdefault(place, item["message"].split("\n")[0])
    return reported


def pyrefly(folder: Path, suite: Suite) -> Reported:
    """Report what pyrefly says."""
    preset = "strict" if suite.strict else "default"
    (folder / "pyrefly.toml").write_text(
        f'preset = "{preset}"\nproject-includes = ["*.py"]\npython-interpreter-path = '
        f"{json.dumps(sys.executable)}\n"
    )
    output = run("pyrefly", "check", "--output-format", "min-text", cwd=folder)
    return by_lines(output, r"^\s*ERROR (?P<file>[^:\n]+):(?P<line>\d+):[^ ]+ (?P<text>.*)$")


def ty(folder: Path, suite: Suite) -> Reported:
    """Report what ty says with its default rules, the only ones it has."""
    (folder / "ty.toml").write_text("")
    options = ["--python", sys.prefix, "--output-format", "concise"]
    output = run("ty", "check", *options, *suite.files, cwd=folder)
    return by_lines(output, r"^(?P<file>[^:\n]+):(?P<line>\d+):\d+: (?:error|warning)(?P<text>.*)$")


CHECKERS: dict[str, Callable[[Path, Suite], Reported]] = {
    "mypy": mypy,
    "pyright": pyright,
    "pyrefly": pyrefly,
    "ty": ty,
}


def reports(suite: Suite) -> dict[str, Reported]:
    """Return what each checker says, run in copies of the files without outer configuration."""

    def one(name: str) -> Reported:
        with tempfile.TemporaryDirectory(prefix=f"pgflow-{name}-") as temporary:
            folder = Path(temporary).resolve()
            for file in suite.files:
                shutil.copy(suite.folder / file, folder / file)
            return CHECKERS[name](folder, suite)

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(CHECKERS, pool.map(one, CHECKERS), strict=True))


def failures_in(suite: Suite, file: str, found: dict[str, Reported]) -> list[str]:
    """Print the row of *file* and return what is missed or reported in vain."""
    failures: list[str] = []
    faults = faults_in(suite, file)
    row = f"{file:<16}{len(faults):>8}"
    for name, reported in found.items():
        lines = {line for at, line in reported if at == file}
        due = [fault for fault in faults if name in fault.by]
        missed = [fault for fault in due if not lines & set(fault.lines)]
        allowed = {line for fault in faults for line in fault.statement}
        failures += [f"{file}:{f.line}: {name} misses: {f.text}" for f in missed]
        failures += [
            f"{file}:{line}: {name} reports: {reported[file, line]}"
            for line in sorted(lines - allowed)
        ]
        wrong = len(missed) + len(lines - allowed)
        seen = f"{len(due)}" if faults else "clean"
        row += f"{seen if not wrong else f'{wrong} wrong':>12}"
    print(row)
    return failures


def main(arguments: list[str]) -> int:
    """Print the table and return the exit code."""
    suites = SUITES
    if arguments:
        folder = Path(arguments[0]).resolve()
        files = tuple(sorted(path.name for path in folder.glob("*.py")))
        suites = (Suite(files=files, strict=True, folder=folder),)
    print(f"{'file':<16}{'faults':>8}" + "".join(f"{name:>12}" for name in CHECKERS))
    failures: list[str] = []
    for suite in suites:
        found = reports(suite)
        for file in suite.files:
            failures += failures_in(suite, file, found)
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
