"""The names of the types of a manifest: one for one type, good everywhere, none clashes."""

import keyword
from decimal import Decimal
from typing import Any, Literal

import pytest
from pydantic import BaseModel
from tests.support.builders import a_flow, a_step

from pgflow_cli.codegen.declarations import declarations_of
from pgflow_cli.codegen.type_model import Declarations, Named
from pgflow_dsl import Flow, compile_flows
from pgflow_manifest import Manifest


def schemas_of(**results: dict[str, Any]) -> Declarations:
    """Return the types of one flow for each result, named as it; payloads are null."""
    flows = [
        a_flow(slug, a_step("s", result_schema=schema), payload_schema={"type": "null"})
        for slug, schema in results.items()
    ]
    return declarations_of(Manifest(flows=tuple(flows)))


def names_in(schema: dict[str, Any]) -> list[str]:
    """Return the names of the types that one result declares."""
    return [declared.name for declared in schemas_of(f=schema).types]


def order(**properties: str) -> dict[str, Any]:
    """Return the schema of an `Order`, with the types of its keys."""
    return {
        "title": "Order",
        "type": "object",
        "properties": {key: {"type": type_} for key, type_ in properties.items()},
        "required": [*properties],
    }


def test_one_name_with_one_meaning_is_declared_once() -> None:
    within = {
        "type": "array",
        "items": {"$ref": "#/$defs/Order"},
        "$defs": {"Order": order(a="null")},
    }
    declarations = schemas_of(one=order(a="null"), two=within, three=order(a="null"))
    assert [declared.name for declared in declarations.types] == ["Order"]


def test_one_name_with_several_meanings_is_told_apart_alike() -> None:
    declarations = schemas_of(one=order(a="null"), two=order(b="null"), three=order(a="null"))
    assert [declared.name for declared in declarations.types] == ["OneOrder", "TwoOrder"]
    by_slug = {flow.slug: flow.results["s"] for flow in declarations.flows}
    assert by_slug["three"] == by_slug["one"] == Named(name="OneOrder")
    without_two = schemas_of(one=order(a="null"), three=order(a="null"), unlike={"type": "null"})
    assert [declared.name for declared in without_two.types] == ["Order"]


def test_types_that_differ_only_deep_inside_are_told_apart() -> None:
    def pages(inner: dict[str, Any]) -> dict[str, Any]:
        page = {"type": "object", "properties": {"items": {"$ref": "#/$defs/Order"}}}
        return {"$ref": "#/$defs/Page", "$defs": {"Page": page, "Order": inner}}

    declarations = schemas_of(one=pages(order(a="null")), two=pages(order(b="null")))
    assert [declared.name for declared in declarations.types] == [
        *("OneOrder", "OnePage", "TwoOrder", "TwoPage")
    ]


class Same(BaseModel):
    n: int


class Priced(BaseModel):
    price: Decimal


def test_a_model_that_is_payload_and_result_has_two_names_when_they_differ() -> None:
    flow = Flow("f", payload=Priced)

    @flow.step
    def priced(it: Priced = flow.payload) -> Priced:
        return it

    @flow.step
    def same() -> Same:
        return Same(n=1)

    other = Flow("other", payload=Same)

    @other.step
    def nothing() -> None:
        return None

    declarations = declarations_of(compile_flows([flow, other]))
    types = {declared.name: declared.type for declared in declarations.types}
    assert [*types] == ["PricedPayload", "PricedResult", "Same"]
    # pydantic reads a number as well, and always writes text
    assert "number" in repr(types["PricedPayload"])
    assert "number" not in repr(types["PricedResult"])


def test_payloads_and_results_of_several_flows_are_told_apart_by_both() -> None:
    result = a_step("s", result_schema=order(n="null"))
    one = a_flow("one", result, payload_schema=order(n="string"))
    two = a_flow("two", a_step("s"), payload_schema=order(k="string"))
    declarations = declarations_of(Manifest(flows=(one, two)))
    assert [declared.name for declared in declarations.types] == [
        *("OneOrderPayload", "OneOrderResult", "TwoOrderPayload")
    ]


def test_a_type_that_is_payload_and_result_gives_its_name_to_neither_of_two() -> None:
    one = a_flow("one", a_step("s", result_schema=order(a="null")), payload_schema=order(a="null"))
    two = a_flow("two", a_step("s", result_schema=order(b="null")), payload_schema={"type": "null"})
    declarations = declarations_of(Manifest(flows=(one, two)))
    assert [declared.name for declared in declarations.types] == ["OneOrder", "TwoOrder"]


def test_models_of_one_name_in_one_flow_are_told_apart_by_step_or_module() -> None:
    flow = a_flow(
        "f",
        a_step("one", result_schema=order(a="null")),
        a_step("two", result_schema=order(b="null")),
        payload_schema={"type": "null"},
    )
    declarations = declarations_of(Manifest(flows=(flow,)))
    assert [declared.name for declared in declarations.types] == ["FOneOrder", "FTwoOrder"]
    as_pydantic_does = {
        "type": "array",
        "prefixItems": [{"$ref": "#/$defs/app__a__Order"}, {"$ref": "#/$defs/app__b__Order"}],
        "$defs": {"app__a__Order": order(a="null"), "app__b__Order": order(b="null")},
    }
    assert names_in(as_pydantic_does) == ["FSApp__a__Order", "FSApp__b__Order"]
    by_hand = {"type": "array", "prefixItems": [order(a="null"), order(b="null")]}
    assert names_in(by_hand) == ["FSOrder", "FSOrder2"]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Order", "Order"),
        ("My_Order", "My_Order"),
        ("order", "Order"),
        ("Page[list[int]]", "PageListInt"),
        ("3D", "Type3D"),
        ("Größe", "Größe"),
        ("???", "Type"),
        ("List", "ListType"),
        ("TypedDict", "TypedDictType"),
        ("FlowRef", "FlowRefType"),
        ("Promise", "PromiseType"),
        ("None", "NoneType"),
        ("F", "F"),
        ("FOutput", "FOutputType"),
        ("AsyncFResults", "AsyncFResultsType"),
        ("_private", "Private"),
    ],
)
def test_a_type_gets_a_name_that_is_good_everywhere(title: str, name: str) -> None:
    assert names_in({"type": "object", "title": title, "properties": {}}) == [name]


def test_flows_keep_their_slugs_unless_these_are_taken() -> None:
    slugs = [
        "list",
        "__name__",
        "import",
        "voice_memo",
        "voiceMemo",
        "_3d",
        "Order",
        "list_",
        "async_list",
        "_",
    ]
    flows = [a_flow(slug, a_step("s", result_schema=order(a="null"))) for slug in slugs]
    declarations = declarations_of(Manifest(flows=tuple(flows)))
    identifiers = {flow.slug: flow.identifier for flow in declarations.flows}
    assert identifiers == {
        **{slug: slug for slug in slugs},
        "list": "list_2",
        "import": "import_",
        "__name__": "__name___",
    }
    names = [
        *(declared.name for declared in declarations.types),
        *identifiers.values(),
        *(flow.output_name for flow in declarations.flows),
        *(
            f"{prefix}{flow.results_name}"
            for flow in declarations.flows
            for prefix in ("", "Async")
        ),
    ]
    assert len(names) == len(set(names))
    assert all(name.isidentifier() and not keyword.iskeyword(name) for name in names)
    outputs = {flow.slug: flow.output_name for flow in declarations.flows}
    assert outputs["voice_memo"] == "voice_memoOutput"
    assert outputs["_3d"] == "Flow3dOutput"
    assert "OrderType" in names


def test_the_names_do_not_depend_on_the_order_of_the_flows() -> None:
    def flow(slug: str, kind: Literal["null", "string"]) -> Any:
        return a_flow(slug, a_step("s", result_schema=order(a=kind)))

    one, two, three = flow("one", "null"), flow("two", "string"), flow("three", "null")
    assert declarations_of(Manifest(flows=(one, two, three))) == declarations_of(
        Manifest(flows=(three, two, one))
    )


def test_what_is_sent_to_a_signal_is_named_as_a_payload() -> None:
    signal = a_step("asked", result_schema=order(a="null")).model_copy(update={"kind": "signal"})
    flow = a_flow(
        "f",
        signal,
        a_step("gives", result_schema=order(b="null")),
        payload_schema=order(a="null"),
    )
    declarations = declarations_of(Manifest(flows=(flow,)))
    assert [declared.name for declared in declarations.types] == ["OrderPayload", "OrderResult"]
