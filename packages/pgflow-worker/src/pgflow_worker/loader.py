"""Find the handlers that a worker offers, and the contract of each.

A handler without a return annotation needs the manifest: `pgflow compile` inferred its type, and
the worker has no type checker. Only then is the manifest looked for.
"""

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pgflow_dsl import Flow, Step, compile_flows, discover_flows
from pgflow_manifest import MANIFEST_FILE_NAME, HandlerMissingError, Manifest, read_manifest
from pgflow_worker.errors import UsageError

_logger: Final = logging.getLogger("pgflow.worker")
"""The one of logs.py, which imports this file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """One step that this worker can run, with the digest of its contract."""

    flow_slug: str
    step_slug: str
    digest: str
    slug_bytes: bytes
    """The step's slug as the reports send it."""
    fn: Callable[..., Any]
    is_async: bool
    is_map: bool
    """Whether each of its tasks is about one item of a list."""
    context_parameter: str | None
    decode: Callable[[bytes], dict[str, Any]]
    """JSON text of the arguments to keyword arguments."""
    encode: Callable[[object], bytes]
    """What the handler returned, of a map for one item, to JSON text."""

    @property
    def title(self) -> str:
        """How `--steps` and log lines call it."""
        return f"{self.flow_slug}.{self.step_slug}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedFlows:
    """The handlers of a worker, and the manifest of all flows that were loaded."""

    handlers: tuple[Handler, ...]
    manifest: Manifest


def load(
    source: Path | str | Iterable[Flow[Any]],
    *,
    only_flows: Sequence[str] | None = None,
    only_steps: Sequence[str] | None = None,
    manifest: Manifest | Path | str | None = None,
) -> LoadedFlows:
    """Load flows, compile them in memory and pick the handlers to offer.

    Args:
        source: a folder or a file of flows, or the `Flow` objects themselves.
        only_flows: slugs of the flows to serve; None for all.
        only_steps: `flow.step` of the steps to serve; None for all.
        manifest: what the flows were compiled to, or its file. None for what PGFLOW_MANIFEST names,
            else `flows.manifest.json` in the folder, beside it, or in `manifests` beside it.

    Raises:
        UsageError: nothing to serve, a flow or step was named that is not there, or there is no
            manifest and a handler without a return annotation.
        DefinitionError: a flow is wrong, or the manifest is older than a handler; says where.
        ManifestError: the manifest cannot be read.
    """
    flows = _flows(source)
    if any(flow.steps_to_infer for flow in flows):
        folder = Path(source) if isinstance(source, str | Path) else None
        known = manifest if isinstance(manifest, Manifest) else _read(manifest, folder, flows)
        for flow in flows:
            flow.adopt_manifest(known)
    compiled = compile_flows(flows)
    handlers = [
        _handler(step, compiled.flow(flow.slug).step(slug).digest)
        for flow in flows
        for slug, step in flow.steps.items()
        if step.has_handler
    ]
    _require_known("flow", only_flows, [flow.slug for flow in flows])
    _require_known("step", only_steps, [handler.title for handler in handlers])
    chosen = tuple(
        handler
        for handler in handlers
        if (only_flows is None or handler.flow_slug in only_flows)
        and (only_steps is None or handler.title in only_steps)
    )
    if not chosen:
        raise UsageError(
            "there is no step to serve",
            hint="check that the steps named by --steps belong to the flows named by --flows"
            if handlers
            else "pass a folder that holds modules with a Flow",
        )
    return LoadedFlows(handlers=chosen, manifest=compiled)


def _read(given: Path | str | None, folder: Path | None, flows: Sequence[Flow[Any]]) -> Manifest:
    named = given or os.environ.get("PGFLOW_MANIFEST")
    places = [Path(named)] if named else _places(folder)
    for place in places:
        if named or place.is_file():
            _logger.info("types of handlers without annotations come from %s", place)
            return read_manifest(place)
    step = next(step for flow in flows for step in flow.steps_to_infer)
    looked = f"there is none at {', '.join(map(str, places))}" if places else "none was named"
    raise UsageError(
        f"{step.location}: the handler has no return annotation, and without the manifest its "
        f"type is not known: {looked}",
        hint="run `pgflow compile` and name the file that it writes, by --manifest or "
        "PGFLOW_MANIFEST; or annotate the handler",
    )


def _places(folder: Path | None) -> list[Path]:
    """Return where the manifest of the flows in *folder* can be: where `compile` puts it."""
    if folder is None:
        return []
    within = folder.parent if folder.is_file() else folder
    beside = within.absolute().parent
    return [each / MANIFEST_FILE_NAME for each in (within, beside, beside / "manifests")]


def missing_handlers_error(missing: Iterable[tuple[str, str]]) -> HandlerMissingError:
    """Say which steps the database does not know in the form that this worker has."""
    pairs = sorted(missing)
    titles = ", ".join(f"{flow}.{step}" for flow, step in pairs)
    return HandlerMissingError(
        f"the database does not have these steps in the form that this worker has: {titles}",
        hint="run `pgflow deploy`, or start the worker with --deploy",
        details={"missing": [{"flow": flow, "step": step} for flow, step in pairs]},
    )


def _handler(step: Step[Any], digest: str) -> Handler:
    return Handler(
        flow_slug=step.flow_slug,
        step_slug=step.slug,
        digest=digest,
        slug_bytes=step.slug.encode(),
        fn=step.fn,
        is_async=step.is_async,
        is_map=step.kind == "map",
        context_parameter=step.context_parameter,
        decode=step.decode_args,
        encode=step.encode_result,
    )


def _flows(source: Path | str | Iterable[Flow[Any]]) -> list[Flow[Any]]:
    if isinstance(source, (str, Path)):
        return [found.flow for found in discover_flows(Path(source))]
    return sorted(source, key=lambda flow: flow.slug)


def _require_known(kind: str, wanted: Sequence[str] | None, known: Sequence[str]) -> None:
    unknown = [name for name in wanted or () if name not in known]
    if unknown:
        raise UsageError(
            f"there is no {kind} {', '.join(map(repr, unknown))} among the flows that were loaded",
            hint=f"known are: {', '.join(known) or 'none'}",
        )
