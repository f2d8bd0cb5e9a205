"""The code in the documents runs: what a reader copies works, and prints what it says it prints.

A document is a story: its Python blocks run one after the other in one namespace, in a folder where
blocks marked `file=NAME` have been written, with a database, the deployed flows and a worker. Code
after `print(…)  # ` is what must be printed. The pages of packages show excerpts: those are Python,
and what they import is there. Blocks of shell name commands that exist.
"""

import ast
import contextlib
import importlib.util
import io
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from pgflow_cli.compiling import compile_folder
from pgflow_manifest import write_manifest
from pgflow_worker import Worker

ROOT: Final = Path(__file__).parent.parent
STORIES: Final = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
EXCERPTS: Final = tuple(sorted(ROOT.glob("packages/*/README.md")))
DOCUMENTS: Final = (*STORIES, *EXCERPTS)
_BLOCK: Final = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PRINTED: Final = re.compile(r"print\(.*\)  # (.+)$", re.MULTILINE)
_FILE: Final = re.compile(r"\bfile=(\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block of a document."""

    language: str
    file: str | None
    text: str
    line: int


def blocks(document: Path) -> list[Block]:
    text = document.read_text(encoding="utf-8")
    return [
        Block(
            language=match[1],
            file=found[1] if (found := _FILE.search(match[2])) else None,
            text=match[3],
            line=text.count("\n", 0, match.start()) + 2,
        )
        for match in _BLOCK.finditer(text)
    ]


def with_python(documents: tuple[Path, ...]) -> list[Path]:
    return [path for path in documents if any(b.language == "python" for b in blocks(path))]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture
def story(
    database_url: str, conn: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder to live in, and the database in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PGFLOW_DATABASE_URL", database_url)
    monkeypatch.delenv("PGFLOW_MANIFEST", raising=False)
    return tmp_path


@contextlib.contextmanager
def served(flows: Path, conn: psycopg.Connection, url: str) -> Iterator[None]:
    """Compile the flows in *flows* beside it, deploy them, and let a worker run."""
    manifest = flows.parent / "flows.manifest.json"
    write_manifest(compile_folder(flows), manifest)
    conn.execute("select pgflow.deploy(%s::jsonb)", [manifest.read_text()])
    worker = Worker(flows, url)
    thread = threading.Thread(target=worker.run_sync)
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join()


@pytest.mark.parametrize("document", with_python(STORIES), ids=name_of)
def test_python_of_a_document_runs_and_prints_what_it_says(
    document: Path, story: Path, conn: psycopg.Connection, database_url: str
) -> None:
    namespace: dict[str, Any] = {}
    told = [block for block in blocks(document) if block.language == "python"]
    for block in told:
        if block.file is not None:
            path = story / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
            namespace.update(imported(path))
    flows = story / "flows"
    with served(flows, conn, database_url) if flows.exists() else contextlib.nullcontext():
        for block in told:
            if block.file is None:
                printed = io.StringIO()
                with contextlib.redirect_stdout(printed):
                    # the lines of a traceback are then those of the document
                    source = "\n" * (block.line - 1) + block.text
                    exec(compile(source, document, "exec"), namespace)
                assert printed.getvalue().splitlines() == [
                    evaluated(text) for text in _PRINTED.findall(block.text)
                ]


@pytest.mark.parametrize("document", with_python(EXCERPTS), ids=name_of)
def test_python_of_a_package_page_imports_what_exists(document: Path) -> None:
    for block in blocks(document):
        if block.language == "python":
            tree = ast.parse(block.text, str(document))
            tree.body = [
                part for part in tree.body if isinstance(part, ast.Import | ast.ImportFrom)
            ]
            exec(compile(tree, document, "exec"), {})


def imported(path: Path) -> Mapping[str, Any]:
    spec = importlib.util.spec_from_file_location(f"_document_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return vars(module)


def evaluated(text: str) -> str:
    """What `print` makes of a value that is written as code; other text stands for itself."""
    try:
        return str(eval(text))
    except (SyntaxError, NameError):
        return text


def commands(document: Path) -> list[str]:
    """Every line of a shell block that calls one of our programs."""
    lines: list[str] = []
    for block in blocks(document):
        if block.language in {"sh", "bash", "console"}:
            for line in block.text.replace("\\\n", " ").splitlines():
                words = shlex.split(line.removeprefix("$ "), comments=True)
                while words[:2] in (["uv", "run"], ["pip", "install"]) or words[:1] == ["&&"]:
                    words = words[words.index("&&") + 1 :] if words[0] == "pip" else words[2:]
                if words and words[0] in {"pgflow", "pgflow-cli", "pgflow-worker"}:
                    lines.append(shlex.join(words))
    return lines


def all_commands() -> list[str]:
    documents = (*DOCUMENTS, ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md")
    return sorted({command for document in documents for command in commands(document)})


@pytest.mark.parametrize("command", all_commands())
def test_command_of_a_document_exists_with_these_options(command: str) -> None:
    program, *words = shlex.split(command)
    positional = [word for word in words if not word.startswith("-")]
    chosen = [] if program == "pgflow-worker" else positional[:1]
    # `runs` has commands of its own
    chosen += positional[1:2] if chosen == ["runs"] else []
    module = "pgflow_worker" if program == "pgflow-worker" else "pgflow_cli"
    asked = [sys.executable, "-m", module, *chosen, "--help"]
    shown = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    options = {word.split("=")[0] for word in words if word.startswith("--")}
    assert not {option for option in options if option not in shown}
