"""Read and write `flows.manifest.json`: the same bytes for the same flows, on every machine."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import orjson
from pydantic import JsonValue, ValidationError

from pgflow_manifest.checks import check_manifest, escape, invalid_manifest
from pgflow_manifest.errors import ManifestError, ManifestVersionError
from pgflow_manifest.models import FORMAT_VERSION, Manifest


def dump_manifest(manifest: Manifest) -> bytes:
    """Return the bytes of the file: indented by two, one final newline, deterministic."""
    document = manifest.model_dump(mode="json", exclude_defaults=False)
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def write_manifest(manifest: Manifest, path: Path) -> bool:
    """Write the file whole or not at all; return whether its bytes changed."""
    content = dump_manifest(manifest)
    if path.exists() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)
    return True


def load_manifest(content: bytes | str, *, origin: str = "the manifest") -> Manifest:
    """Read a manifest and check it whole.

    Args:
        content: the JSON text.
        origin: how errors call it, such as the path of the file.

    Raises:
        ManifestVersionError: written in a format that this package does not know.
        ManifestInvalidError: not JSON, or not a manifest; every problem with a JSON pointer.
    """
    try:
        document: Any = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise invalid_manifest(origin, [("", f"not JSON: {error}")]) from None
    _check_format_version(document, origin=origin)
    try:
        # from the text, not the document: only then is strict what JSON calls the same type
        manifest = Manifest.model_validate_json(content, strict=True)
    except ValidationError as error:
        problems = [
            (_pointer(document, item["loc"], kind=item["type"]), item["msg"])
            for item in error.errors(include_url=False, include_input=False)
        ]
        raise invalid_manifest(origin, problems) from None
    check_manifest(manifest, origin=origin)
    return manifest


def read_manifest(path: Path) -> Manifest:
    """Read the manifest at *path*; errors as `load_manifest`, a missing file says what to do."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ManifestError(
            f"cannot read the manifest {str(path)!r}: {error.strerror}",
            hint="write it with `pgflow compile FLOWS -o FILE`",
        ) from None
    return load_manifest(content, origin=str(path))


def _check_format_version(document: Any, *, origin: str) -> None:
    """Refuse a document of another format version before anything else is read from it.

    Raises:
        ManifestVersionError: written in a format that this package does not know.
        ManifestInvalidError: no object, or one that does not say its version or its flows.
    """
    if not isinstance(document, dict):
        raise invalid_manifest(origin, [("", "a manifest is a JSON object")])
    content = cast("dict[str, Any]", document)
    found = content.get("format_version")
    if type(found) is not int:
        raise invalid_manifest(
            origin, [("/format_version", "must be a number that says the version of the format")]
        )
    if found != FORMAT_VERSION:
        newer = found > FORMAT_VERSION
        raise ManifestVersionError(
            f"{origin} has format version {found}; this pgflow reads version {FORMAT_VERSION}",
            hint="upgrade pgflow" if newer else "write the file anew with `pgflow compile`",
            details={"found": found, "known": FORMAT_VERSION},
        )
    if "flows" not in content:
        raise invalid_manifest(origin, [("/flows", "must be an array of flows")])


def _pointer(document: JsonValue, location: Sequence[str | int], *, kind: str) -> str:
    """Turn pydantic's location into a JSON pointer into *document*.

    Locations hold more than keys and indexes, such as the variant of a union; those parts lead
    nowhere in the document. Only a key that is missing may.
    """
    pointer = ""
    value = document
    for part in location:
        if isinstance(value, dict) and isinstance(part, str) and part in value:
            value = value[part]
            pointer += f"/{escape(part)}"
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part]
            pointer += f"/{part}"
    return f"{pointer}/{escape(str(location[-1]))}" if kind == "missing" else pointer
