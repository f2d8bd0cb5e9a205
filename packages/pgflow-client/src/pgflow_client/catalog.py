"""Know the flows from the manifest alone, and refuse what does not fit before it is sent."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pgflow_client.json_value import pointer_to, shorten
from pgflow_client.payload import encode_payload
from pgflow_manifest import (
    MANIFEST_FILE_NAME,
    FlowNotFoundError,
    ManifestError,
    NotStorableError,
    PayloadInvalidError,
)

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator

    from pgflow_manifest import FlowSpec, Manifest

MANIFEST_VARIABLE: Final = "PGFLOW_MANIFEST"
"""The environment variable that names the manifest file."""

_PLACES: Final = (Path(MANIFEST_FILE_NAME), Path("manifests") / MANIFEST_FILE_NAME)
_MOST_ERRORS: Final = 100
_MOST_ERRORS_SHOWN: Final = 10


class Catalog:
    """The flows of one manifest; it is read when the first flow is looked up."""

    def __init__(
        self,
        manifest: Manifest | Path | str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._source = manifest
        self._environment = os.environ if environment is None else environment
        self._origin = "the manifest"
        self._flows: dict[str, FlowSpec] | None = None
        self._validators: dict[str, Draft202012Validator] = {}

    def flow(self, slug: str) -> FlowSpec:
        """Return the flow called *slug*.

        Raises:
            FlowNotFoundError: PF101; the hint names the flows with the most similar slugs.
            ManifestError: there is no manifest, or it cannot be read.
        """
        if self._flows is None:
            self._flows = {flow.slug: flow for flow in self._read().flows}
        found = self._flows.get(slug)
        if found is None:
            raise _unknown_flow(slug, self._flows, self._origin)
        return found

    def encode(self, slug: str, payload: object, *, index: int | None = None) -> str:
        """Return the JSON text of *payload*, which fits the payload schema of the flow *slug*.

        Args:
            slug: the flow.
            payload: a JSON value, a pydantic model or a dataclass.
            index: which payload of a list it is, for the text of an error.

        Raises:
            FlowNotFoundError: PF101, the manifest has no such flow.
            NotStorableError: PF208, Postgres could not hold it.
            PayloadInvalidError: PF202 with JSON pointer, keyword and message of every fault.
        """
        validator = self._validator(slug)
        which = "the payload" if index is None else f"payload {index}"
        text = encode_payload(payload, what=f"{which} for flow {slug!r}")
        try:
            instance = json.loads(text)
        except RecursionError:
            raise NotStorableError(
                f"{which} for flow {slug!r} nests so deeply that it cannot be checked here",
                hint="call from a place where less of the call stack is used, or store it flatter",
            ) from None
        if not validator.is_valid(instance):
            raise _does_not_fit(slug, which, _faults(validator, instance))
        return text

    def encode_many(self, slug: str, payloads: Iterable[object]) -> list[str]:
        """Return the JSON text of every payload; one fault refuses them all."""
        self.flow(slug)
        return [self.encode(slug, payload, index=i) for i, payload in enumerate(payloads)]

    def _validator(self, slug: str) -> Draft202012Validator:
        known = self._validators.get(slug)
        if known is None:
            known = self._validators[slug] = self._compile(self.flow(slug))
        return known

    def _compile(self, flow: FlowSpec) -> Draft202012Validator:
        # Late: a process that only waits need not load it.
        from jsonschema_rs import Draft202012Validator, ReferencingError  # noqa: PLC0415

        try:
            return Draft202012Validator(
                flow.payload_schema, mask="the value", retriever=_refuse_to_fetch
            )
        except (ValueError, ReferencingError) as error:
            raise ManifestError(
                f"the payload schema of flow {flow.slug!r} in {self._origin} cannot be used: "
                f"{shorten(str(error))}",
                hint="compile the manifest anew",
                details={"flow": flow.slug},
            ) from error

    def _read(self) -> Manifest:
        # Late, because of pydantic, which a process that only waits need not load either.
        from pgflow_manifest import Manifest, read_manifest  # noqa: PLC0415

        if isinstance(self._source, Manifest):
            return self._source
        path = self._path() if self._source is None else Path(self._source)
        self._origin = str(path)
        return read_manifest(path)

    def _path(self) -> Path:
        if named := self._environment.get(MANIFEST_VARIABLE):
            return Path(named)
        for place in _PLACES:
            if place.is_file():
                return place
        raise ManifestError(
            f"there is no manifest to know the flows from: {MANIFEST_VARIABLE} is not set and "
            f"neither {_PLACES[0]} nor {_PLACES[1]} is in the working directory",
            hint=f"write it with `pgflow compile FLOWS -o {MANIFEST_FILE_NAME}`, or pass "
            "manifest=PATH",
        )


def _refuse_to_fetch(uri: str) -> Any:
    """Keep a manifest from making the client fetch anything."""
    raise ValueError(f"{uri} is not part of the manifest")


def _unknown_flow(slug: str, flows: Mapping[str, FlowSpec], origin: str) -> FlowNotFoundError:
    close = difflib.get_close_matches(slug, flows, n=3, cutoff=0.6)
    if close:
        hint = f"did you mean {' or '.join(map(repr, close))}?"
    elif flows:
        shown = ", ".join(islice(flows, 20))
        hint = f"it has {shown}; compile the flows anew if {slug!r} was just written"
    else:
        hint = "the manifest holds no flow at all: compile the flows anew"
    return FlowNotFoundError(
        f"{origin} has no flow {shorten(slug)!r}",
        hint=hint,
        details={"flow": slug, "close": close},
    )


def _faults(validator: Draft202012Validator, instance: Any) -> Iterator[dict[str, str]]:
    for error in islice(validator.iter_errors(instance), _MOST_ERRORS):
        yield {
            "at": pointer_to(*error.instance_path),
            "keyword": error.kind.name,
            "message": shorten(error.message),
        }


def _does_not_fit(slug: str, which: str, faults: Iterable[dict[str, str]]) -> PayloadInvalidError:
    found = list(faults)
    lines = [
        f"\n  {fault['at'] or '(the whole)'}: {fault['keyword']}: {fault['message']}"
        for fault in found[:_MOST_ERRORS_SHOWN]
    ]
    if len(found) > _MOST_ERRORS_SHOWN:
        lines.append(f"\n  and {len(found) - _MOST_ERRORS_SHOWN} more")
    return PayloadInvalidError(
        f"{which} does not fit the payload schema of flow {slug!r}:{''.join(lines)}",
        hint="change the payload, or compile the manifest anew if the flow has changed",
        details={"flow": slug, "errors": found},
    )
