"""Goals, tables, plots and the page of record, from figures that are made up."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from benchmarks import publish as publishing
from benchmarks.goals import judge
from benchmarks.plots import draw
from benchmarks.publish import BEGIN, END, main, publish
from benchmarks.report import goals_table, markdown, workload_table
from benchmarks.results import Measurement, Missing, Results

STEPS = {"steps": "steps/s"}
PERCENTILES = {"p50": "ms", "p99": "ms"}


def made_up(measured: Mapping[tuple[str, str, str], Sequence[Mapping[str, float]]]) -> Results:
    """Return results of these figures by workload, case and contender, round by round."""
    results = Results(
        at="2026-01-31T12:00:00+00:00",
        quick=False,
        rounds=3,
        scale=1,
        machine={"processor": "an abacus"},
        server={"fsync": "on"},
        contenders={
            "pgflow": {
                "title": "pgflow for Python",
                "configuration": "As it is.",
                "versions": {"pgflow-worker": "0.1.0"},
            },
            "slow": {"title": "Slow", "configuration": "Well.", "versions": {}},
            "quick": {"title": "Quick", "configuration": "Well.", "versions": {}},
        },
        workloads={
            "diamonds": {"about": "diamonds wait", "figures": STEPS},
            "transition": {"about": "chains, one at a time", "figures": PERCENTILES},
            "processes": {"about": "more workers", "figures": STEPS},
            "history": {"about": "finished runs", "figures": STEPS},
        },
    )
    for (workload, case, contender), rounds in measured.items():
        for number, figures in enumerate(rounds, 1):
            results.measurements.append(
                Measurement(
                    workload=workload,
                    case=case,
                    contender=contender,
                    round=number,
                    size=10,
                    figures=figures,
                    raw={},
                )
            )
    return results


@pytest.fixture
def results() -> Results:
    found = made_up(
        {
            ("diamonds", "", "pgflow"): [{"steps": rate} for rate in (12_000, 14_000, 15_000)],
            ("diamonds", "", "quick"): [{"steps": rate} for rate in (900, 1_000, 1_100)],
            ("diamonds", "", "slow"): [{"steps": 100}],
            ("transition", "", "pgflow"): [{"p50": 2.0, "p99": 3.0}],
            ("transition", "", "quick"): [{"p50": 1.0, "p99": 6.0}],
            ("processes", "1 worker", "pgflow"): [{"steps": 10_000}],
            ("processes", "4 workers", "pgflow"): [{"steps": 9_000}],
            ("history", "no runs", "pgflow"): [{"steps": 10_000}],
            ("history", "5,000,000 runs", "pgflow"): [{"steps": 9_500}],
        }
    )
    found.missing.extend(
        [
            Missing(
                workload="transition",
                case="",
                contender="slow",
                kind="cannot",
                reason="has no chains",
            ),
            Missing(
                workload="diamonds",
                case="",
                contender="slow",
                kind="failed",
                reason="ended with code 1\nTraceback\nKeyError: 7",
                round=2,
            ),
        ]
    )
    return found


def test_goals_stand_beside_the_best_peer_of_the_same_call(results: Results) -> None:
    lines = goals_table(results).splitlines()[2:]
    assert lines[:6] == [
        "| diamonds, one worker | ≥ 13,000 | **14,000** steps/s | Quick, 1,000 | 14.0 | ✓ |",
        "| … against the best peer | ≥ 10 | **14.0** times |  |  | ✓ |",
        "| one transition, p50 | ≤ 1.5 | **2.00** ms | Quick, 1.00 | 0.50 | ✗ |",
        "| … against the best peer | ≥ 1 | **0.50** times |  |  | ✗ |",
        "| one transition, p99 | ≤ 4 | **3.00** ms | Quick, 6.00 | 2.00 | ✓ |",
        "| … against the best peer | ≥ 1 | **2.00** times |  |  | ✓ |",
    ]
    assert lines[6:] == [
        "| diamonds, 5 M runs of history against none | ≥ 0.9 | **0.95** times |  |  | ✓ |",
        "| diamonds, 4 workers against 1 | ≥ 1 | **0.90** times |  |  | ✗ |",
    ]


def test_goals_that_nothing_was_measured_for_are_open() -> None:
    empty = made_up({})
    assert all(one.ours is None and one.is_reached is None for one in judge(empty))
    assert goals_table(empty) == "None was measured."


def test_no_goal_divides_by_nothing() -> None:
    zeros = [{"steps": 0.0}]
    results = made_up({("diamonds", "", "pgflow"): zeros, ("diamonds", "", "slow"): zeros})
    assert "| diamonds, one worker | ≥ 13,000 | **0.00** steps/s |" in markdown(results)


def test_a_table_has_medians_spreads_and_what_is_missing(results: Results) -> None:
    assert workload_table(results, "diamonds").splitlines() == [
        "| | unit | pgflow for Python | Slow | Quick |",
        "|---|---|---:|---:|---:|",
        "| steps | steps/s | **14,000** ±11% | 100 | 1,000 ±10% |",
    ]
    assert "| p50 | ms | **2.00** | cannot | 1.00 |" in workload_table(results, "transition")
    text = markdown(results)
    assert "- Slow: cannot: has no chains" in text
    assert "- Slow: failed in round 2: ended with code 1\n\n      Traceback\n      KeyError" in text
    assert "**pgflow for Python** (pgflow-worker 0.1.0). As it is." in text


def test_raw_data_read_back_are_the_same(results: Results, tmp_path: Path) -> None:
    results.write(tmp_path / "one.json")
    assert Results.read(tmp_path / "one.json") == results


def test_plots_are_drawn_of_what_there_is_and_the_same_each_time(
    results: Results, tmp_path: Path
) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    for folder in (first, again):
        folder.mkdir()
        drawn = draw(results, folder)
        assert [path.stem for path in drawn] == ["throughput", "transition", "scale"]
    for path in first.iterdir():
        assert path.read_text() == (again / path.name).read_text()
        assert "pgflow for Python" in path.read_text()


def test_publishing_fills_the_place_in_the_page_and_only_that(
    results: Results, tmp_path: Path
) -> None:
    result = tmp_path / "result.json"
    results.write(result)
    page = tmp_path / "benchmarks.md"
    page.write_text(f"# Benchmarks\n\n{BEGIN}\nold\n{END}\n\nThe end.\n")
    for _ in range(2):
        publish(result, tmp_path)
        text = page.read_text()
        assert text.startswith(f"# Benchmarks\n\n{BEGIN}\n\nMeasured 2026-01-31")
        assert text.endswith(f"\n\n{END}\n\nThe end.\n")
        assert "old" not in text
        assert "\n### Goals\n" in text
        assert "(benchmarks/throughput.svg)" in text
        names = {path.name for path in (tmp_path / "benchmarks").iterdir()}
        assert names == {"record.json", "throughput.svg", "transition.svg", "scale.svg"}
        assert Results.read(tmp_path / "benchmarks" / "record.json") == results


def test_a_page_without_the_place_is_refused(
    results: Results,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    results.write(tmp_path / "result.json")
    (tmp_path / "benchmarks.md").write_text(f"{END}\n{BEGIN}\n")
    with pytest.raises(ValueError, match="needs the line"):
        publish(tmp_path / "result.json", tmp_path)
    assert not (tmp_path / "benchmarks").exists()
    with pytest.raises(SystemExit):
        main([str(tmp_path / "nothing.json")])
    assert "No such file" in capsys.readouterr().err


def test_the_page_in_the_repository_has_the_place() -> None:
    text = (publishing.DOCS / "benchmarks.md").read_text()
    assert text.index(BEGIN) < text.index(END)
