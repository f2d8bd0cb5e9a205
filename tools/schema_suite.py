"""Run the official JSON-Schema-Test-Suite, draft 2020-12, through the validator in the database.

`python -m tools.schema_suite SUITE REMOTES`: the folder with the test files, and the one with the
documents that they refer to. The session `schema_suite` of noxfile.py finds both.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.types.json import Jsonb

from pgflow_core_sql.embedded import EmbeddedPostgres
from pgflow_core_sql.migrator import migrate

_SERVED_AT: Final = "http://localhost:1234/"
"""Where the suite expects its documents; here they are rows of `pgflow.schema_documents`."""
_CHECK: Final = """
select pgflow._check_value(s.schema_id, %(value)s) is null,
  pgflow._explain(s.program, %(value)s) is null
from pgflow.schemas as s
where s.schema_id = %(schema_id)s"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One value, and whether it fits."""

    name: str
    value: Any
    fits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A schema and its cases."""

    schema: Any
    cases: tuple[Case, ...]


def groups(folder: Path) -> Iterator[Group]:
    """Read every required test file in *folder*."""
    for path in sorted(folder.glob("*.json")):
        for group in json.loads(path.read_text(encoding="utf-8")):
            yield Group(
                schema=group["schema"],
                cases=tuple(
                    Case(
                        name=f"{path.stem}: {group['description']}: {test['description']}",
                        value=test["data"],
                        fits=test["valid"],
                    )
                    for test in group["tests"]
                ),
            )


def load_documents(conn: psycopg.Connection[Any], folder: Path) -> None:
    """Make the documents that the test files refer to known to the database."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.json")}
    of_any_draft = {name: path for name, path in found.items() if not name.startswith("draft")}
    # some stood beside the folders of the drafts before each draft got its own copy
    served = {f"draft2020-12/{name}": path for name, path in of_any_draft.items()}
    served |= {name: path for name, path in found.items() if name.startswith("draft2020-12/")}
    for name, path in sorted((of_any_draft | served).items()):
        conn.execute(
            "insert into pgflow.schema_documents (uri, document) values (%s, %s)",
            [_SERVED_AT + name, Jsonb(json.loads(path.read_text(encoding="utf-8")))],
        )


def run_group(conn: psycopg.Connection[Any], group: Group) -> tuple[int, list[str]]:
    """Return how many cases of *group* jsonb can hold, and which of them were judged wrongly."""
    cases = [case for case in group.cases if not _holds_null_character(group.schema, case.value)]
    if not cases:
        return 0, []
    put = "select pgflow._put_schema(%s, '', 'the schema')"
    try:
        row = conn.execute(put, [Jsonb(group.schema)]).fetchone()
    except psycopg.Error as error:
        return len(cases), [f"{case.name}: {error.diag.message_primary}" for case in cases]
    assert row is not None
    wrong: list[str] = []
    for case in cases:
        answers = conn.execute(_CHECK, {"schema_id": row[0], "value": Jsonb(case.value)}).fetchone()
        if answers != (case.fits, case.fits):
            wrong.append(f"{case.name}: fits is {case.fits}, (both, walker) say {answers}")
    return len(cases), wrong


def _holds_null_character(*values: Any) -> bool:
    return "\\u0000" in json.dumps(values)


def main(arguments: list[str]) -> int:
    """Print every case that is judged wrongly, and the count; return 1 when there is such a case."""
    suite, remotes = map(Path, arguments)
    version = int(os.environ.get("PGFLOW_TEST_POSTGRES") or 18)
    total = possible = 0
    wrong: list[str] = []
    with (
        tempfile.TemporaryDirectory(prefix="pgflow-suite-") as directory,
        EmbeddedPostgres(Path(directory) / "data", version=version, keep=False) as server,
        psycopg.connect(server.url(), autocommit=True) as conn,
    ):
        migrate(conn)
        load_documents(conn, remotes)
        for group in groups(suite):
            count, problems = run_group(conn, group)
            total += len(group.cases)
            possible += count
            wrong += problems
    sys.stdout.writelines(f"{problem}\n" for problem in wrong)
    sys.stdout.write(
        f"PostgreSQL {version}: {possible - len(wrong)} of {total}"
        f" ({total - possible} hold \\u0000, which jsonb cannot)\n"
    )
    return 1 if wrong or not possible else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
