"""Take over what was inferred about handlers without a return annotation.

`pgflow compile` infers the types, by a type checker, and keeps them in the manifest; a worker reads
them there, without one. Either way they go through `Flow.adopt_types`, before anything is bound to
a type. Next: `types/from_inferred.py`, which makes a runtime type of each.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pgflow_dsl.handler_digest import handler_digest
from pgflow_dsl.handlers import Handler
from pgflow_dsl.types.from_inferred import VanishedError, annotation_from, object_title
from pgflow_manifest import DefinitionError, InferredResult, Manifest, ResultTypeError

if TYPE_CHECKING:
    from pgflow_dsl.flow import Flow

_COMPILE_ANEW = "run `pgflow compile`, and give the worker the manifest that it writes"


def adopt_types(flow: Flow[Any], inferred: Mapping[str, InferredResult]) -> None:
    """Make *inferred*, by slug, the result types of those handlers of *flow* without an annotation.

    All of them or, when one cannot be adopted, none.

    Raises:
        DefinitionError: a handler was changed since, is no `def` in a file, or is not there.
        ResultTypeError: a class or module of a type does not exist any more.
    """
    for slug in inferred:
        if slug not in flow.steps:
            raise flow.location.error(
                DefinitionError,
                f"the manifest is stale: the flow has no step {slug!r} any more",
                hint=_COMPILE_ANEW,
            )
    adopted = {
        slug: _annotation(flow.steps[slug].handler, one)
        for slug, one in inferred.items()
        if not flow.steps[slug].handler.says_result
    }
    for slug, annotation in adopted.items():
        flow.steps[slug].adopt(inferred[slug], annotation)
    for step in flow.steps.values():
        step.forget_types()


def _annotation(handler: Handler, inferred: InferredResult) -> Any:
    location = handler.location
    if handler_digest(handler.fn) != inferred.handler_digest:
        raise location.error(
            DefinitionError,
            "the manifest is stale: the handler was changed since its result type was inferred",
            hint=_COMPILE_ANEW,
        )
    fn: Any = inspect.unwrap(handler.fn)
    title = object_title(location.step_slug or "")
    try:
        return annotation_from(inferred.shape, title=title, home=fn.__globals__)
    except VanishedError as error:
        raise location.error(
            ResultTypeError,
            f"the manifest says that it returns `{error.name}`, which is not there: {error.why}",
            hint=_COMPILE_ANEW,
            type=error.name,
        ) from error


def inferred_in(manifest: Manifest, flow: Flow[Any]) -> Mapping[str, InferredResult]:
    """Return what *manifest* says about the steps of *flow* that need it.

    Raises:
        DefinitionError: it does not know one of them, or it was annotated when it was compiled.
    """
    found: dict[str, InferredResult] = {}
    specs = {
        spec.slug: spec for each in manifest.flows if each.slug == flow.slug for spec in each.steps
    }
    for step in flow.steps_to_infer:
        spec = specs.get(step.slug)
        if spec is None or spec.inferred is None:
            raise step.location.error(
                DefinitionError,
                "the manifest is stale: it does not say what the handler, which has no return "
                "annotation, returns",
                hint=_COMPILE_ANEW,
            )
        found[step.slug] = spec.inferred
    return found


def unknown_result(handler: Handler) -> ResultTypeError:
    """Return the error that nothing says what *handler* returns."""
    return handler.location.error(
        ResultTypeError,
        "the handler does not say what it returns, and its type was not inferred",
        hint=f"annotate it, `{annotated_head(handler)} -> T`, where T is a pydantic model, a "
        "dataclass, a TypedDict or a JSON type, `None` when it returns nothing; or let `pgflow "
        'compile` infer it, with `pip install "pgflow-cli[infer]"`, and give workers the manifest',
    )


def annotated_head(handler: Handler) -> str:
    """Return the head of the handler as it is written, annotations of arguments left out."""
    fn = inspect.unwrap(handler.fn)
    given = [f"{name}={source}" for name, source in handler.sources.items()]
    if handler.context_parameter is not None:
        given.append(f"{handler.context_parameter}=flow.context")
    head = "async def" if inspect.iscoroutinefunction(fn) else "def"
    return f"{head} {fn.__name__}({', '.join(given)})"
