"""The TypeScript compiler accepts what is generated, and reports what is used wrongly."""

from pathlib import Path
from typing import Any, Final

import pytest
from tests.typescript.node import HERE, RUNTIME, compiler_errors, project, sources_of

from pgflow_cli.codegen.names import RESERVED_NAMES
from pgflow_cli.codegen.typescript import emit
from pgflow_manifest import FlowSpec, Manifest, StepSpec, read_manifest

MANIFESTS: Final = sorted((Path(__file__).parents[2] / "manifests").glob("**/valid/*.json"))
NO_DIGEST: Final = "0" * 64


@pytest.mark.parametrize(
    "options",
    [
        ("-p", "tsconfig.json"),
        ("-p", "tsconfig.json", "--module", "node16"),
        ("-p", "tsconfig.browser.json"),
    ],
    ids=["node", "node16", "browser"],
)
def test_right_uses_compile_and_each_wrong_one_is_reported(
    generated: Path, options: tuple[str, ...]
) -> None:
    # an `@ts-expect-error` above a line without an error is an error
    assert compiler_errors(generated, *options) == []


def test_the_oldest_compiler_that_we_promise_accepts_it(generated: Path) -> None:
    options = "--strict --noEmit --exactOptionalPropertyTypes --noUncheckedIndexedAccess "
    options += (
        "--skipLibCheck --module esnext --moduleResolution bundler --target es2022 --lib es2022,dom"
    )
    command = (*options.split(), "flows.ts")
    assert compiler_errors(generated, *command, compiler="typescript-oldest") == []


def test_every_wrong_use_is_seen_by_the_compiler(generated: Path, tmp_path: Path) -> None:
    sources = sources_of(generated)
    wrong = sources["wrong.ts"]
    folder = project(tmp_path, {**sources, "wrong.ts": wrong.replace("@ts-expect-error", "")})
    reported = {error.partition(",")[0] for error in compiler_errors(folder) if error[:1].strip()}
    assert len(reported) == wrong.count("// @ts-expect-error")


def test_the_lock_file_names_no_registry() -> None:
    assert "http" not in (HERE / "package-lock.json").read_text()


def test_the_files_of_the_client_compile_on_their_own(tmp_path: Path) -> None:
    assert compiler_errors(project(tmp_path, sources_of(RUNTIME))) == []


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.name)
def test_the_manifests_of_this_repository_compile(manifest: Path, tmp_path: Path) -> None:
    sources = {"flows.ts": emit(read_manifest(manifest))}
    assert compiler_errors(project(tmp_path, sources)) == []


def test_unusual_names_and_types_compile(tmp_path: Path) -> None:
    names = [name for name in sorted(RESERVED_NAMES) if name[0].isupper()]
    definitions: dict[str, Any] = {
        name: {
            "type": "object",
            "description": "*/ not the end",
            "properties": {
                "class": {"type": "string"},
                "__proto__": {"const": "\u2028`${x}"},
                "": {"$ref": f"#/$defs/{name}"},
                "a-b": {"type": "array", "prefixItems": [{"type": "integer"}], "items": False},
            },
            "required": ["class"],
            "additionalProperties": {"enum": [1, 1.5, -1, 2**70, True, None]},
        }
        for name in names
    }
    every = {
        "type": "array",
        "prefixItems": [{"$ref": f"#/$defs/{name}"} for name in names],
        "items": {"anyOf": [{"type": "object", "properties": {}}, {"type": "null"}]},
        "$defs": definitions,
    }
    slugs = ["constructor", "__proto__", "class", "flowsClient", "Json", "json"]
    manifest = Manifest(
        flows=tuple(
            FlowSpec(
                slug=slug,
                description="*/ not the end",
                payload_schema=every,
                steps=(StepSpec(slug="toString", result_schema=every, digest=NO_DIGEST),),
                digest=NO_DIGEST,
            )
            for slug in slugs
        )
    )
    assert compiler_errors(project(tmp_path, {"flows.ts": emit(manifest)})) == []
