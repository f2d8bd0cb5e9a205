"""The shapes of the manifest become runtime types, the same ones as an annotation would give."""

import datetime as dt
import enum
import sys
import uuid
from decimal import Decimal
from ipaddress import IPv4Address
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, Literal, NamedTuple, NotRequired, get_args

import pytest
from pydantic import BaseModel, TypeAdapter
from typing_extensions import TypeAliasType, TypedDict, TypeVar, is_typeddict

from pgflow_dsl.types.exact_json import check_exact
from pgflow_dsl.types.from_inferred import VanishedError, annotation_from, object_title
from pgflow_manifest import InferredResult, Shape

T = TypeVar("T")


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.StrEnum):
    LARGE = "large"


class Model(BaseModel):
    n: int

    class Inner(BaseModel):
        m: int


class Page(BaseModel, Generic[T]):
    items: list[T]


class Tree(TypedDict):
    children: "NotRequired[list[Tree]]"


class Pair(NamedTuple):
    a: int
    b: str


Nested = TypeAliasType("Nested", "int | list[Nested]")
Plain = int | list[str]


def shape_of(tree: Any) -> Shape:
    return InferredResult.model_validate({"shape": tree, "handler_digest": "0" * 64}).shape


def made(tree: Any, title: str = "Merge") -> Any:
    return annotation_from(shape_of(tree), title=title, home=globals())


def scalar(name: str) -> dict[str, Any]:
    return {"kind": "scalar", "name": name}


def named(name: str, *arguments: Any, module: str = __name__) -> dict[str, Any]:
    return {"kind": "class", "module": module, "name": name, "arguments": list(arguments)}


INT, TEXT, NONE = scalar("int"), scalar("str"), {"kind": "none"}


@pytest.mark.parametrize(
    ("tree", "annotation"),
    [
        (NONE, type(None)),
        (scalar("bool"), bool),
        (INT, int),
        (scalar("float"), float),
        (TEXT, str),
        (scalar("datetime"), dt.datetime),
        (scalar("date"), dt.date),
        (scalar("time"), dt.time),
        (scalar("timedelta"), dt.timedelta),
        (scalar("uuid"), uuid.UUID),
        (scalar("decimal"), Decimal),
        (named("Path", module="pathlib"), Path),
        (named("IPv4Address", module="ipaddress"), IPv4Address),
        ({"kind": "literal", "values": ["a", 1, True]}, Literal["a", 1, True]),
        (
            {"kind": "enum_member", "module": __name__, "name": "Size", "member": "LARGE"},
            Literal[Size.LARGE],
        ),
        ({"kind": "enum_member", "module": __name__, "name": "Color", "member": "RED"}, Color),
        (named("Model"), Model),
        (named("Model.Inner"), Model.Inner),
        (named("Page", named("Model")), Page[Model]),
        (named("Tree"), Tree),
        (named("Pair"), Pair),
        (named("Nested"), Nested),
        (named("Plain"), Plain),
        ({"kind": "list", "items": named("Model")}, list[Model]),
        ({"kind": "set", "items": INT}, set[int]),
        ({"kind": "frozenset", "items": TEXT}, frozenset[str]),
        ({"kind": "tuple", "items": INT}, tuple[int, ...]),
        ({"kind": "fixed_tuple", "items": [INT, TEXT]}, tuple[int, str]),
        ({"kind": "fixed_tuple", "items": []}, tuple[()]),
        (
            {"kind": "map", "keys": INT, "values": {"kind": "list", "items": TEXT}},
            dict[int, list[str]],
        ),
        ({"kind": "union", "members": [named("Model"), NONE]}, Model | None),
    ],
)
def test_a_shape_is_the_type_that_an_annotation_would_be(tree: Any, annotation: Any) -> None:
    assert made(tree) == annotation
    check_exact(annotation)


def test_an_object_is_a_typed_dict_with_exact_keys_named_by_its_place() -> None:
    tree = {
        "kind": "object",
        "fields": {
            "model": {"type": named("Model")},
            "note": {"type": TEXT, "required": False},
            "run owner-id": {"type": {"kind": "object", "fields": {"a": {"type": INT}}}},
            "rows": {
                "type": {
                    "kind": "list",
                    "items": {"kind": "object", "fields": {"b": {"type": TEXT}}},
                }
            },
            "either": {
                "type": {
                    "kind": "union",
                    "members": [
                        {"kind": "object", "fields": {"c": {"type": INT}}},
                        {"kind": "object", "fields": {"d": {"type": INT}}},
                    ],
                }
            },
        },
    }
    annotation = made(tree)
    assert is_typeddict(annotation)
    assert annotation.__name__ == "Merge"
    assert annotation.__module__ == __name__
    assert annotation.__optional_keys__ == {"note"}
    schema = TypeAdapter(annotation).json_schema(mode="serialization")
    assert schema["title"] == "Merge"
    assert schema["required"] == ["model", "run owner-id", "rows", "either"]
    assert set(schema["$defs"]) == {
        *("Model", "MergeRunOwnerId", "MergeRowsItem", "MergeEither", "MergeEither2"),
    }
    value = {
        "model": Model(n=1),
        "run owner-id": {"a": 1},
        "rows": [{"b": "x"}],
        "either": {"d": 1},
    }
    adapter = TypeAdapter[Any](annotation)
    assert adapter.validate_json(adapter.dump_json(value)) == value


@pytest.mark.parametrize(
    ("words", "title"),
    [
        (["voice_memo"], "VoiceMemo"),
        (["merge", "runOwner"], "MergeRunOwner"),
        (["2nd"], "Object2nd"),
        (["ü"], "Object"),
        (["merge", ""], "Merge"),
    ],
)
def test_titles_are_identifiers(words: list[str], title: str) -> None:
    assert object_title(*words) == title


@pytest.mark.parametrize(
    ("tree", "name", "why"),
    [
        (named("Gone"), f"{__name__}.Gone", "has no 'Gone'"),
        (named("Model.Gone"), f"{__name__}.Model.Gone", "it has no 'Gone'"),
        (named("X", module="no_such_module"), "no_such_module", "cannot be imported: ModuleNotFou"),
        (named("Model", INT), f"{__name__}.Model", "does not inherit from typing.Generic"),
        (
            {"kind": "enum_member", "module": __name__, "name": "Size", "member": "SMALL"},
            f"{__name__}.Size",
            "SMALL",
        ),
    ],
)
def test_what_does_not_exist_any_more_is_named(tree: Any, name: str, why: str) -> None:
    with pytest.raises(VanishedError) as caught:
        made({"kind": "list", "items": tree})
    assert caught.value.name == name
    assert why in caught.value.why


def test_the_module_of_the_handler_is_the_one_it_was_loaded_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    another = ModuleType(__name__)
    another.__dict__["Model"] = object()
    monkeypatch.setitem(sys.modules, __name__, another)
    assert made(named("Model")) is Model


def test_a_module_that_is_not_loaded_yet_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "late_module_of_a_test.py").write_text("Late = int | None\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert get_args(made(named("Late", module="late_module_of_a_test"))) == (int, type(None))
    sys.modules.pop("late_module_of_a_test")


@pytest.mark.parametrize(
    ("written", "loaded"), [("flows", "pgflow_flows"), ("pgflow_flows", "flows"), ("a", "a")]
)
def test_a_folder_that_goes_by_another_name_here_is_found(
    written: str, loaded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, here = ModuleType(f"{written}.models"), ModuleType(f"{loaded}.models")
    here.__dict__["Model"] = Model
    monkeypatch.setitem(sys.modules, taken.__name__, taken)
    monkeypatch.setitem(sys.modules, here.__name__, here)
    shape = shape_of(named("Model", module=f"{written}.models"))
    home = {"__name__": f"{loaded}.memo"}
    assert annotation_from(shape, title="Merge", home=home) is Model
