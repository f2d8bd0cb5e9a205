"""What TypeScript is written for a manifest. That compilers accept it: tests/typescript."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pgflow_cli import exit_codes
from pgflow_cli.codegen.names import RESERVED_NAMES
from pgflow_cli.codegen.typescript import emit, runtime
from pgflow_manifest import (
    FlowSpec,
    JsonSchema,
    Manifest,
    StepSpec,
    read_manifest,
    with_digests,
    write_manifest,
)

NO_DIGEST = "0" * 64
TEXT = {"type": "string"}
WHOLE = {"type": "integer"}


def manifest(payload: JsonSchema, *, slug: str = "memo", **more: Any) -> Manifest:
    """Return a manifest of one flow, whose one step returns text."""
    step = StepSpec(slug="only", description="Says it.", result_schema=TEXT, digest=NO_DIGEST)
    flow = FlowSpec(slug=slug, payload_schema=payload, steps=(step,), digest=NO_DIGEST, **more)
    return Manifest(flows=(with_digests(flow),))


def payload_type(schema: JsonSchema) -> str:
    found = re.search(r"^    payload: (.*);$", emit(manifest(schema)), re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (TEXT, "string"),
        (WHOLE, "number"),
        ({"type": "number"}, "number"),
        ({"type": "boolean"}, "boolean"),
        ({"type": "null"}, "null"),
        ({}, "Json"),
        ({"const": "a"}, '"a"'),
        ({"enum": ["a", 'b"\\', 1, 1.5, -2, True]}, '"a" | "b\\"\\\\" | 1 | 1.5 | -2 | true'),
        ({"enum": ["ü", "\ufeff", "\u2028", "\n"]}, r'"ü" | "\ufeff" | "\u2028" | "\n"'),
        ({"anyOf": [TEXT, {"type": "null"}]}, "string | null"),
        ({"anyOf": [WHOLE, {"type": "number"}]}, "number"),
        ({"type": "array", "items": TEXT}, "string[]"),
        ({"type": "array", "items": {"enum": [1, 2]}}, "(1 | 2)[]"),
        ({"type": "array", "items": {"anyOf": [TEXT, WHOLE]}}, "(string | number)[]"),
        ({"type": "array", "items": {"type": "array", "items": TEXT}}, "string[][]"),
        ({"type": "array"}, "Json[]"),
        (
            {"type": "array", "prefixItems": [TEXT, WHOLE], "minItems": 2, "maxItems": 2},
            "[string, number]",
        ),
        (
            {
                "type": "array",
                "prefixItems": [TEXT, {"enum": [1, 2]}],
                "minItems": 1,
                "items": WHOLE,
            },
            "[string, (1 | 2)?, ...number[]]",
        ),
        ({"type": "object", "additionalProperties": WHOLE}, "{ [key: string]: number }"),
        ({"type": "object", "additionalProperties": {"enum": [1, 2]}}, "{ [key: string]: 1 | 2 }"),
    ],
)
def test_a_schema_is_written_as_the_type_of_its_json(schema: JsonSchema, expected: str) -> None:
    assert payload_type(schema) == expected


def test_objects_are_declared_with_their_keys_and_descriptions() -> None:
    schema = {
        "title": "Memo",
        "description": "What was said.\n\nIn one go.",
        "type": "object",
        "properties": {
            "words": {"type": "string", "description": "As heard; not */ edited."},
            "odd key": WHOLE,
            "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
        },
        "required": ["words", "odd key"],
    }
    text = emit(manifest(schema))
    assert payload_type(schema) == "Memo"
    assert (
        r"""
/**
 * What was said.
 *
 * In one go.
 */
export type Memo = {
  /** As heard; not *\/ edited. */
  words: string;
  "odd key": number;
  next?: Memo | null;
};
"""
        in text
    )


def test_other_keys_of_an_object_are_typed_so_that_the_known_ones_fit() -> None:
    schema = {
        "title": "Memo",
        "type": "object",
        "properties": {"a": TEXT, "b": {"type": "boolean"}},
        "required": ["a"],
        "additionalProperties": WHOLE,
    }
    assert """
export type Memo = {
  a: string;
  b?: boolean;
  [key: string]: number | string | boolean | undefined;
};
""" in emit(manifest(schema))


def test_an_object_without_keys_is_not_just_anything() -> None:
    schema = {"title": "Empty", "type": "object", "properties": {}}
    assert "export type Empty = { [key: string]: unknown };\n" in emit(manifest(schema))


def test_long_unions_are_one_member_a_line() -> None:
    names = [f"Variant{number}OfAMemo" for number in range(8)]
    definitions = {
        name: {"type": "object", "properties": {name: TEXT}, "required": [name]} for name in names
    }
    any_of = [{"$ref": f"#/$defs/{name}"} for name in names]
    schema = {"$ref": "#/$defs/Any", "$defs": {**definitions, "Any": {"anyOf": any_of}}}
    assert "export type Any" in emit(manifest(schema))
    members = "".join(f"\n  | {name}" for name in names)
    assert f" ={members};\n" in emit(manifest(schema))


def test_flows_and_steps_say_what_they_are_and_who_may_start_it() -> None:
    text = emit(manifest(TEXT, description="Writes down what was said."))
    assert (
        """\
  /**
   * Writes down what was said.
   *
   * Not `client_startable`: only pgflow_admin may start it.
   */
  memo: {
    payload: string;
    results: MemoResults;
    output: MemoOutput;
    signals: {};
  };
"""
        in text
    )
    assert text.count("  /** Says it. */\n  only: string;\n") == 2
    text = emit(manifest(TEXT, description="Writes down.", client_startable=True))
    assert "  /** Writes down. */\n  memo: {\n" in text


def test_the_result_of_a_map_step_is_a_list_of_named_items() -> None:
    conformance = Path(__file__).parents[3] / "manifests/conformance/valid/map_steps.json"
    written = emit(read_manifest(conformance))
    assert "export type Price = {\n  label: string;\n  parts: Price[];\n};" in written
    assert "  price: Price[];" in written
    assert "  first: Price;" in written
    assert "  shout: string[];" in written
    assert "  parts: { [key: string]: number }[];" in written


def test_a_flow_may_have_any_slug() -> None:
    text = emit(manifest(TEXT, slug="__proto__"))
    assert '    ["__proto__"]: new FlowRef("__proto__", call),\n' in text


def test_types_of_flows_do_not_take_the_names_of_the_client() -> None:
    declared = re.findall(r"^(?:export )?(?:type|class) (\w+)", emit(manifest(TEXT)), re.MULTILINE)
    assert {"FlowRef", "RunHandle", "Flows", "Json"} <= set(declared)
    assert set(declared) - {"MemoResults", "MemoOutput"} <= RESERVED_NAMES


def test_the_module_is_the_same_at_every_time_and_guarded_by_check(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_manifest(manifest(TEXT, slug=name), tmp_path / f"{name}.json")

    def codegen(name: str, seed: str, *options: str) -> int:
        command = [sys.executable, "-m", "pgflow_cli", "codegen", "typescript", f"{name}.json"]
        done = subprocess.run(
            [*command, "-o", "flows.ts", *options],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=False,
        )
        return done.returncode

    assert codegen("a", "1") == exit_codes.OK
    assert (tmp_path / "flows.ts").read_text() == emit(manifest(TEXT, slug="a"))
    assert codegen("a", "2", "--check") == exit_codes.OK
    assert codegen("b", "2", "--check") == exit_codes.DIFFERS


def test_the_client_is_one_module_without_imports() -> None:
    text = runtime()
    assert "import" not in text
    assert not re.search(r"^export (type )?\{", text, re.MULTILINE)
    assert text.count("export class FlowRef<") == 1
