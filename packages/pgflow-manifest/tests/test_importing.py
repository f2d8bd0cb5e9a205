"""What needs pydantic is there when it is asked for, and not before."""

import subprocess
import sys

import pytest

import pgflow_manifest


def loaded_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {"orjson", "pydantic"} & set(done.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import pgflow_manifest",
        "from pgflow_manifest import RunId, RunNotFoundError, error_from_sqlstate, slug_problem",
        "import pgflow_manifest\nassert 'Manifest' in dir(pgflow_manifest)",
        "import pgflow_manifest\nassert not hasattr(pgflow_manifest, 'Manifets')",
    ],
)
def test_errors_and_statuses_need_no_pydantic(code: str) -> None:
    assert loaded_after(code) == set()


@pytest.mark.parametrize("name", ["Manifest", "Shape", "read_manifest", "manifest_json_schema"])
def test_an_export_can_be_asked_for_first(name: str) -> None:
    assert "pydantic" in loaded_after(f"from pgflow_manifest import {name}")


def test_an_export_is_the_same_object_however_it_is_reached() -> None:
    from pgflow_manifest import models

    assert pgflow_manifest.Manifest is models.Manifest
    assert vars(pgflow_manifest)["Manifest"] is models.Manifest
