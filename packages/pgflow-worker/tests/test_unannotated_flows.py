"""A worker runs handlers without any annotation: their types come from the manifest."""

import textwrap
from pathlib import Path
from typing import Any

import pytest
from tests.support.fix_worker import Engine, Serve
from tests.support.inferred_types import infer

from pgflow_dsl import compile_flows, discover_flows
from pgflow_manifest import (
    MANIFEST_FILE_NAME,
    DefinitionError,
    Manifest,
    ManifestError,
    dump_manifest,
)
from pgflow_worker import UsageError, Worker
from pgflow_worker.__main__ import main

FLOW = """
    import datetime as dt
    from pydantic import BaseModel
    from pgflow_dsl import Flow

    class Order(BaseModel):
        number: int
        placed: dt.date

    class Parcel(BaseModel):
        weight: float

    flow = Flow("orders", payload=Order)

    @flow.step
    async def pack(order=flow.payload):
        return Parcel(weight=order.number / 2)

    @flow.step
    def label(parcel=pack.result, placed=flow.payload.placed, ctx=flow.context):
        return {
            "kinds": [type(parcel).__name__, type(placed).__name__, type(ctx).__name__],
            "due": placed + dt.timedelta(days=1),
        }

    @flow.step
    def tell(label=label.result, due=label.result["due"], weight=pack.result.weight):
        return (", ".join(label["kinds"]), due.isoformat(), weight, type(label["due"]).__name__)
"""
TEXT = {"kind": "scalar", "name": "str"}
SHAPES: dict[str, Any] = {
    "pack": {"kind": "class", "module": "flows.orders", "name": "Parcel"},
    "label": {
        "kind": "object",
        "fields": {
            "kinds": {"type": {"kind": "list", "items": TEXT}},
            "due": {"type": {"kind": "scalar", "name": "date"}},
        },
    },
    "tell": {
        "kind": "fixed_tuple",
        "items": [TEXT, TEXT, {"kind": "scalar", "name": "float"}, TEXT],
    },
}
PAYLOAD = {"number": 3, "placed": "2026-01-31"}
URL = "postgresql:///nowhere"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with one flow that has no annotation, and no manifest anywhere."""
    monkeypatch.delenv("PGFLOW_MANIFEST", raising=False)
    folder = tmp_path / "flows"
    folder.mkdir()
    (folder / "orders.py").write_text(textwrap.dedent(FLOW))
    return folder


def compiled(folder: Path) -> Manifest:
    (found,) = discover_flows(folder)
    infer(found.flow, SHAPES)
    return compile_flows([found.flow])


def write_manifest(folder: Path, path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(dump_manifest(compiled(folder)))
    return path


def deploy(engine: Engine, manifest: Manifest) -> None:
    engine.value("select count(*) from pgflow.deploy(%s::jsonb)", dump_manifest(manifest).decode())


async def test_dependencies_arrive_as_the_classes_that_were_inferred(
    engine: Engine, database_url: str, folder: Path
) -> None:
    write_manifest(folder, folder.parent / MANIFEST_FILE_NAME)
    worker = Worker(folder, database_url, deploy=True, drain=True)
    await worker.run()  # deploys; there is nothing to do yet
    run_id = engine.start("orders", PAYLOAD)
    await Worker(folder, database_url, drain=True).run()
    run = await engine.ended(run_id)
    assert run["status"] == "completed"
    assert run["output"] == {"tell": ["Parcel, date, StepContext", "2026-02-01", 1.5, "date"]}


async def test_what_was_deployed_from_the_manifest_is_what_the_worker_serves(
    engine: Engine, serve: Serve, database_url: str, folder: Path
) -> None:
    manifest = compiled(folder)
    deploy(engine, manifest)
    assert Worker(folder, database_url, manifest=manifest).loaded.manifest == manifest


@pytest.mark.parametrize(
    "place", ["flows/flows.manifest.json", "flows.manifest.json", "manifests/flows.manifest.json"]
)
def test_the_manifest_is_found_where_compile_puts_it(folder: Path, place: str) -> None:
    write_manifest(folder, folder.parent / place)
    assert [h.step_slug for h in Worker(folder, URL).loaded.handlers] == ["pack", "label", "tell"]
    assert len(Worker(folder / "orders.py", URL).loaded.handlers) == 3


def test_the_manifest_can_be_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_manifest(folder, folder.parent / "elsewhere" / "m.json")
    with pytest.raises(
        UsageError, match=r"orders\.py:15: step 'pack'.*there is none at "
    ) as caught:
        Worker(folder, URL)
    assert str(folder.parent / "manifests" / MANIFEST_FILE_NAME) in str(caught.value)
    assert "--manifest" in str(caught.value)
    assert Worker(folder, URL, manifest=path).loaded.handlers
    monkeypatch.setenv("PGFLOW_MANIFEST", str(path))
    assert Worker(folder, URL).loaded.handlers
    monkeypatch.setenv("PGFLOW_MANIFEST", str(path.parent / "nothing.json"))
    with pytest.raises(ManifestError):
        Worker(folder, URL)
    assert Worker(folder, URL, manifest=str(path)).loaded.handlers


def test_a_manifest_is_not_read_when_every_handler_is_annotated(tmp_path: Path) -> None:
    folder = tmp_path / "flows"
    folder.mkdir()
    (folder / "plain.py").write_text(
        "from pgflow_dsl import Flow\n\nflow = Flow('plain', payload=int)\n\n\n"
        "@flow.step\ndef work(n=flow.payload) -> int:\n    return n\n"
    )
    (tmp_path / MANIFEST_FILE_NAME).write_text("no manifest at all")
    assert len(Worker(folder, URL).loaded.handlers) == 1


def test_a_stale_manifest_is_refused_at_the_start(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_manifest(folder, folder.parent / MANIFEST_FILE_NAME)
    module = folder / "orders.py"
    module.write_text(module.read_text().replace("number / 2", "number / 4"))
    with pytest.raises(DefinitionError, match=r"step 'pack'.*the manifest is stale") as caught:
        Worker(folder, URL)
    assert "pgflow compile" in str(caught.value)
    assert main([str(folder), "--database-url", URL, "--manifest", str(path)]) == 1
    assert "the manifest is stale" in capsys.readouterr().err


async def test_a_flow_object_takes_its_types_from_the_manifest(
    engine: Engine, serve: Serve, folder: Path
) -> None:
    manifest = compiled(folder)
    (found,) = discover_flows(folder)
    deploy(engine, manifest)
    with pytest.raises(UsageError, match="none was named"):
        Worker([found.flow], URL)
    async with serve(found.flow, deployed=False, manifest=manifest):
        run = await engine.ended(engine.start("orders", PAYLOAD))
    assert run["status"] == "completed"
