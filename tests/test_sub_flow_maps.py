"""A map of sub-flows from its definition to the screen: deploy, worker, client, command line."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgflow_cli import exit_codes, main
from pgflow_client import Client, RunFailedError
from pgflow_dsl import Flow, FlowTestFailedError, GiveUp, compile_flows, each
from pgflow_manifest import dump_manifest
from pgflow_worker import Worker

labels = Flow("labels_of_a_parcel", payload=str, client_startable=True)


@labels.step
def spell(city: str = labels.payload) -> str:
    if city == "nowhere":
        raise GiveUp("there is no such city")
    return city.upper()


@labels.step
def frame(text: str = spell.result) -> str:
    return f"* {text} *"


parcels = Flow("parcels_by_city", payload=str, client_startable=True)


@parcels.step
def split(cities: str = parcels.payload) -> list[str]:
    return [city.strip() for city in cities.split(",") if city]


framed = parcels.map_sub_flow("framed", labels, payload=split.each, result=frame)
some = parcels.map_sub_flow(
    "some", labels, payload=split.each, result=spell, after=(framed,), on_failure="skip"
)


@parcels.step
def pack(texts: list[str] = framed.result, others: list[str | None] = some.result) -> str:
    return f"{len(texts)} parcels: {' '.join(texts)}, {others}"


lenient = Flow("lenient", payload=list[str], client_startable=True)
spelled = lenient.map_sub_flow(
    "spelled", labels, payload=each[lenient.payload], result=spell, on_failure="skip"
)

nested = Flow("nested", payload=list[list[str]], client_startable=True)
inside = nested.map_sub_flow("inside", lenient, payload=each[nested.payload], result=spelled)

FLOWS: list[Flow[Any]] = [labels, parcels, lenient, nested]


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, conn: psycopg.Connection) -> Path:
    """The file of the flows, which are deployed."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "flows.manifest.json"
    path.write_bytes(dump_manifest(compile_flows(FLOWS)))
    conn.execute("select pgflow.deploy(%s::jsonb)", [path.read_text(encoding="utf-8")])
    return path


@pytest.fixture
def worker(manifest: Path, database_url: str) -> Iterator[None]:
    """A worker that serves the flows until the test has ended."""
    worker = Worker(FLOWS, database_url=database_url, manifest=manifest)
    thread = threading.Thread(target=worker.run_sync)
    thread.start()
    yield
    worker.stop()
    thread.join(timeout=30)


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(list(arguments)) == exit_codes.OK
    return capsys.readouterr().out


@pytest.mark.usefixtures("worker")
def test_run_with_a_map_of_sub_flows_from_definition_to_screen(
    manifest: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = ("--database-url", database_url)
    cities = [f"city{number}" for number in range(8)]
    with Client(database_url, manifest=manifest) as client:
        run = client.start("parcels_by_city", ", ".join(cities))
        snapshot = run.wait(timeout=30)
        step = snapshot.step("framed")
        assert [client.get(sub.run_id).payload for sub in step.sub_runs] == cities[:5]
    output = parcels.test(", ".join(cities)).output
    assert snapshot.output == output
    assert step.result == [f"* {city.upper()} *" for city in cities]
    assert (step.kind, str(step.tasks), step.sub_run_id) == ("flow", "8/8", None)
    lines = shown(capsys, "runs", "show", str(run.run_id), *url).splitlines()
    framed_at = next(number for number, line in enumerate(lines) if line.startswith("framed"))
    assert ", 8/8 items" in lines[framed_at]
    assert lines[framed_at + 1] == f"    item 0, run {step.sub_runs[0].run_id}"
    assert lines[framed_at + 2].startswith("        spell completed")
    assert "        frame completed" in "\n".join(lines[framed_at + 3 : framed_at + 6])
    assert lines.count("    and 3 more") == 2
    document = json.loads(shown(capsys, "runs", "show", str(run.run_id), "--json", *url))
    found = next(step for step in document["steps"] if step["slug"] == "framed")
    assert (found["kind"], found["tasks"]["total"], len(found["sub_runs"])) == ("flow", 8, 5)


@pytest.mark.usefixtures("worker")
def test_failing_item_fails_the_run_and_is_named(manifest: Path, database_url: str) -> None:
    with Client(database_url, manifest=manifest) as client:
        run = client.start("parcels_by_city", "oslo, nowhere, rome")
        snapshot = run.wait(timeout=30)
        with pytest.raises(RunFailedError, match=r"step 'framed' failed: item 1: \[PF630\]"):
            run.output(timeout=30)
        error = snapshot.step("framed").error
        others = [
            client.wait(other.run_id, timeout=30) for other in client.list("labels_of_a_parcel")
        ]
    assert error is not None
    assert "there is no such city" in error.message
    assert len(others) == 3
    with pytest.raises(FlowTestFailedError, match="at item 1"):
        parcels.test("oslo, nowhere, rome")


@pytest.mark.usefixtures("worker")
def test_item_that_may_fail_is_null(manifest: Path, database_url: str) -> None:
    with Client(database_url, manifest=manifest) as client:
        for payload in (["oslo", "nowhere", "rome"], []):
            run = client.start("lenient", payload)
            assert run.output(timeout=30) == lenient.test(payload).output


@pytest.mark.usefixtures("worker")
def test_maps_inside_maps_are_shown_and_those_inside_only_named(
    manifest: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Client(database_url, manifest=manifest) as client:
        run = client.start("nested", [["oslo", "nowhere"], [], ["rome"]])
        assert run.output(timeout=30) == {"inside": [["OSLO", None], [], ["ROME"]]}
    text = shown(capsys, "runs", "show", str(run.run_id), "--database-url", database_url)
    lines = text.splitlines()
    assert [line[: line.index(", run")] for line in lines if ", run" in line] == [
        "    item 0",
        "            item 0",
        "            item 1",
        "    item 1",
        "    item 2",
        "            item 0",
    ]
    assert "frame" not in text
    assert "more" not in text


def test_waiting_map_is_explained_and_cancelled_with_its_runs(
    manifest: Path, database_url: str, conn: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    url = ("--database-url", database_url)
    with Client(database_url, manifest=manifest) as client:
        run = client.start("lenient", ["oslo", "rome"])
        conn.execute("select pgflow.sweep()")
        step = run.get().step("spelled")
        assert str(step) == "step 'spelled' started, 0/2 items completed, 2 running"
        first, *reasons = client.explain(run.run_id)
        assert (first.reason, first.task_index) == ("waits_for_runs", None)
        assert [(r.task_index, r.reason) for r in reasons] == [
            (0, "waits_for_run"),
            (1, "waits_for_run"),
        ]
        text = shown(capsys, "runs", "explain", str(run.run_id), *url)
        assert "0 of 2 items have completed, 2 runs are open" in text
        run.cancel()
        conn.execute("select pgflow.sweep()")
        statuses = {client.get(sub.run_id).status for sub in step.sub_runs}
    assert statuses == {"cancelled"}
