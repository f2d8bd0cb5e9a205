"""Checks of a manifest that a JSON Schema cannot say: names, deps, order, maps, digests."""

from collections.abc import Iterator, Sequence
from typing import Final

from pgflow_manifest.digest import with_digests
from pgflow_manifest.errors import ManifestInvalidError
from pgflow_manifest.graph import CycleFoundError, topological_order
from pgflow_manifest.kind_checks import failure_problems, kind_problems
from pgflow_manifest.models import FlowSpec, Manifest, StepSpec
from pgflow_manifest.slug import slug_problem
from pgflow_manifest.sources import EachInput, ResultInput

Problem = tuple[str, str]
"""A JSON pointer into the manifest, and what is wrong there."""

_OF_A_MAPPED_LIST: Final = frozenset(
    {
        *("type", "items", "$defs", "$schema", "$id", "$comment", "title", "description"),
        *("default", "examples", "deprecated", "readOnly", "writeOnly"),
    }
)
"""Keywords that the result schema of a map step may have: each result is checked when it comes, and
the list that is made of them not again. As the database has them, in `_check_map`."""


def check_manifest(manifest: Manifest, *, origin: str) -> None:
    """Refuse a manifest whose parts contradict each other.

    Raises:
        ManifestInvalidError: every problem with its JSON pointer; *origin* names the file.
    """
    problems = list(_problems(manifest))
    if problems:
        raise invalid_manifest(origin, problems)


def invalid_manifest(origin: str, problems: Sequence[Problem]) -> ManifestInvalidError:
    """Build the error that lists *problems* of the manifest called *origin*."""
    lines = "".join(f"\n  {pointer or '/'}: {text}" for pointer, text in problems)
    return ManifestInvalidError(
        f"{origin} is not a valid manifest:{lines}",
        hint="write the file anew with `pgflow compile`",
        details={"errors": [{"at": pointer, "message": text} for pointer, text in problems]},
    )


def escape(part: str) -> str:
    """Return a key as a part of a JSON pointer (RFC 6901)."""
    return part.replace("~", "~0").replace("/", "~1")


def _problems(manifest: Manifest) -> Iterator[Problem]:
    slugs = [flow.slug for flow in manifest.flows]
    if slugs != sorted(slugs):
        yield "/flows", "the flows are not sorted by slug"
    seen: set[str] = set()
    for index, flow in enumerate(manifest.flows):
        at = f"/flows/{index}"
        if flow.slug in seen:
            yield f"{at}/slug", f"a flow with the slug {flow.slug!r} stands above already"
        seen.add(flow.slug)
        if (problem := slug_problem(flow.slug)) is not None:
            yield f"{at}/slug", problem
        structural = list(_graph_problems(flow, at))
        yield from structural
        if not structural:
            yield from _digest_problems(flow, at)


def _graph_problems(flow: FlowSpec, at: str) -> Iterator[Problem]:
    slugs = [step.slug for step in flow.steps]
    broken_names = False
    for index, step in enumerate(flow.steps):
        step_at = f"{at}/steps/{index}"
        if (problem := slug_problem(step.slug)) is not None:
            yield f"{step_at}/slug", problem
        if slugs.index(step.slug) != index:
            broken_names = True
            yield f"{step_at}/slug", f"a step with the slug {step.slug!r} stands above already"
        for problem_at, text in _dep_problems(step, set(slugs)):
            broken_names = True
            yield f"{step_at}{problem_at}", text
        for problem_at, text in (*_map_problems(step), *kind_problems(step)):
            yield f"{step_at}{problem_at}", text
    for problem_at, text in failure_problems(flow):
        broken_names = True
        yield f"{at}{problem_at}", text
    if broken_names:
        return
    try:
        topological_order({step.slug: step.deps for step in flow.steps})
    except CycleFoundError as error:
        yield f"{at}/steps", f"the steps wait for each other in a circle: {error}"
        return
    done: set[str] = set()
    for index, step in enumerate(flow.steps):
        if not done.issuperset(step.deps):
            yield f"{at}/steps/{index}", f"step {step.slug!r} stands before a step it waits for"
        done.add(step.slug)


def _dep_problems(step: StepSpec, slugs: set[str]) -> Iterator[Problem]:
    for dep in step.deps:
        if dep not in slugs:
            yield "/deps", f"step {step.slug!r} waits for {dep!r}, which the flow does not have"
    if list(step.deps) != sorted(set(step.deps)):
        yield "/deps", "the deps are not sorted, or one stands twice"
    for name, source in step.inputs.items():
        if (problem := slug_problem(name)) is not None:
            yield f"/inputs/{name}", problem
        if not isinstance(source, ResultInput):
            continue
        if source.step not in (slugs if step.kind == "failure" else step.deps):
            whole = "the flow" if step.kind == "failure" else "deps"
            text = f"argument {name!r} takes the result of {source.step!r}, which is not in {whole}"
            yield f"/inputs/{name}/step", text


def _map_problems(step: StepSpec) -> Iterator[Problem]:
    if step.kind != "map" and (step.kind != "flow" or step.over is None):
        return
    of_items = [name for name, source in step.inputs.items() if isinstance(source, EachInput)]
    if step.over is None:
        yield "/over", f"map step {step.slug!r} does not say which list it goes over"
    elif isinstance(step.over, ResultInput) and step.over.step not in step.deps:
        yield "/over/step", f"the list is the result of {step.over.step!r}, which is not in deps"
    if not of_items:
        yield "/inputs", f"no argument of map step {step.slug!r} takes the item"
    schema = step.result_schema
    if schema.get("type") != "array" or not isinstance(schema.get("items"), dict):
        text = (
            f"map step {step.slug!r} returns a list: the type must be 'array', and 'items' a schema"
        )
        yield "/result_schema", text
    for keyword in sorted(schema.keys() - _OF_A_MAPPED_LIST):
        text = (
            f"the list of map step {step.slug!r} has as many items as the list that it goes over, "
            "so its schema may say of what kind they are, and no more"
        )
        yield f"/result_schema/{escape(keyword)}", text


def _digest_problems(flow: FlowSpec, at: str) -> Iterator[Problem]:
    expected = with_digests(flow)
    for index, (step, right) in enumerate(zip(flow.steps, expected.steps, strict=True)):
        if step.digest != right.digest:
            yield f"{at}/steps/{index}/digest", f"must be {right.digest!r} for what the step says"
    if flow.digest != expected.digest:
        yield f"{at}/digest", f"must be {expected.digest!r} for what the flow says"
