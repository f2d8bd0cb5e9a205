"""Run the official JSON-Schema-Test-Suite, draft 2020-12, through the validator in the database.

`python -m tools.schema_suite SUITE REMOTES`: the folder with the test files, and the one with the
documents that they refer to. The session `schema_suite` of noxfile.py finds both.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
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
  pgflow._explain(s.program, %(value)s) is null,
  coalesce(
    %(value)s @? s.predicate
    and (
      s.residual_paths is null
      or pgflow._residuals_fit(
        %(value)s, s.residual_paths, s.residual_kinds, s.residual_mins, s.residual_maxs
      )
    ),
    false
  )
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the validator made of a group."""

    possible: int = 0
    """How many cases jsonb can hold."""
    at_once: int = 0
    """How many were accepted without the walker."""
    wrong: list[str] = field(default_factory=list[str])


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


def run_group(conn: psycopg.Connection[Any], group: Group) -> Outcome:
    """Store the schema of *group* and judge every value that jsonb can hold."""
    cases = [case for case in group.cases if not _holds_null_character(group.schema, case.value)]
    if not cases:
        return Outcome()
    put = "select pgflow._put_schema(%s, '', 'the schema')"
    try:
        row = conn.execute(put, [Jsonb(group.schema)]).fetchone()
    except psycopg.Error as error:
        return Outcome(
            possible=len(cases),
            wrong=[f"{case.name}: {error.diag.message_primary}" for case in cases],
        )
    assert row is not None
    wrong: list[str] = []
    at_once = 0
    for case in cases:
        found = conn.execute(_CHECK, {"schema_id": row[0], "value": Jsonb(case.value)}).fetchone()
        assert found is not None
        checked, walked, accepted = found
        at_once += accepted
        if checked != case.fits or walked != case.fits or (accepted and not case.fits):
            wrong.append(
                f"{case.name}: fits is {case.fits}, _check_value says {checked},"
                f" the walker {walked}, the predicate {accepted}"
            )
    return Outcome(possible=len(cases), at_once=at_once, wrong=wrong)


def _holds_null_character(*values: Any) -> bool:
    return "\\u0000" in json.dumps(values)


def main(arguments: list[str]) -> int:
    """Print every case that is judged wrongly, and the count; return 1 when there is one."""
    suite, remotes = map(Path, arguments)
    version = int(os.environ.get("PGFLOW_TEST_POSTGRES") or 18)
    with (
        tempfile.TemporaryDirectory(prefix="pgflow-suite-") as directory,
        EmbeddedPostgres(Path(directory) / "data", version=version, keep=False) as server,
        psycopg.connect(server.url(), autocommit=True) as conn,
    ):
        migrate(conn)
        load_documents(conn, remotes)
        found = list(groups(suite))
        outcomes = [run_group(conn, group) for group in found]
    total = sum(len(group.cases) for group in found)
    possible = sum(outcome.possible for outcome in outcomes)
    wrong = [line for outcome in outcomes for line in outcome.wrong]
    sys.stdout.writelines(f"{line}\n" for line in wrong)
    sys.stdout.write(
        f"PostgreSQL {version}: {possible - len(wrong)} of {total}"
        f" ({total - possible} hold \\u0000, which jsonb cannot);"
        f" {sum(outcome.at_once for outcome in outcomes)} accepted without the walker\n"
    )
    return 1 if wrong or not possible else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
