"""The TypeScript of the documents compiles, runs, and prints what it says it prints."""

import re
from pathlib import Path
from typing import Final

import psycopg
import pytest
from tests.support.postgrest import Postgrest
from tests.test_docs_examples import STORIES, blocks, imported, name_of, served
from tests.typescript.node import answers, compiler_errors, project

from pgflow_cli.codegen.typescript import emit
from pgflow_manifest import read_manifest

WITH_TYPESCRIPT: Final = [
    path for path in STORIES if any(block.language == "ts" for block in blocks(path))
]
_PRINTED: Final = re.compile(r"console\.log\(.*\); // (.+)$", re.MULTILINE)


@pytest.mark.parametrize("document", WITH_TYPESCRIPT, ids=name_of)
async def test_typescript_of_a_document_runs_and_prints_what_it_says(
    document: Path,
    tmp_path: Path,
    conn: psycopg.Connection,
    database_url: str,
    postgrest: Postgrest,
) -> None:
    told = blocks(document)
    for block in told:
        if block.file is not None:
            path = tmp_path / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
            imported(path)
    text = "".join(block.text for block in told if block.language == "ts")
    with served(tmp_path / "flows", conn, database_url):
        manifest = read_manifest(tmp_path / "flows.manifest.json")
        (tmp_path / "project").mkdir()
        sources = {"flows.ts": emit(manifest), "document.ts": text}
        folder = project(tmp_path / "project", sources)
        assert compiler_errors(folder) == []
        env = {"SUPABASE_URL": postgrest.url, "SUPABASE_KEY": postgrest.token("ada")}
        printed = [line async for line in answers(folder / "document.ts", env=env)]
    assert printed == _PRINTED.findall(text)
