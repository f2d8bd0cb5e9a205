"""`pgflow runs show --attempts`: the history of a run, for those who may see it."""

import json
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from tests.support.builders import a_started_map, claim_in_order, complete, fail
from tests.support.fix_pg import UrlFor

from pgflow_cli import exit_codes, main

Conn = psycopg.Connection[Any]


def test_each_attempt_is_told_and_items_by_their_index(
    conn: Conn, database_url: str, url_for: UrlFor, capsys: pytest.CaptureFixture[str]
) -> None:
    worker_id, run_id = a_started_map(conn, [1, 2])
    first, second = claim_in_order(conn, worker_id)
    complete(conn, [first], [2])
    fail(conn, [second], retryable=False, message="no luck")
    arguments = ["runs", "show", str(run_id), "--attempts"]
    told: list[str] = []
    for url in (database_url, url_for("pgflow_viewer")):
        assert main([*arguments, "--database-url", url]) == exit_codes.OK
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]
    starts = ["numbers attempt 1 completed after ", "double[0] attempt 1 completed after "]
    *completed, failed = told[0].splitlines()[-3:]
    assert [line.startswith(start) for line, start in zip(completed, starts, strict=True)] == [
        True,
        True,
    ]
    assert failed.startswith("double[1] attempt 1 failed after ")
    assert failed.endswith(": [PF603] ValueError: no luck")

    assert main([*arguments, "--json", "--database-url", database_url]) == exit_codes.OK
    attempts = json.loads(capsys.readouterr().out)["attempts"]
    assert [(each["step_slug"], each["task_index"], each["outcome"]) for each in attempts] == [
        ("numbers", None, "completed"),
        ("double", 0, "completed"),
        ("double", 1, "failed"),
    ]


def test_who_may_not_see_them_is_told_so(
    conn: Conn, database_url: str, url_for: UrlFor, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run_id = a_started_map(conn, [1])
    url = url_for("pgflow_client")
    command = ["runs", "show", str(run_id), "--attempts", "--database-url", url]
    assert main(command) == exit_codes.FAILED
    assert "permission denied" in capsys.readouterr().err
    unknown = ["runs", "show", str(uuid4()), "--attempts", "--database-url", database_url]
    assert main(unknown) == exit_codes.FAILED
    assert "error [PF102]" in capsys.readouterr().err
