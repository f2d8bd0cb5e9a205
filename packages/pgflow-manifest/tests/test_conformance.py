"""The examples in `manifests/conformance`: what a reader in any language accepts and refuses."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, cast

import jsonschema_rs
import orjson
import pytest

from pgflow_manifest import (
    Manifest,
    ManifestError,
    ManifestInvalidError,
    dump_manifest,
    dump_manifest_json_schema,
    load_manifest,
    manifest_json_schema,
)

MANIFESTS = Path(__file__).parents[3] / "manifests"
VALID = sorted(MANIFESTS.glob("conformance/valid/*.json"))
INVALID = sorted(
    path
    for path in MANIFESTS.glob("conformance/invalid/*.json")
    if not path.name.endswith(".expected.json")
)
SCHEMA = jsonschema_rs.validator_for(manifest_json_schema())


class Expected(TypedDict):
    code: str
    at: Sequence[str]
    schema_sees_it: bool
    deploy: str | None


def name_of(path: Path) -> str:
    return path.stem


def expected_of(path: Path) -> Expected:
    return cast("Expected", orjson.loads(path.with_suffix(".expected.json").read_bytes()))


def pointers(error: ManifestInvalidError) -> list[str]:
    problems: Sequence[Mapping[str, Any]] = error.details["errors"]
    return [problem["at"] for problem in problems]


@pytest.mark.parametrize("path", VALID, ids=name_of)
def test_valid_manifest_is_accepted_by_reader_and_schema(path: Path) -> None:
    content = path.read_bytes()
    load_manifest(content)
    assert [error.message for error in SCHEMA.iter_errors(orjson.loads(content))] == []


@pytest.mark.parametrize("path", INVALID, ids=name_of)
def test_invalid_manifest_is_refused_where_and_how_it_says(path: Path) -> None:
    expected = expected_of(path)
    with pytest.raises(ManifestError) as refused:
        load_manifest(path.read_bytes(), origin=path.name)
    assert refused.value.code == expected["code"]
    assert path.name in str(refused.value)
    assert refused.value.hint
    if isinstance(refused.value, ManifestInvalidError):
        assert sorted(set(pointers(refused.value))) == sorted(expected["at"])


@pytest.mark.parametrize("path", INVALID, ids=name_of)
def test_schema_refuses_what_a_schema_can_see(path: Path) -> None:
    try:
        document = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError:
        return
    assert SCHEMA.is_valid(document) is not expected_of(path)["schema_sees_it"]


def test_every_invalid_example_says_what_is_expected() -> None:
    expected = {path.name for path in MANIFESTS.glob("conformance/invalid/*.expected.json")}
    assert expected == {f"{path.stem}.expected.json" for path in INVALID}
    assert len(VALID) > 5
    assert len(INVALID) > 30


def test_committed_schema_is_what_the_models_say() -> None:
    assert (MANIFESTS / "flows.manifest.schema.json").read_bytes() == dump_manifest_json_schema()


def test_schema_itself_follows_its_draft() -> None:
    assert jsonschema_rs.meta.is_valid(manifest_json_schema())


def test_what_is_written_is_what_the_schema_accepts_key_by_key() -> None:
    written = orjson.loads(dump_manifest(load_manifest(VALID[0].read_bytes())))
    assert written.keys() == Manifest.model_json_schema()["properties"].keys()
