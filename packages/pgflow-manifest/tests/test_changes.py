"""What a newer manifest changes for those who rely on the older one, and of which kind it is."""

from typing import Any

import pytest

from pgflow_manifest import (
    Change,
    Comparison,
    EachInput,
    FlowOptions,
    FlowSpec,
    Manifest,
    PayloadInput,
    ResultInput,
    StepOptions,
    StepSpec,
    ValueOperand,
    manifest_changes,
    with_digests,
    worst_change,
)

ANY = "0" * 64
TEXT = {"type": "string"}
NUMBER = {"type": "number"}
MAYBE_TEXT = {"anyOf": [{"type": "string"}, {"type": "null"}]}


def record(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": sorted(properties)}


def step(slug: str, result: dict[str, Any] = TEXT, *deps: str, **more: Any) -> StepSpec:
    return StepSpec(slug=slug, result_schema=result, deps=deps, digest=ANY, **more)


def flow(*steps: StepSpec, payload: dict[str, Any] = TEXT, **more: Any) -> FlowSpec:
    return with_digests(FlowSpec(slug="f", payload_schema=payload, steps=steps, digest=ANY, **more))


def changes(old: FlowSpec, new: FlowSpec) -> tuple[Change, ...]:
    return manifest_changes(Manifest(flows=(old,)), Manifest(flows=(new,)))


def only(old: FlowSpec, new: FlowSpec) -> tuple[str, str | None, str]:
    found = changes(old, new)
    assert len(found) == 1, found
    return found[0].kind, found[0].step, found[0].reason


A = step("a")


def test_nothing_changes_nothing() -> None:
    assert changes(flow(A), flow(A)) == ()
    assert worst_change(()) is None


@pytest.mark.parametrize(
    ("old", "new", "kind", "word"),
    [
        (TEXT, MAYBE_TEXT, "additive", "more than before"),
        (MAYBE_TEXT, TEXT, "breaking", "at the top, the value null is not accepted"),
        (TEXT, TEXT | {"title": "Text"}, "options", "the same as before"),
        (record(a=TEXT), record(a=TEXT, b=TEXT), "breaking", "property 'b' is required"),
        (
            record(a=TEXT),
            record(a=TEXT) | {"properties": {"a": TEXT, "b": TEXT}},
            "additive",
            "of objects with the properties it had",
        ),
        ({"propertyNames": TEXT}, {"propertyNames": NUMBER}, "breaking", "not compared"),
    ],
)
def test_a_payload_may_accept_more(old: Any, new: Any, kind: str, word: str) -> None:
    found = only(flow(A, payload=old), flow(A, payload=new))
    assert found[:2] == (kind, None)
    assert word in found[2]


@pytest.mark.parametrize(
    ("old", "new", "kind", "word"),
    [
        (MAYBE_TEXT, TEXT, "additive", "all of it has the type it had"),
        (TEXT, MAYBE_TEXT, "breaking", "the value null is not accepted"),
        (record(a=TEXT), record(a=TEXT, b=TEXT), "additive", "the type it had"),
        (record(a=TEXT, b=TEXT), record(a=TEXT), "breaking", "property 'b' is required"),
        (TEXT, TEXT | {"description": "x"}, "options", "same type"),
    ],
)
def test_a_result_may_say_more(old: Any, new: Any, kind: str, word: str) -> None:
    found = only(flow(step("a", old)), flow(step("a", new)))
    assert found[:2] == (kind, "a")
    assert word in found[2]


def test_options_and_descriptions_are_applied_in_place() -> None:
    old = flow(A, options=FlowOptions(max_attempts=3))
    new = flow(
        step("a", options=StepOptions(timeout_seconds=5), description="now told"),
        options=FlowOptions(max_attempts=4),
    )
    found = changes(old, new)
    assert {change.kind for change in found} == {"options"}
    assert [change.reason for change in found] == [
        "max_attempts 3 -> 4",
        "timeout_seconds (of the flow) -> 5.0",
        "description changed",
    ]
    assert old.digest == new.digest


def test_steps_come_and_go() -> None:
    b = step("b", TEXT, "a")
    added = changes(flow(A), flow(A, step("c")))
    assert [str(change) for change in added] == [
        "additive: f.c: new step; its result is in the run output"
    ]
    hidden = changes(flow(A), flow(A, b))
    assert [(change.kind, change.step) for change in hidden] == [
        ("breaking", "a"),
        ("additive", "b"),
    ]
    removed = changes(flow(A, b), flow(A))
    assert [(change.kind, change.step) for change in removed] == [
        ("additive", "a"),
        ("breaking", "b"),
    ]
    assert worst_change(removed) == "breaking"


def test_wiring_is_told_by_step() -> None:
    of_a = step("c", TEXT, "a", inputs={"x": ResultInput(step="a")})
    of_payload = step("c", TEXT, "b", inputs={"x": PayloadInput()})
    old = flow(A, step("b"), of_a, step("d", TEXT, "b"))
    new = flow(A, step("b"), of_payload, step("d", TEXT, "a"))
    assert [(change.step, change.kind, change.reason) for change in changes(old, new)] == [
        ("c", "additive", "waits for b too; no longer waits for a"),
        ("c", "additive", "its handler takes other arguments: x"),
        ("d", "additive", "waits for a too; no longer waits for b"),
    ]


def test_a_changed_source_is_told_where_it_is_taken() -> None:
    taker = step("b", TEXT, "a", inputs={"x": ResultInput(step="a")})
    found = changes(flow(step("a", MAYBE_TEXT), taker), flow(A, taker))
    assert [(change.step, change.kind) for change in found] == [
        ("a", "additive"),
        ("b", "additive"),
    ]
    assert found[1].reason == "what its arguments take has another schema"


def test_another_kind_of_step_breaks() -> None:
    items = {"type": "array", "items": TEXT}
    mapped = step("a", items, kind="map", over=PayloadInput(), inputs={})
    found = only(flow(step("a", items), payload=items), flow(mapped, payload=items))
    assert found == ("breaking", "a", "it was a single step and is a map step")


def test_one_run_for_each_item_instead_of_one_breaks() -> None:
    items = {"type": "array", "items": TEXT}
    one = step("a", TEXT, kind="flow", flow="other", inputs={"payload": PayloadInput()})
    each = step(
        "a",
        items,
        kind="flow",
        flow="other",
        over=PayloadInput(),
        inputs={"payload": EachInput()},
    )
    found = changes(flow(one, payload=items), flow(each, payload=items))
    assert (
        "breaking",
        "it started one run of a sub-flow and starts one for each item of a list",
    ) in [(change.kind, change.reason) for change in found]
    back = changes(flow(each, payload=items), flow(one, payload=items))
    assert "it started one for each item of a list and starts one run of a sub-flow" in [
        change.reason for change in back
    ]


def test_another_list_of_a_map_of_sub_flows_is_additive() -> None:
    items = {"type": "array", "items": TEXT}
    a = step("a", items)
    fields: dict[str, Any] = {"kind": "flow", "flow": "other", "inputs": {"payload": EachInput()}}
    of_payload = step("b", items, "a", over=PayloadInput(), **fields)
    of_result = step("b", items, "a", over=ResultInput(step="a"), **fields)
    found = only(flow(a, of_payload, payload=items), flow(a, of_result, payload=items))
    assert found == ("additive", "b", "it goes over another list")


def test_clients_may_or_may_not_start() -> None:
    yes, no = flow(A, client_startable=True), flow(A)
    assert only(no, yes)[0] == "additive"
    assert only(yes, no) == ("breaking", None, "clients may not start it any more")


def test_whole_flows() -> None:
    both, none = Manifest(flows=(flow(A),)), Manifest()
    assert [str(change) for change in manifest_changes(none, both)] == ["additive: f: new flow"]
    assert [str(change) for change in manifest_changes(both, none)] == ["breaking: f: flow removed"]
    assert manifest_changes(both, none, only_flows_of_new=True) == ()


LOW = Comparison(op="<", left=PayloadInput(path=("n",)), right=ValueOperand(value=3))
LOWER = Comparison(op="<", left=PayloadInput(path=("n",)), right=ValueOperand(value=2))
TEXTS = {"type": "array", "items": TEXT}
NULL_ITEMS = (
    "result may be what it was not before: at /items, for those who rely on the old type the "
    "value null is not accepted"
)
MAYBE_TEXTS = {"type": "array", "items": MAYBE_TEXT}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            step("a"),
            step("a", when=LOW),
            [
                ("breaking", "it may be skipped now: who reads its result may find null"),
                ("additive", "when: (none) -> flow.payload.n < 3"),
            ],
        ),
        (
            step("a", when=LOW),
            step("a"),
            [
                ("additive", "it is never skipped any more: its result is never null for that"),
                ("additive", "when: flow.payload.n < 3 -> (none)"),
            ],
        ),
        (
            step("a", when=LOW),
            step("a", when=LOWER),
            [("additive", "when: flow.payload.n < 3 -> flow.payload.n < 2")],
        ),
        (
            step("a", when=LOW),
            step("a", when=LOW, when_unmet="skip_cascade"),
            [("additive", "when_unmet: skip -> skip_cascade")],
        ),
        (
            step("a", when=LOW, when_unmet="fail"),
            step("a", when=LOW),
            [
                ("breaking", "it may be skipped now: who reads its result may find null"),
                ("additive", "when_unmet: fail -> skip"),
            ],
        ),
        (
            step("a"),
            step("a", on_failure="skip"),
            [
                ("breaking", "it may be skipped now: who reads its result may find null"),
                ("additive", "on_failure: fail -> skip"),
            ],
        ),
        (
            step("a", {"type": "null"}, kind="sleep", seconds=30),
            step("a", {"type": "null"}, kind="sleep", until=PayloadInput(path=("at",))),
            [("additive", "it sleeps otherwise: 30.0 seconds -> until flow.payload.at")],
        ),
        (
            step("a", kind="flow", flow="one", inputs={"payload": PayloadInput()}),
            step("a", kind="flow", flow="two", flow_step="b", inputs={"payload": PayloadInput()}),
            [("additive", "it starts another run: one (its output) -> two.b")],
        ),
        (
            step("a", MAYBE_TEXT, kind="signal"),
            step("a", TEXT, kind="signal"),
            [
                ("additive", "result says more than before: all of it has the type it had"),
                (
                    "breaking",
                    "signal accepts less than before: at the top, the value null is not accepted",
                ),
            ],
        ),
        (
            step("a", record(b=TEXT), kind="signal"),
            step("a", record(b=TEXT) | {"properties": {"b": TEXT, "c": TEXT}}, kind="signal"),
            [("additive", "result says more than before: all of it has the type it had")],
        ),
        (
            step("a", TEXT, kind="signal"),
            step("a", TEXT, kind="signal", options=StepOptions(timeout_seconds=5)),
            [("options", "timeout_seconds (of the flow) -> 5.0")],
        ),
        (
            step("a", TEXTS, kind="map", over=PayloadInput(path=("b",))),
            step("a", MAYBE_TEXTS, kind="map", over=PayloadInput(path=("b",)), on_failure="skip"),
            [
                (
                    "breaking",
                    NULL_ITEMS,
                ),
                ("additive", "on_failure: fail -> skip"),
            ],
        ),
    ],
)
def test_what_a_step_waits_for_and_what_follows(
    old: StepSpec, new: StepSpec, told: list[tuple[str, str]]
) -> None:
    assert [(change.kind, change.reason) for change in changes(flow(old), flow(new))] == told


def test_a_cascade_is_told_where_it_arrives() -> None:
    waits = step("b", TEXT, "a")
    found = changes(
        flow(step("a", when=LOW, when_unmet="fail"), waits),
        flow(step("a", when=LOW, when_unmet="skip_cascade"), waits),
    )
    assert [(change.step, change.kind) for change in found] == [
        ("a", "breaking"),
        ("a", "additive"),
        ("b", "breaking"),
    ]
