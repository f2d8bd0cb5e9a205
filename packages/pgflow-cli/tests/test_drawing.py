"""Graphs as boxes and lines."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pgflow_cli.drawing import draw, draw_deps, mermaid
from pgflow_cli.layout import layers_of
from pgflow_manifest import (
    Comparison,
    EachInput,
    FlowSpec,
    PayloadInput,
    ResultInput,
    StepOptions,
    StepSpec,
    ValueOperand,
)

DIAMOND = {
    "transcribe": [],
    "summarize": ["transcribe"],
    "capitalize": ["transcribe"],
    "merge": ["summarize", "capitalize"],
}


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Up to nine steps, each waiting for some of those before it."""
    deps: dict[str, list[str]] = {}
    for index in range(draw(st.integers(1, 9))):
        slug = f"s{index}" + "x" * draw(st.integers(0, 9))
        deps[slug] = (
            sorted(draw(st.sets(st.sampled_from(sorted(deps)), max_size=3))) if deps else []
        )
    return deps


def test_the_diamond_is_drawn_as_one() -> None:
    assert draw_deps(DIAMOND, columns=80).splitlines() == [
        "        ┌────────────┐",
        "        │ transcribe │",
        "        └──────┬─────┘",
        "      ┌────────┴───────┐",
        "┌─────▼─────┐   ┌──────▼─────┐",
        "│ summarize │   │ capitalize │",
        "└─────┬─────┘   └──────┬─────┘",
        "      └────────┬───────┘",
        "           ┌───▼───┐",
        "           │ merge │",
        "           └───────┘",
    ]


def test_a_dep_that_skips_a_layer_passes_beside_it() -> None:
    drawing = draw_deps({"a": [], "b": ["a"], "c": ["a", "b"]}, columns=80)
    assert drawing.splitlines() == [
        "   ┌───┐",
        "   │ a │",
        "   └─┬─┘",
        "  ┌──┴──┐",
        "┌─▼─┐   │",
        "│ b │   │",
        "└─┬─┘   │",
        "  └──┬──┘",
        "   ┌─▼─┐",
        "   │ c │",
        "   └───┘",
    ]


def test_a_graph_too_wide_for_the_terminal_is_a_list() -> None:
    assert draw_deps(DIAMOND, columns=20).splitlines()[-1] == "merge <- summarize, capitalize"


def with_maps() -> FlowSpec:
    numbers = {"type": "array", "items": {"type": "integer"}}
    price = StepSpec(
        slug="price",
        kind="map",
        over=PayloadInput(),
        inputs={"n": EachInput()},
        result_schema=numbers,
        digest="0" * 64,
    )
    tax = price.model_copy(
        update={"slug": "tax", "over": ResultInput(step="price"), "deps": ("price",)}
    )
    total = StepSpec(
        slug="total",
        deps=("price", "tax"),
        inputs={"taxes": ResultInput(step="tax")},
        result_schema={},
        digest="0" * 64,
    )
    return FlowSpec(slug="f", payload_schema={}, steps=(price, tax, total), digest="0" * 64)


def test_map_steps_are_marked() -> None:
    assert draw(with_maps(), columns=80).splitlines() == [
        "    ┌──────────────┐",
        "    │ price (each) │",
        "    └───────┬──────┘",
        "       ┌────┴────┐",
        "┌──────▼─────┐   │",
        "│ tax (each) │   │",
        "└──────┬─────┘   │",
        "       └────┬────┘",
        "        ┌───▼───┐",
        "        │ total │",
        "        └───────┘",
    ]
    assert draw(with_maps(), columns=9).splitlines() == [
        "price (each)",
        "tax (each) <- price (each)",
        "total <- price (each), tax (each)",
    ]


def test_a_map_waits_for_its_list_in_mermaid_though_no_argument_takes_the_whole() -> None:
    assert mermaid(with_maps()).splitlines() == [
        "flowchart TD",
        '    price[["price (each)"]]',
        '    tax[["tax (each)"]]',
        '    total["total"]',
        "    price --> tax",
        "    price -.-> total",
        "    tax --> total",
    ]


def with_rules() -> FlowSpec:
    first = StepSpec(
        slug="first",
        kind="signal",
        options=StepOptions(timeout_seconds=60),
        result_schema={},
        digest="0" * 64,
    )
    is_big = Comparison(
        op=">",
        left=ResultInput(step="first", path=("n",)),
        right=ValueOperand(value='"<&#'),
    )
    then = StepSpec(
        slug="then",
        deps=("first",),
        when=is_big,
        when_unmet="skip_cascade",
        on_failure="skip",
        result_schema={},
        digest="0" * 64,
    )
    told = StepSpec(slug="told", kind="failure", result_schema={}, digest="0" * 64)
    return FlowSpec(slug="f", payload_schema={}, steps=(first, then, told), digest="0" * 64)


def test_rules_of_steps_stand_below_the_drawing() -> None:
    listed = """\
first (signal)
then (when) <- first (signal)
told (failure)

first  signal, for at most 60 s
then   when first.result.n > "\\"<&#", else skip_cascade; on failure skip
told   failure handler"""
    assert draw(with_rules(), columns=9) == listed
    assert draw(with_rules(), columns=80).endswith(listed.partition("\n\n")[2])


def test_mermaid_has_the_rules_in_the_boxes_and_dashes_around_what_may_be_skipped() -> None:
    condition = "first.result.n #gt; #quot;\\#quot;#lt;#amp;#35;#quot;"
    assert mermaid(with_rules()).splitlines() == [
        "flowchart TD",
        '    first[/"first<br/>signal, for at most 60 s"/]',
        f'    then["then<br/>when {condition}, else skip_cascade<br/>on failure skip"]',
        '    told{{"told<br/>failure handler"}}',
        "    first --> then",
        "    classDef skippable stroke-dasharray: 5 5",
        "    class then skippable",
    ]


def test_a_map_of_sub_flows_is_marked_as_both() -> None:
    called = (
        with_maps()
        .steps[0]
        .model_copy(update={"kind": "flow", "flow": "other", "inputs": {"payload": EachInput()}})
    )
    flow = with_maps().model_copy(update={"steps": (called,)})
    assert draw(flow, columns=80).splitlines()[1] == "│ price (each flow) │"
    assert mermaid(flow).splitlines()[1] == '    price[["price<br/>flow other for each item"]]'


@given(graphs())
def test_every_step_stands_whole_and_below_its_deps(deps: dict[str, list[str]]) -> None:
    lines = draw_deps(deps, columns=10_000).splitlines()
    rows = {
        slug: next(row for row, line in enumerate(lines) if f"│ {slug} │" in line) for slug in deps
    }
    for slug, waits_for in deps.items():
        assert all(rows[dep] < rows[slug] for dep in waits_for)
        column = lines[rows[slug]].index(f"│ {slug} │")
        above, below = lines[rows[slug] - 1], lines[rows[slug] + 1]
        assert ("▼" in above[column : column + len(slug) + 4]) == bool(waits_for)
        is_waited_for = any(slug in others for others in deps.values())
        assert ("┬" in below[column : column + len(slug) + 4]) == is_waited_for


@given(graphs())
def test_items_of_a_layer_never_touch(deps: dict[str, list[str]]) -> None:
    for layer in layers_of(deps):
        for left, right in pairwise(layer):
            assert left.left + left.width < right.left
