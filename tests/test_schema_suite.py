"""The runner of the official JSON Schema suite notices what it must notice."""

import json
from pathlib import Path
from typing import Any

import psycopg
from tools.schema_suite import Case, Group, groups, load_documents, run_group

Conn = psycopg.Connection[Any]


def group(schema: Any, *cases: tuple[Any, bool]) -> Group:
    return Group(
        schema=schema,
        cases=tuple(Case(name=repr(value), value=value, fits=fits) for value, fits in cases),
    )


def write(path: Path, document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")


def test_groups_and_cases_are_read_with_their_names(tmp_path: Path) -> None:
    tests = [{"description": "one", "data": 1, "valid": True}]
    write(tmp_path / "type.json", [{"description": "numbers", "schema": {}, "tests": tests}])
    [found] = groups(tmp_path)
    assert found.schema == {}
    assert found.cases == (Case(name="type: numbers: one", value=1, fits=True),)


def test_right_judgements_are_counted(conn: Conn) -> None:
    outcome = run_group(conn, group({"type": "string"}, ("a", True), (1, False)))
    assert (outcome.possible, outcome.at_once, outcome.wrong) == (2, 1, [])


def test_value_that_is_judged_otherwise_than_expected_is_named(conn: Conn) -> None:
    outcome = run_group(conn, group({"type": "string"}, ("a", False), (1, True), (2, False)))
    assert [line.split(":")[0] for line in outcome.wrong] == ["'a'", "1"]


def test_schema_that_is_refused_makes_all_its_cases_wrong(conn: Conn) -> None:
    outcome = run_group(conn, group({"type": "text"}, ("a", True), (1, False)))
    assert len(outcome.wrong) == outcome.possible == 2


def test_what_jsonb_cannot_hold_is_left_out(conn: Conn) -> None:
    outcome = run_group(conn, group({"type": "string"}, ("\0", True), ("a", True)))
    assert outcome.possible == 1
    assert run_group(conn, group({"const": "\0"}, ("a", False))).possible == 0


def test_documents_are_found_where_either_layout_of_the_suite_has_them(
    conn: Conn, tmp_path: Path
) -> None:
    write(tmp_path / "draft2020-12" / "integer.json", {"type": "integer"})
    write(tmp_path / "urn.json", {"type": "string"})
    write(tmp_path / "draft7" / "other.json", {})
    load_documents(conn, tmp_path)
    for name, value in (("draft2020-12/integer.json", 1), ("draft2020-12/urn.json", "a")):
        schema = {"$ref": f"http://localhost:1234/{name}"}
        assert run_group(conn, group(schema, (value, True), (None, False))).wrong == []
    lost = {"$ref": "http://localhost:1234/draft7/other.json"}
    assert len(run_group(conn, group(lost, (1, True))).wrong) == 1
