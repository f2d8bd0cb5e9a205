"""The suite from end to end, at a size that says nothing: what is written, and what of failures."""

import re
from contextlib import suppress

import psutil
import psycopg
import pytest
from benchmarks.__main__ import main
from benchmarks.child import ContenderFailedError, describe_contender, run_contender
from benchmarks.results import Results
from benchmarks.workloads.history_fill import fill_history
from psycopg import sql
from tests.support.invariants import check_invariants

from pgflow_client import Client
from pgflow_core_sql import migrate
from pgflow_manifest import dump_manifest

CASES = {"diamonds": [""], "singles": [""], "transition": [""], "held": ["control", "held"]}
FAILING = "tests.benchmarks.failing"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """What a call with our contender, one that fails and one that is not there has written."""
    folder = tmp_path_factory.mktemp("results")
    options = ["--quick", "--scale", "0.01", "--results", str(folder)]
    contenders = ["--contenders", f"pgflow,{FAILING},tests.benchmarks.missing"]
    workloads = ["diamonds", "singles", "transition", "commit", "held"]
    assert main([*options, *contenders, *workloads]) == 0
    (raw,) = folder.glob("*.json")
    stems = {path.name.removeprefix(raw.stem) for path in folder.iterdir()}
    assert stems == {".json", ".md", "-throughput.svg", "-transition.svg", "-held.svg"}
    assert "## Goals" in raw.with_suffix(".md").read_text()
    return Results.read(raw)


def test_ours_has_every_figure_of_what_was_asked_for(results: Results) -> None:
    assert not [one for one in results.missing if one.contender == "pgflow"]
    for slug, cases in CASES.items():
        for case in cases:
            for figure in results.workloads[slug]["figures"]:
                assert len(results.values(slug, case, figure)) == 1, (slug, case, figure)
    assert results.values("commit", "", "commits", "server")


def test_the_raw_data_name_sizes_versions_and_settings(results: Results) -> None:
    (diamonds,) = [one for one in results.measurements if one.workload == "diamonds"]
    assert diamonds.size == 20
    assert diamonds.raw["answer"]["units"] == 80
    assert results.contenders["pgflow"]["versions"]["psycopg"]
    assert results.contenders["failing"]["versions"]["of-another-language"] == "see configuration"
    assert results.server["fsync"] == results.server["synchronous_commit"] == "on"


def test_a_failure_is_told_with_its_last_words_and_ends_nothing(results: Results) -> None:
    (told,) = [
        one
        for one in results.missing
        if (one.contender, one.workload, one.case) == ("failing", "diamonds", "")
    ]
    assert told.kind == "failed"
    assert told.reason.startswith("ended with code 1\n")
    assert told.reason.endswith("RuntimeError: the queue is upside down")


def test_an_answer_without_a_duration_is_no_figure(results: Results) -> None:
    (told,) = [
        one for one in results.missing if (one.contender, one.workload) == ("failing", "singles")
    ]
    assert "the contender answers 0.0 seconds" in told.reason


def test_what_a_contender_cannot_do_is_told_with_its_reason(results: Results) -> None:
    (told,) = [
        one for one in results.missing if (one.contender, one.workload) == ("failing", "transition")
    ]
    assert (told.kind, told.reason) == ("cannot", "it has no chains")


def test_a_contender_that_is_not_there_has_failed_everywhere(results: Results) -> None:
    told = [one for one in results.missing if one.contender == "missing"]
    assert {one.workload for one in told} == {"diamonds", "singles", "transition"}
    assert all(one.kind == "failed" for one in told)
    assert all("No module named tests.benchmarks.missing" in one.reason for one in told)


def test_an_unknown_workload_is_refused_with_the_known_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["dimonds"])
    assert "no workload 'dimonds'; there are diamonds, singles" in capsys.readouterr().err


def test_who_takes_too_long_is_ended_with_its_workers(empty_database_url: str) -> None:
    with pytest.raises(ContenderFailedError, match="not done after 6 s") as failed:
        run_contender(FAILING, "idle", empty_database_url, {}, limit=6)
    found = re.search(r"worker (\d+)", str(failed.value))
    assert found is not None
    with suppress(psutil.NoSuchProcess):
        # it may not have been reaped yet
        assert psutil.Process(int(found[1])).status() == psutil.STATUS_ZOMBIE


def test_who_says_nothing_has_given_no_answer(empty_database_url: str) -> None:
    with pytest.raises(ContenderFailedError, match="its last line is no answer"):
        run_contender(FAILING, "wake", empty_database_url, {})


def test_every_workload_is_in_what_ours_can_or_cannot() -> None:
    from benchmarks.contenders.contender import WORKLOADS

    about = describe_contender("benchmarks.contenders.pgflow")
    assert {*about["can"], *about["cannot"]} == set(WORKLOADS)


def test_a_filled_history_is_what_the_engine_would_have_left(empty_database_url: str) -> None:
    from benchmarks.flows_deployed import compile_all

    manifest = compile_all()
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        migrate(conn)
        conn.execute("select pgflow.deploy(%s::jsonb)", (dump_manifest(manifest).decode(),))
        run_contender("benchmarks.contenders.pgflow", "singles", empty_database_url, {"runs": 1})
        real = {table: _shape(conn, table) for table in ("runs", "step_states", "attempts")}
        fill_history(empty_database_url, 50)
        check_invariants(conn)
        for table, shape in real.items():
            assert _shape(conn, table) == shape
            assert _count(conn, table) == 51
        with Client(empty_database_url, manifest=manifest) as client:
            oldest = client.list(limit=100)[-1]
            run = client.get(oldest.run_id)
            assert run.status == "completed"
            assert run.output == {"only": run.payload}
            assert run.step("only").attempts == 1
            assert run.step("only").worker == "past"


def _shape(conn: psycopg.Connection, table: str) -> list[tuple[object, ...]]:
    """Return the rows without ids, times and values: which columns are null, and the words."""
    return conn.execute(
        sql.SQL(
            "select distinct jsonb_object_agg(c.key, case when c.value = 'null' then 'null'"
            " when c.key in ('status', 'outcome', 'owner', 'flow_slug', 'step_slug', 'version',"
            " 'attempt', 'task_index') then c.value::text else jsonb_typeof(c.value) end)::text"
            " from pgflow.{} as t, jsonb_each(to_jsonb(t)) as c"
            " group by t.run_id"
        ).format(sql.Identifier(table))
    ).fetchall()


def _count(conn: psycopg.Connection, table: str) -> int:
    row = conn.execute(
        sql.SQL("select count(*) from pgflow.{}").format(sql.Identifier(table))
    ).fetchone()
    assert row is not None
    return int(row[0])
