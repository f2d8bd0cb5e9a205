"""Whether one schema accepts whatever another one does; a yes is never wrong."""

import json
import random
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import jsonschema_rs
import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from tests.support.random_schemas import RandomSchemas
from tests.support.schema_fuzz.instances import InstanceMaker
from tests.support.schema_fuzz.random_schemas import SchemaMaker

from pgflow_manifest.schema_parts import is_object
from pgflow_manifest.schema_values import fits
from pgflow_manifest.subtyping import schema_difference

SEEDS = range(60)


def schema(kind: Any) -> dict[str, Any]:
    return TypeAdapter(kind).json_schema()


class Point(BaseModel):
    x: int
    y: int


class Named(Point):
    name: str | None = None


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    x: int


class Tree(BaseModel):
    value: int
    children: list["Tree"] = []


class WiderTree(BaseModel):
    value: float
    children: list["WiderTree"] = []


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (int, float),
        (int, int | None),
        (int | None, int | str | None),
        (bool, bool | str),
        (Literal["a"], Literal["a", "b"]),
        (Literal["a"], str),
        (Literal[1, "a"], int | str),
        (Annotated[int, Field(gt=0)], Annotated[int, Field(ge=1)]),
        (Annotated[int, Field(ge=3, le=4)], Annotated[int, Field(ge=1)]),
        (Annotated[str, Field(max_length=3)], Annotated[str, Field(max_length=4)]),
        (Annotated[list[int], Field(min_length=2)], list[float]),
        (tuple[int, str], list[int | str]),
        (dict[str, int], dict[str, float]),
        (Named, Point),
        (Tree, Tree),
        (Tree, WiderTree),
        (Cat, Pet),
        (Pet, Pet),
        (Pet, Cat | Dog),
        (list[Tree], list[WiderTree] | None),
    ],
)
def test_wider_types_accept_what_was_accepted(narrow: Any, wide: Any) -> None:
    assert schema_difference(schema(narrow), schema(wide)) is None


@pytest.mark.parametrize(
    ("narrow", "wide", "at", "word"),
    [
        (float, int, "", "a number is not accepted, only integer"),
        (int | None, int, "", "the value null"),
        (Literal["a", "b"], Literal["a"], "", 'the value "b"'),
        (str, Literal["a"], "", "only certain values"),
        (int, Annotated[int, Field(ge=1)], "", "minimum is 1"),
        (list[int], Annotated[list[int], Field(max_length=4)], "", "at most 4 items"),
        (list[int | None], list[int], "/items", "the value null"),
        (Point, Tree, "", "property 'value' is required"),
        (Point, Closed, "/properties/y", "no integer is accepted"),
        (WiderTree, Tree, "/properties/children/items/properties/value", "a number is"),
        (dict[str, str], dict[str, int], "/additionalProperties", "a string"),
        (Pet, Cat, "", "property 'lives' is required"),
    ],
)
def test_a_no_names_the_place_and_the_reason(narrow: Any, wide: Any, at: str, word: str) -> None:
    found = schema_difference(schema(narrow), schema(wide))
    assert found is not None
    assert (found.at, found.is_certain) == (at, True)
    assert word in found.reason


def test_what_is_not_compared_is_admitted() -> None:
    found = schema_difference({"type": "object"}, {"propertyNames": {"maxLength": 2}})
    assert found is not None
    assert not found.is_certain
    assert "not compared" in str(found)


def test_a_pattern_fits_itself_only() -> None:
    one, other = {"type": "string", "pattern": "^a"}, {"type": "string", "pattern": "^[a]"}
    assert schema_difference(one, one) is None
    found = schema_difference(one, other)
    assert found is not None
    assert not found.is_certain
    anything = schema_difference({"type": "string"}, one)
    assert anything is not None
    assert anything.is_certain


def test_a_new_optional_property_refuses_only_what_no_typed_program_wrote() -> None:
    found = schema_difference(schema(Point), schema(Named))
    assert found is not None
    assert found.at == "/properties/name"
    assert schema_difference(schema(Point), schema(Named), only_named=True) is None
    # a dict may well have had it
    assert schema_difference(schema(dict[str, Any]), schema(Named), only_named=True) is not None


def test_alone_a_keyword_says_more_than_beside_those_that_it_looks_at() -> None:
    narrow = {"allOf": [{"properties": {"a": True}}], "unevaluatedProperties": False}
    assert schema_difference(narrow, {"unevaluatedProperties": False}) is not None


def test_two_equal_choices_of_one_of_exclude_each_other() -> None:
    assert schema_difference({"type": "string"}, {"oneOf": [True, True]}) is not None


def test_a_reference_to_itself_ends_the_question() -> None:
    loop = {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}
    assert schema_difference(loop, {"type": "string"}) is not None
    found = schema_difference({"type": "string"}, loop)
    assert found is not None
    assert not found.is_certain


def test_equal_numbers_are_one_value_however_they_are_written() -> None:
    assert schema_difference({"const": 1}, {"enum": [1.0]}) is None
    assert schema_difference({"const": 1}, {"enum": [True]}) is not None
    assert schema_difference({"const": 10**30}, {"type": "integer"}) is None


@pytest.mark.parametrize("seed", SEEDS)
def test_a_yes_is_never_wrong(seed: int) -> None:
    """Pairs of random schemas and of a schema and a slight change of it, and random values."""
    source = RandomSchemas(seed)
    values = source.values(150)
    for narrow, wide in _pairs(seed, source):
        if schema_difference(narrow, wide) is not None:
            continue
        old, new = (
            jsonschema_rs.Draft202012Validator(narrow),
            jsonschema_rs.Draft202012Validator(wide),
        )
        for value in values:
            if old.is_valid(value):
                assert new.is_valid(value), json.dumps([narrow, wide, value])


def test_the_random_pairs_are_worth_something() -> None:
    """Enough of them are a yes for schemas that differ, and have values."""
    yes = 0
    for seed in range(60):
        source = RandomSchemas(seed)
        values = source.values(150)
        for narrow, wide in _pairs(seed, source):
            if narrow != wide and schema_difference(narrow, wide) is None:
                old = jsonschema_rs.Draft202012Validator(narrow)
                yes += any(old.is_valid(value) for value in values)
    assert yes > 100


@pytest.mark.parametrize("seed", SEEDS)
def test_a_yes_is_never_wrong_whatever_keywords_meet(seed: int) -> None:
    """Schemas over the whole set of keywords, and values that were made to fit the narrow one."""
    chance = random.Random(seed)
    maker = SchemaMaker(chance)
    for _ in range(5):
        one = maker.schema()
        for narrow, wide in _with_changes(one, chance):
            if schema_difference(narrow, wide) is not None:
                continue
            old = jsonschema_rs.Draft202012Validator(narrow)
            new = jsonschema_rs.Draft202012Validator(wide)
            for value in InstanceMaker(narrow, chance).instances(20):
                if old.is_valid(value):
                    assert new.is_valid(value), json.dumps([narrow, wide, value])


@pytest.mark.parametrize("seed", SEEDS)
def test_of_named_properties_a_yes_is_never_wrong(seed: int) -> None:
    """As above, for values that have no properties but those that the narrow schema names."""
    chance = random.Random(seed)
    source = RandomSchemas(seed)
    for _ in range(6):
        one = source.schema()
        for narrow, wide in _with_changes(one, chance):
            text = json.dumps(narrow)
            if '"not"' in text or '"if"' in text:
                continue  # to close what is negated would open the whole
            if schema_difference(narrow, wide, only_named=True) is not None:
                continue
            old = jsonschema_rs.Draft202012Validator(narrow)
            closed = jsonschema_rs.Draft202012Validator(_closed(narrow))
            new = jsonschema_rs.Draft202012Validator(wide)
            for value in InstanceMaker(narrow, chance).instances(20):
                if old.is_valid(value) and closed.is_valid(value):
                    assert new.is_valid(value), json.dumps([narrow, wide, value])


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_said_of_a_value_is_never_wrong(seed: int) -> None:
    source = RandomSchemas(seed)
    one = source.schema()
    judge = jsonschema_rs.Draft202012Validator(one)
    for value in source.values(100):
        answer = fits(one, one, value)
        assert answer is None or answer == judge.is_valid(value), json.dumps([one, value])


def _pairs(seed: int, source: RandomSchemas) -> Iterator[tuple[Any, Any]]:
    chance = random.Random(seed)
    for _ in range(6):
        one = source.schema()
        yield one, source.schema()
        yield from _with_changes(one, chance)


def _with_changes(one: Any, chance: random.Random) -> Iterator[tuple[Any, Any]]:
    yield one, one
    for _ in range(4):
        changed = _changed(one, chance)
        yield one, changed
        yield changed, one


def _changed(part: Any, chance: random.Random) -> Any:
    """Return a schema with one keyword less or another schema somewhere."""
    copied = json.loads(json.dumps(part))
    here: Any = copied
    above = ""
    while is_object(here) and here:
        key = chance.choice(sorted(here))
        below = here[key]
        if "$defs" not in (key, above) and (not is_object(below) or chance.random() < 0.4):
            if key in ("anyOf", "oneOf", "allOf", "enum", "required") and len(below) > 1:
                here[key] = list(below)[1:]
            elif isinstance(below, bool):
                here[key] = not below
            else:
                del here[key]
            return copied
        here, above = below, key
    return copied


def _closed(part: Any) -> Any:
    """Return the schema with no properties in its objects but those that it names."""
    if isinstance(part, list):
        return [_closed(each) for each in part]
    if not is_object(part):
        return part
    closed = {
        key: value if key in ("const", "enum", "required") else _closed(value)
        for key, value in part.items()
    }
    if is_object(part.get("properties")) and part["properties"]:
        closed.setdefault("additionalProperties", False)
    return closed
