"""Every rule of the house passes on this repository's kind of file and fails on a bad one."""

from pathlib import Path

import pytest
from tools import check_manifests as manifests
from tools.check_doc_paths import check_doc_paths
from tools.check_error_codes import check_error_codes
from tools.check_file_sizes import ALLOWED, check_file_sizes
from tools.check_sql_style import check_sql_style
from tools.check_vocabulary import check_vocabulary

from pgflow_manifest import ERRORS_BY_CODE

SCHEMA = "packages/engine/src/engine/schema"

GOOD_FUNCTION = """\
-- start_flow: start one run.
-- Called by: clients.
-- Locks:     none.
-- Raises:    PF101 unknown flow.
-- Returns:   the run id.
create or replace function pgflow.start_flow(p_flow_slug text) returns uuid
language plpgsql security definer
set search_path = ''
as $$
begin
  raise exception using errcode = 'PF101', message = 'SELECT is fine in a string';
end;
$$;
"""


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def errors_document() -> str:
    return "".join(
        f"### {code} {known.__name__}\n\n{(known.__doc__ or '').splitlines()[0]}\n\n"
        "- **When:** so\n- **Mend:** thus\n\n"
        for code, known in ERRORS_BY_CODE.items()
    )


def test_long_files_are_found(tmp_path: Path) -> None:
    write(tmp_path, "a.py", "x = 1\n" * 400)
    write(tmp_path, f"{SCHEMA}/a.sql", "--\n" * 150)
    write(tmp_path, ".venv/b.py", "x = 1\n" * 999)
    assert check_file_sizes(tmp_path, {}) == []
    write(tmp_path, "a.py", "x = 1\n" * 401)
    write(tmp_path, f"{SCHEMA}/a.sql", "--\n" * 151)
    assert check_file_sizes(tmp_path, {}) == [
        "a.py: 401 lines, 400 are allowed",
        f"{SCHEMA}/a.sql: 151 lines, 150 are allowed",
    ]


def test_allowances_shrink_and_go(tmp_path: Path) -> None:
    write(tmp_path, "a.py", "x = 1\n" * 401)
    assert check_file_sizes(tmp_path, {"a.py": 401}) == []
    assert check_file_sizes(tmp_path, {"a.py": 400}) == ["a.py: 401 lines, 400 are allowed"]
    write(tmp_path, "a.py", "x = 1\n")
    assert "needs no allowance" in check_file_sizes(tmp_path, {"a.py": 401})[0]
    assert not ALLOWED, "the list of allowances is empty and stays so"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", "def start_job(): ...\n"),
        ("a.py", "class WorkflowState: ...\n"),
        ("a.py", "def on(callback): ...\n"),
        ("a.py", "heartbeat_seconds = 1\n"),
        (f"{SCHEMA}/jobs.sql", "create table pgflow.jobs (\n"),
        (f"{SCHEMA}/tasks.sql", "create table pgflow.tasks (\n  heartbeat_at timestamptz,\n"),
        ("docs/a.md", "A worker sends a heartbeat.\n"),
        ("docs/a.md", "The visibility timeout of a task.\n"),
    ],
)
def test_words_of_other_systems_are_found(tmp_path: Path, name: str, text: str) -> None:
    write(tmp_path, name, text)
    assert len(check_vocabulary(tmp_path)) == 1


def test_our_words_are_fine(tmp_path: Path) -> None:
    write(tmp_path, "a.py", '"""A workflow engine."""\nclass Flow: ...\nnobody = jobless = 1\n')
    write(tmp_path, "docs/a.md", "Typed DAG workflows. Workers beat.\n")
    write(tmp_path, "docs/decisions/1.md", "Others call it a heartbeat.\n")
    write(tmp_path, f"{SCHEMA}/tasks.sql", "create table pgflow.tasks (\n  attempt integer\n);\n")
    assert check_vocabulary(tmp_path) == []


@pytest.mark.parametrize(
    "text",
    [
        "see `docs/gone.md`",
        "[link](gone.md)",
        "run `tools/check_nothing.py`",
        "all of packages/*/nothing",
        "read ARCHITECTURE.md",
    ],
)
def test_paths_that_do_not_exist_are_found(tmp_path: Path, text: str) -> None:
    write(tmp_path, "README.md", f"first line\n{text}\n")
    (problem,) = {line.split(": ")[0] for line in check_doc_paths(tmp_path)}
    assert problem == "README.md:2"


def test_paths_that_exist_are_fine(tmp_path: Path) -> None:
    write(tmp_path, "docs/a.md", "[up](../README.md#top) [web](https://example.org/docs/x.md)\n")
    write(tmp_path, "README.md", "docs/a.md, `docs/*.md`. Also https://example.org/docs/b.md.\n")
    write(tmp_path, "a.py", '"""See docs/a.md."""\n')
    assert check_doc_paths(tmp_path) == []
    write(tmp_path, "a.py", 'hint = "see docs/b.md"\n')
    assert check_doc_paths(tmp_path) == ["a.py:1: there is no 'docs/b.md'"]


@pytest.mark.parametrize(
    ("found", "replacement", "problem"),
    [
        ("returns uuid", "RETURNS uuid", "lower case"),
        ("-- Locks:     none.\n", "", "no line `-- Locks:`"),
        ("set search_path = ''\n", "", "needs `set search_path"),
        ("set search_path = ''", "set search_path = public", "needs `set search_path"),
        ("pgflow.start_flow(", "pgflow.start_run(", "name the file after it"),
        ("-- start_flow: start", "-- Start", "begin with `-- start_flow:"),
        ("begin\n", "begin  \n", "no blanks at the end"),
        ("begin\n", "\tbegin\n", "no tabs"),
        ("-- start_flow", "start_flow", "begin with a comment"),
    ],
)
def test_sql_that_breaks_a_rule_is_found(
    tmp_path: Path, found: str, replacement: str, problem: str
) -> None:
    write(tmp_path, f"{SCHEMA}/40_functions/start_flow.sql", GOOD_FUNCTION)
    assert check_sql_style(tmp_path) == []
    bad = GOOD_FUNCTION.replace(found, replacement, 1)
    write(tmp_path, f"{SCHEMA}/40_functions/start_flow.sql", bad)
    assert problem in "\n".join(check_sql_style(tmp_path))


@pytest.mark.parametrize(
    ("found", "replacement", "problem"),
    [
        ("### PF101 FlowNotFoundError", "### PF101 FlowGoneError", "PF101 is FlowNotFoundError"),
        ("### PF101 FlowNotFoundError\n", "", "no section `### PF101"),
        ("The flow does not exist.", "It is gone.", "does not say 'The flow does not exist.'"),
        ("**Mend:**", "**Hint:**", "does not say '**Mend:**'"),
        ("### PF101 ", "### PF199 GoneError\n\nx\n\n### PF101 ", "PF199 is no code"),
    ],
)
def test_document_of_errors_must_match_the_table(
    tmp_path: Path, found: str, replacement: str, problem: str
) -> None:
    write(tmp_path, "docs/errors.md", errors_document())
    assert check_error_codes(tmp_path) == []
    write(tmp_path, "docs/errors.md", errors_document().replace(found, replacement, 1))
    assert problem in "\n".join(check_error_codes(tmp_path))


def test_sections_of_the_document_are_in_order(tmp_path: Path) -> None:
    head, tail = errors_document().split("### PF102", 1)
    write(tmp_path, "docs/errors.md", f"### PF102{tail}{head}")
    assert check_error_codes(tmp_path) == ["docs/errors.md: the sections are not sorted by code"]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("start_flow", GOOD_FUNCTION.replace("'PF101'", "'PF199'"), "PF199 is no code"),
        ("start_flow", GOOD_FUNCTION.replace("'PF101'", "'PF102'"), "can raise PF102, which"),
        ("start_flow", GOOD_FUNCTION.replace("PF101 unk", "PF101 PF303 unk"), "promises PF303"),
    ],
)
def test_codes_of_sql_must_match_table_and_header(
    tmp_path: Path, name: str, text: str, problem: str
) -> None:
    write(tmp_path, "docs/errors.md", errors_document())
    write(tmp_path, f"{SCHEMA}/40_functions/{name}.sql", text)
    assert problem in "\n".join(check_error_codes(tmp_path))


def test_header_names_the_codes_of_private_functions_that_are_called(tmp_path: Path) -> None:
    private = GOOD_FUNCTION.replace("start_flow", "_check").replace("PF101", "PF303")
    caller = GOOD_FUNCTION.replace("begin\n", "begin\n  perform pgflow._check(p_flow_slug);\n")
    write(tmp_path, "docs/errors.md", errors_document())
    write(tmp_path, f"{SCHEMA}/40_functions/_check.sql", private)
    write(tmp_path, f"{SCHEMA}/40_functions/start_flow.sql", caller)
    problems = "\n".join(check_error_codes(tmp_path))
    assert "start_flow.sql: can raise PF303, which its header does not say" in problems


def test_code_that_nothing_raises_is_found(tmp_path: Path) -> None:
    write(tmp_path, "docs/errors.md", errors_document())
    write(tmp_path, f"{SCHEMA}/40_functions/start_flow.sql", GOOD_FUNCTION)
    problems = check_error_codes(tmp_path)
    assert "PF301 (LeaseLostError) is raised nowhere" in problems
    assert "PF101 (FlowNotFoundError) is raised nowhere" not in problems
    write(tmp_path, "packages/worker/src/worker/a.py", "raise LeaseLostError\n")
    assert "PF301 (LeaseLostError) is raised nowhere" not in check_error_codes(tmp_path)


def test_manifest_that_differs_from_its_flows_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifests, "GENERATED", {"manifests/a.json": lambda _: b"{}\n"})
    (problem,) = manifests.check_manifests(tmp_path)
    assert problem.startswith("manifests/a.json is out of date")
    manifests.write_manifests(tmp_path)
    assert manifests.check_manifests(tmp_path) == []
