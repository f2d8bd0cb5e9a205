"""Whatever fits a JSON Schema has the TypeScript type that is generated for it."""

import json
import random
from pathlib import Path

from jsonschema_rs import Draft202012Validator
from tests.support.builders import a_flow, a_step
from tests.support.random_schemas import RandomSchemas
from tests.typescript.node import compiler_errors, project

from pgflow_cli.codegen.typescript import emit
from pgflow_manifest import Manifest


def test_random_values_have_the_types_of_their_random_schemas(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    random_schemas = RandomSchemas(seed)
    schemas = {f"s{number}": random_schemas.schema() for number in range(400)}
    steps = [a_step(slug, result_schema=schema) for slug, schema in schemas.items()]
    flow = a_flow("f", *steps, payload_schema={"type": "null"})
    lines = [
        'import type { FResults } from "./flows.ts";',
        "function of<T>() { return <Value extends T>(value: Value): Value => value; }",
    ]
    for slug, schema in schemas.items():
        fitting = filter(Draft202012Validator(schema).is_valid, random_schemas.values(40))
        lines += [f'of<FResults["{slug}"]>()({json.dumps(value)});' for value in fitting]
    assert len(lines) > 1000
    sources = {
        "flows.ts": with_open_objects(emit(Manifest(flows=(flow,)))),
        "values.ts": "\n".join(lines),
    }
    assert compiler_errors(project(tmp_path, sources)) == []


def with_open_objects(module: str) -> str:
    """Let objects have any other keys: a schema allows them where TypeScript minds."""
    declarations = module.split("\n\n")
    for number, text in enumerate(declarations):
        if text.startswith("export type FS") and "= {\n" in text and "  [key: string]:" not in text:
            declarations[number] = text.replace("= {\n", "= {\n  [key: string]: any;\n", 1)
    return "\n\n".join(declarations)
