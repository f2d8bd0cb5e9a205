"""The JSON Schema of the manifest itself, for readers in other languages."""

from typing import Any, Final

import orjson

from pgflow_manifest.models import Manifest

_SCHEMA_ID: Final = "urn:pgflow:flows.manifest:1"


def manifest_json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) that `flows.manifest.json` follows."""
    schema = Manifest.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": _SCHEMA_ID,
        **schema,
        # Python code may leave it out, a file must say in which format it is written
        "required": ["format_version", "flows"],
    }


def dump_manifest_json_schema() -> bytes:
    """Return the bytes of `manifests/flows.manifest.schema.json`."""
    return orjson.dumps(
        manifest_json_schema(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    )
