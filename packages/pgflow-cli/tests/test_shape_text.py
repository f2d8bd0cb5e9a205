"""Inferred types in Python notation."""

from typing import Any

import pytest

from pgflow_cli.shape_text import shown_shape
from pgflow_manifest import InferredResult


def scalar(name: str) -> dict[str, Any]:
    return {"kind": "scalar", "name": name}


def named(name: str, *arguments: Any) -> dict[str, Any]:
    return {"kind": "class", "module": "flows.models", "name": name, "arguments": list(arguments)}


INT, TEXT, NONE = scalar("int"), scalar("str"), {"kind": "none"}


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        (NONE, "None"),
        (scalar("datetime"), "datetime"),
        (scalar("uuid"), "UUID"),
        (scalar("decimal"), "Decimal"),
        (
            {"kind": "literal", "values": ["it's", 'a "b"', 1, True]},
            r"""Literal["it's", "a \"b\"", 1, True]""",
        ),
        ({"kind": "literal", "values": ["tab\t", "\ud800"]}, r"Literal['tab\t', '\ud800']"),
        (
            {"kind": "enum_member", "module": "m", "name": "Order.Size", "member": "SMALL"},
            "Literal[Order.Size.SMALL]",
        ),
        (named("Order.Line"), "Order.Line"),
        (named("Page", named("Order"), INT), "Page[Order, int]"),
        ({"kind": "list", "items": TEXT}, "list[str]"),
        ({"kind": "frozenset", "items": TEXT}, "frozenset[str]"),
        ({"kind": "tuple", "items": INT}, "tuple[int, ...]"),
        ({"kind": "fixed_tuple", "items": [INT, TEXT]}, "tuple[int, str]"),
        ({"kind": "fixed_tuple", "items": []}, "tuple[()]"),
        ({"kind": "map", "keys": TEXT, "values": INT}, "dict[str, int]"),
        ({"kind": "union", "members": [named("Order"), NONE]}, "Order | None"),
        ({"kind": "object", "fields": {}}, "{}"),
        (
            {
                "kind": "list",
                "items": {
                    "kind": "object",
                    "fields": {
                        "run owner": {"type": TEXT},
                        "day": {"type": scalar("date"), "required": False},
                    },
                },
            },
            'list[{"run owner": str, "day": NotRequired[date]}]',
        ),
    ],
)
def test_a_shape_reads_as_python(tree: Any, text: str) -> None:
    shape = InferredResult.model_validate({"shape": tree, "handler_digest": "0" * 64}).shape
    assert shown_shape(shape) == text
