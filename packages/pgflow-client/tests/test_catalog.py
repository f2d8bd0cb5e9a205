"""The client knows its flows from the manifest alone. No database here."""

import subprocess
import sys
from pathlib import Path

import pytest

from pgflow_client import Client
from pgflow_client.catalog import Catalog
from pgflow_manifest import (
    MAX_JSON_DEPTH,
    FlowNotFoundError,
    Manifest,
    ManifestError,
    ManifestInvalidError,
    NotStorableError,
    PayloadInvalidError,
    write_manifest,
)

NOWHERE = "postgresql://postgres@127.0.0.1:1/none"
"""Nothing listens here, so that whatever is sent would fail in another way."""


def test_an_unknown_flow_is_refused_with_the_closest_name(manifest: Manifest) -> None:
    with pytest.raises(FlowNotFoundError) as caught:
        Client(NOWHERE, manifest=manifest).start("meno", {})

    assert caught.value.code == "PF101"
    assert caught.value.hint == "did you mean 'memo'?"
    assert "'meno'" in caught.value.message


def test_an_unlike_name_is_answered_with_the_names_there_are(manifest: Manifest) -> None:
    with pytest.raises(FlowNotFoundError) as caught:
        Client(NOWHERE, manifest=manifest).start("zzzzzz", {})

    assert caught.value.hint is not None
    names = "anything, approved, each_one, internal, labels, mapped, memo, one_try"
    assert names in caught.value.hint


def test_a_payload_that_does_not_fit_is_refused_with_every_fault(manifest: Manifest) -> None:
    with pytest.raises(PayloadInvalidError) as caught:
        Client(NOWHERE, manifest=manifest).start(
            "memo", {"owner": {"id": "x"}, "tags": ["a", 3], "extra": 1}
        )

    faults = {(fault["at"], fault["keyword"]) for fault in caught.value.details["errors"]}
    assert faults == {
        ("", "required"),
        ("", "additionalProperties"),
        ("/owner/id", "type"),
        ("/tags/1", "type"),
    }
    assert caught.value.code == "PF202"
    assert caught.value.details["flow"] == "memo"
    assert '/owner/id: type: the value is not of type "integer"' in caught.value.message


def test_a_fault_does_not_leak_the_value(manifest: Manifest) -> None:
    payload = {"object_name": "s3cret" * 10_000, "x" * 10_000: 1, "owner": "s3cret" * 10_000}
    with pytest.raises(PayloadInvalidError) as caught:
        Catalog(manifest).encode("memo", payload)

    assert "s3cret" not in str(caught.value)
    assert len(str(caught.value)) < 2_000


def test_a_thousand_faults_are_told_briefly(manifest: Manifest) -> None:
    with pytest.raises(PayloadInvalidError) as caught:
        Catalog(manifest).encode("memo", {"object_name": "a", "tags": list(range(1_000))})

    assert len(caught.value.details["errors"]) == 100
    assert "/tags/9" in caught.value.message
    assert "and 90 more" in caught.value.message


def test_one_payload_of_many_that_does_not_fit_is_named(manifest: Manifest) -> None:
    good = {"object_name": "a"}
    with pytest.raises(PayloadInvalidError, match="payload 1 does not fit"):
        Client(NOWHERE, manifest=manifest).start_many("memo", [good, {}, good])


@pytest.mark.parametrize("schema", [{"type": "nope"}, {"$ref": "http://127.0.0.1:1/schema.json"}])
def test_a_payload_schema_that_cannot_be_used_names_its_flow(
    manifest: Manifest, schema: dict[str, object]
) -> None:
    flow = manifest.flow("anything").model_copy(update={"payload_schema": schema})

    with pytest.raises(ManifestError, match="payload schema of flow 'anything'"):
        Catalog(Manifest(flows=(flow,))).encode("anything", 1)


def test_a_deep_payload_from_deep_in_the_stack_is_refused_clearly(manifest: Manifest) -> None:
    value: object = 1
    for _ in range(MAX_JSON_DEPTH):
        value = [value]

    def at_depth(frames: int) -> str:
        return at_depth(frames - 1) if frames else Catalog(manifest).encode("anything", value)

    assert at_depth(0)
    if sys.version_info < (3, 12):  # later versions count C frames apart
        with pytest.raises(NotStorableError, match="cannot be checked here"):
            at_depth(sys.getrecursionlimit() - 150)


def test_a_missing_manifest_says_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ManifestError, match=r"flows\.manifest\.json") as caught:
        Client(NOWHERE).start("memo", {})

    assert "PGFLOW_MANIFEST" in caught.value.message
    assert caught.value.hint is not None
    assert "pgflow compile" in caught.value.hint


@pytest.mark.parametrize("place", ["flows.manifest.json", "manifests/flows.manifest.json"])
def test_the_manifest_of_the_working_directory_is_found(
    place: str, manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_manifest(manifest, tmp_path / place)
    monkeypatch.chdir(tmp_path)

    assert Catalog().flow("memo").slug == "memo"


def test_the_environment_names_the_manifest(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_manifest(manifest, tmp_path / "other.json")
    monkeypatch.setenv("PGFLOW_MANIFEST", str(tmp_path / "other.json"))

    assert Catalog().flow("memo").slug == "memo"
    with pytest.raises(FlowNotFoundError, match=r"other\.json has no flow"):
        Catalog().flow("none")


@pytest.mark.parametrize("as_text", [True, False])
def test_the_manifest_may_be_a_path(manifest: Manifest, tmp_path: Path, as_text: bool) -> None:
    path = tmp_path / "m.json"
    write_manifest(manifest, path)

    assert Catalog(str(path) if as_text else path).flow("memo") == manifest.flow("memo")


def test_a_broken_manifest_names_its_file(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_text("{")

    with pytest.raises(ManifestInvalidError, match=r"m\.json"):
        Catalog(path).flow("memo")


def test_importing_the_client_loads_neither_validator_nor_other_packages() -> None:
    code = (
        "import sys, pgflow_client;"
        "print(sorted({'jsonschema_rs', 'psycopg_pool', 'pgflow_dsl', 'pgflow_worker', "
        "'pgflow_core_sql', 'pgflow_cli'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
