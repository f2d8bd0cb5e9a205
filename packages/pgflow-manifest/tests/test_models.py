"""Slugs, statuses, graphs, and looking things up in a manifest."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from pgflow_manifest import (
    RUN_STATUSES,
    STEP_STATUSES,
    TERMINAL_STATUSES,
    CycleFoundError,
    FlowSpec,
    Manifest,
    StepSpec,
    load_manifest,
    slug_problem,
    topological_order,
)
from pgflow_manifest.sources import Slug

slug_type = TypeAdapter[str](Slug)


@pytest.mark.parametrize("text", ["a", "_", "A9", "voice_memo", "runner", "Run", "a" * 128])
def test_slug_is_accepted(text: str) -> None:
    assert slug_problem(text) is None
    assert slug_type.validate_python(text) == text


@pytest.mark.parametrize(
    "text", ["", "9a", "a-b", "a b", "a.b", "é", "a\n", "\na", "a" * 129, "a\x00", "\u0661"]
)
def test_text_that_is_no_slug_is_refused_by_rule_and_model_alike(text: str) -> None:
    assert "is not a slug" in (slug_problem(text) or "")
    with pytest.raises(ValidationError):
        slug_type.validate_python(text)


def test_reserved_slug_says_that_it_is_reserved() -> None:
    assert slug_problem("run") == "'run' is reserved; choose another slug"


@given(st.text(max_size=10))
def test_rule_and_model_never_disagree(text: str) -> None:
    try:
        slug_type.validate_python(text)
        accepted = True
    except ValidationError:
        accepted = False
    assert accepted is (slug_problem(text) is None or text == "run")


def test_order_keeps_the_sequence_of_definition_where_deps_allow() -> None:
    deps = {"d": ("b", "c"), "c": ("a",), "b": ("a",), "a": (), "z": ()}
    assert topological_order(deps) == ["a", "z", "c", "b", "d"]


def test_order_of_nothing_is_nothing() -> None:
    assert topological_order({}) == []


@pytest.mark.parametrize(
    "deps", [{"a": ("a",)}, {"a": ("b",), "b": ("a",)}, {"a": ("c",), "b": ("a",), "c": ("b",)}]
)
def test_circle_is_named_from_end_to_end(deps: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(CycleFoundError) as found:
        topological_order(deps)
    cycle = found.value.cycle
    assert cycle[0] == cycle[-1]
    assert set(cycle) == set(deps)
    assert " -> ".join(cycle) == str(found.value)


@given(st.integers(0, 12).flatmap(lambda n: st.lists(st.lists(st.integers(0, n)), max_size=n)))
def test_every_step_stands_after_its_deps(graph: list[list[int]]) -> None:
    deps = {
        str(step): tuple(str(dep) for dep in of_step if dep < step)
        for step, of_step in enumerate(graph)
    }
    order = topological_order(deps)
    assert sorted(order) == sorted(deps)
    assert all(order.index(dep) < order.index(step) for step in deps for dep in deps[step])


def test_leaves_are_the_steps_that_no_step_waits_for() -> None:
    def step(slug: str, *deps: str) -> StepSpec:
        return StepSpec(slug=slug, deps=deps, result_schema={}, digest="0" * 64)

    steps = (step("a"), step("b", "a"), step("c", "a"), step("d", "b"))
    flow = FlowSpec(slug="f", payload_schema={}, steps=steps, digest="0" * 64)
    assert flow.leaf_slugs == ("c", "d")
    assert flow.step("b") is steps[1]
    assert Manifest(flows=(flow,)).flow("f") is flow
    with pytest.raises(KeyError, match="nothing"):
        flow.step("nothing")
    with pytest.raises(KeyError, match="nothing"):
        Manifest().flow("nothing")


def test_models_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Manifest().format_version = 1


def test_terminal_statuses_are_those_of_runs_and_steps() -> None:
    assert set(RUN_STATUSES) - TERMINAL_STATUSES == {"started"}
    assert set(STEP_STATUSES) - TERMINAL_STATUSES == {"created", "started"}


def test_a_cascade_makes_all_that_follows_skippable_and_a_plain_skip_only_the_step() -> None:
    manifest = load_manifest(
        (Path(__file__).parents[3] / "manifests/conformance/valid/conditions.json").read_bytes()
    )
    flow = manifest.flow("triage")
    assert flow.skippable_slugs == {"praise", "blame", "tag", "guard", "merge"}
    assert [step.slug for step in flow.steps if step.may_be_null] == ["praise", "tag", "guard"]
    assert [step.slug for step in flow.steps if step.may_cascade] == ["blame", "merge"]


def test_the_failure_handler_is_no_leaf() -> None:
    path = Path(__file__).parents[3] / "manifests/conformance/valid/failure_handler.json"
    assert load_manifest(path.read_bytes()).flow("guarded").leaf_slugs == ("after",)
