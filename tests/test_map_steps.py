"""A flow with map steps from its definition to the screen: deploy, worker, client, command line."""

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgflow_cli import exit_codes, main
from pgflow_client import Client, RunFailedError
from pgflow_dsl import Flow, GiveUp, compile_flows, each
from pgflow_manifest import dump_manifest
from pgflow_worker import Worker

flow = Flow("words_of_a_text", payload=dict[str, str], client_startable=True)


@flow.step
def split(texts: dict[str, str] = flow.payload) -> list[str]:
    return texts["text"].split()


@flow.map
def loud(word: str = split.each) -> str:
    if word == "quiet":
        raise GiveUp("this one stays quiet")
    return word.upper()


@flow.map
async def length(word: str = loud.each) -> int:
    return len(word)


@flow.map
def pair(word: str = each[split.result], numbers: list[int] = length.result) -> list[int | str]:
    return [word, sum(numbers)]


@flow.step
def merge(words: list[str] = loud.result, pairs: list[list[int | str]] = pair.result) -> str:
    return f"{' '.join(words)} {len(pairs)}"


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, conn: psycopg.Connection) -> Path:
    """The file of the flow, which is deployed."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "flows.manifest.json"
    path.write_bytes(dump_manifest(compile_flows([flow])))
    conn.execute("select pgflow.deploy(%s::jsonb)", [path.read_text(encoding="utf-8")])
    return path


def work_off(database_url: str) -> None:
    Worker([flow], database_url=database_url, drain=True).run_sync()


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(list(arguments)) == exit_codes.OK
    return capsys.readouterr().out


def test_run_with_maps_from_definition_to_screen(
    manifest: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = ("--database-url", database_url)
    with Client(database_url, manifest=manifest) as client:
        run = client.start("words_of_a_text", {"text": "a bc def"})
        before: dict[str, Any] = {step.slug: step.tasks for step in run.get().steps}
        assert set(before.values()) == {None}
        work_off(database_url)
        snapshot = run.wait(timeout=30)
    assert snapshot.output == {"merge": "A BC DEF 3"}
    assert snapshot.result("length") == [1, 2, 3]
    assert snapshot.result("pair") == [["a", 6], ["bc", 6], ["def", 6]]
    tasks = snapshot.step("loud").tasks
    assert tasks is not None
    assert (str(tasks), snapshot.step("split").tasks) == ("3/3", None)
    text = shown(capsys, "runs", "show", str(run.run_id), *url)
    assert '["A", "BC", "DEF"]' in text
    assert ", 3/3 items" in text
    document = json.loads(shown(capsys, "runs", "show", str(run.run_id), "--json", *url))
    assert {step["slug"]: step["kind"] for step in document["steps"]} == {
        "split": "single",
        "loud": "map",
        "length": "map",
        "pair": "map",
        "merge": "single",
    }


def test_empty_list_goes_through_all_maps(manifest: Path, database_url: str) -> None:
    with Client(database_url, manifest=manifest) as client:
        run = client.start("words_of_a_text", {"text": ""})
        work_off(database_url)
        assert run.output(timeout=30) == {"merge": " 0"}


def test_failed_item_is_named_on_the_screen(
    manifest: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Client(database_url, manifest=manifest) as client:
        run = client.start("words_of_a_text", {"text": "a bc quiet d"})
        work_off(database_url)
        with pytest.raises(RunFailedError, match=r"step 'loud' failed: item 2: .*stays quiet"):
            run.output(timeout=30)
    text = shown(capsys, "runs", "show", str(run.run_id), "--database-url", database_url)
    assert "item 2: [PF603] GiveUp: this one stays quiet" in text
