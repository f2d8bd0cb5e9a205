"""Values made from a schema, so that most fit, and the same values spoiled, so that most do not.

Nothing here decides what is valid: whatever comes out is a case for the judges.
"""

import copy
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any, Final

from tests.support.schema_fuzz import Json, Schema, is_array, is_number, is_object

STRINGS: Final = (
    *(
        "",
        "a",
        "b",
        "c",
        "ab",
        "abc",
        "abcd",
        "x-1",
        "x-",
        "A",
        "AB-12",
        "zz9",
        "a b",
        "café",
        "12",
    ),
    *("-3.5", "0.25", "é", "🙂🙃", "a\nb", "2024-01-02", "€uro", "kind", "null", "1", "]"),
)
NUMBERS: Final = (
    0,
    1,
    -1,
    2,
    3,
    4,
    5,
    10,
    1.0,
    2.0,
    0.5,
    -0.25,
    1.5,
    2.25,
    1e3,
    1e20,
    2**31,
    -(2**40),
)
ATOMS: Final[tuple[Json, ...]] = (
    *(None, True, False, [], {}, [None], [1, 1.0], ["a", "a"], [[]], {"a": 1}, {"b": "a"}),
    *(
        {"kind": "a"},
        {"a": None, "b": []},
        [1, "a", True, None],
        [0, False],
        [{"a": 1}, {"a": 1.0}],
    ),
    *STRINGS,
    *NUMBERS,
)
_SCALARS: Final[dict[str, tuple[Json, ...]]] = {
    "null": (None,),
    "boolean": (True, False),
    "integer": tuple(n for n in NUMBERS if n == int(n)),
    "number": NUMBERS,
    "string": STRINGS,
}
_DEEPEST: Final = 5


class InstanceMaker:
    """Makes values for one schema; the same random numbers make the same values."""

    def __init__(self, schema: Schema, random: Random) -> None:
        self._root = schema
        self._random = random
        self._atoms = [*ATOMS, *_atoms_of(schema)]
        self._keys = sorted({*_keys_of(schema), "a", "b", "extra"})

    def instances(self, count: int, samples: Sequence[Json] = ()) -> Iterator[Json]:
        """Give *count* values: a third as made, the others spoiled once or a few times."""
        for n in range(count):
            value = copy.deepcopy(samples[n]) if n < len(samples) else self._start(samples)
            if n >= len(samples) and self._random.random() < 0.65:
                for _ in range(self._random.choice((1, 1, 1, 2, 3))):
                    value = self.spoil(value)
            yield value

    def _start(self, samples: Sequence[Json]) -> Json:
        if samples and self._random.random() < 0.4:
            return copy.deepcopy(self._random.choice(samples))
        if self._random.random() < 0.1:
            return copy.deepcopy(self._random.choice(self._atoms))
        return copy.deepcopy(self._make(self._root, 0))

    def _make(self, schema: Json, depth: int) -> Json:
        if not is_object(schema) or depth > 3 * _DEEPEST:
            return self._random.choice(self._atoms)
        schema = self._flat(schema, depth)
        for keyword in ("const", "default"):
            if keyword in schema and (keyword == "const" or self._random.random() < 0.2):
                return schema[keyword]
        if schema.get("enum"):
            return self._random.choice(schema["enum"])
        kind = self._kind(schema)
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, depth)
        fitting = [value for value in _SCALARS[kind] if _fits_scalar(schema, value)]
        return self._random.choice(fitting or _SCALARS[kind])

    def _flat(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        """Merge what applies to the same value into one schema, choosing among alternatives."""
        flat = dict(schema)
        for _ in range(20):
            if (reference := flat.pop("$ref", None) or flat.pop("$dynamicRef", None)) is not None:
                flat = _merged(flat, self._target(reference))
            elif branches := flat.pop("allOf", None):
                for branch in branches:
                    flat = _merged(flat, branch)
            elif branches := flat.pop("anyOf", None) or flat.pop("oneOf", None):
                shallow = [b for b in branches if depth < _DEEPEST or b == {"type": "null"}]
                flat = _merged(flat, self._random.choice(shallow or branches))
            elif (condition := flat.pop("if", None)) is not None:
                then, otherwise = flat.pop("then", {}), flat.pop("else", {})
                if self._random.random() < 0.6:
                    flat = _merged(_merged(flat, condition), then)
                else:
                    flat = _merged(flat, otherwise)
            else:
                break
        return flat

    def _target(self, reference: str) -> Json:
        if reference.startswith("#/"):
            found: Json = self._root
            for token in reference[2:].split("/"):
                found = found[token.replace("~1", "/").replace("~0", "~").replace("%25", "%")]
            return found
        name = reference.rpartition("#")[2]
        for part in _schemas_in(self._root):
            if name and name in (part.get("$anchor"), part.get("$dynamicAnchor")):
                return part
            if part.get("$id", "").endswith(reference) and not name:
                return part
        return self._root

    def _kind(self, schema: dict[str, Any]) -> str:
        kinds = schema.get("type")
        if kinds is None:
            hints = {
                "object": ("properties", "required", "additionalProperties", "patternProperties"),
                "array": ("items", "prefixItems", "contains", "minItems", "uniqueItems"),
                "string": ("pattern", "minLength", "maxLength"),
                "number": ("minimum", "maximum", "multipleOf"),
            }
            kinds = [kind for kind, words in hints.items() if any(w in schema for w in words)]
            kinds = kinds or ["object", "array", *_SCALARS]
        return kinds if isinstance(kinds, str) else self._random.choice(kinds)

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Json]:
        properties = schema.get("properties", {})
        made: dict[str, Json] = {}
        for key, sub in properties.items():
            if key in schema.get("required", ()) or (
                sub is not False and self._random.random() < (0.6 if depth < _DEEPEST else 0)
            ):
                made[key] = self._make(sub, depth + 1)
        for key in schema.get("required", ()):
            if key not in made:
                made[key] = self._make(schema.get("additionalProperties", True), depth + 1)
        patterns = schema.get("patternProperties", {})
        rest = schema.get("additionalProperties", schema.get("unevaluatedProperties", True))
        wanted = self._random.choice((0, 0, 0, 1, 2)) if depth < _DEEPEST else 0
        wanted = max(wanted, schema.get("minProperties", 0) - len(made))
        names = schema.get("propertyNames", {})
        for _ in range(wanted):
            key = self._make({"type": "string", **names} if is_object(names) else {}, depth)
            sub = next((s for p, s in patterns.items() if re.search(p, str(key))), rest)
            if isinstance(key, str) and key not in made and sub is not False:
                made[key] = self._make(sub, depth + 1)
        return made

    def _array(self, schema: dict[str, Any], depth: int) -> list[Json]:
        first = schema.get("prefixItems", [])
        rest = schema.get("items", schema.get("unevaluatedItems", True))
        least = schema.get("minItems", 0)
        most = int(schema.get("maxItems", max(least, len(first)) + 3))
        size = max(least, self._random.randint(0, max(most, 0)) if depth < _DEEPEST else 0)
        if first and self._random.random() < 0.8:
            size = max(size, len(first))
        if rest is False:
            size = min(size, len(first))
        made = [
            self._make(first[n] if n < len(first) else rest, depth + 1) for n in range(int(size))
        ]
        if "contains" in schema:
            for _ in range(int(self._random.choice((1, 1, schema.get("minContains", 1))))):
                made.insert(
                    self._random.randint(min(len(first), len(made)), len(made)),
                    self._make(schema["contains"], depth + 1),
                )
        if schema.get("uniqueItems") and self._random.random() < 0.9:
            made = [item for n, item in enumerate(made) if item not in made[:n]]
        return made

    def spoil(self, value: Json) -> Json:
        """Return *value*, itself or not, with one part taken away, changed or added."""
        places = list(_places(value))
        holder, key = self._random.choice(places)
        if holder is None:
            return self._changed(value)
        if self._random.random() < 0.2:
            del holder[key]
        else:
            holder[key] = self._changed(holder[key])
        return value

    def _changed(self, value: Json) -> Json:
        choice = self._random.random()
        if is_object(value) and choice < 0.7:
            item = copy.deepcopy(self._random.choice(self._atoms))
            return {**value, self._random.choice(self._keys): item}
        if is_array(value) and choice < 0.7:
            items = value
            more = self._random.choice(items) if items and choice < 0.35 else None
            more = self._random.choice(self._atoms) if more is None else more
            return [*items[: self._random.randint(0, len(items))], copy.deepcopy(more), *items]
        if isinstance(value, str) and choice < 0.5:
            tail = self._random.choice(STRINGS)
            return self._random.choice((value + tail, tail + value, value[1:], value.upper()))
        if is_number(value) and choice < 0.6:
            return self._random.choice((value + 1, value - 1, value + 0.5, -value, float(value)))
        return copy.deepcopy(self._random.choice(self._atoms))


def _fits_scalar(schema: Mapping[str, Json], value: Json) -> bool:
    checks = [True]
    if isinstance(value, str):
        checks = [
            len(value) >= schema.get("minLength", 0),
            len(value) <= schema.get("maxLength", len(value)),
            re.search(schema.get("pattern", ""), value) is not None,
        ]
    elif is_number(value):
        checks = [
            value >= schema.get("minimum", value),
            value <= schema.get("maximum", value),
            value > schema.get("exclusiveMinimum", value - 1),
            value < schema.get("exclusiveMaximum", value + 1),
            value % schema.get("multipleOf", value or 1) == 0,
        ]
    return all(checks)


def _merged(one: dict[str, Any], other: Json) -> dict[str, Any]:
    """Both schemas in one, as far as a plain union of their keywords says it."""
    if not is_object(other):
        return one
    merged = {**other, **one}
    for keyword, value in other.items():
        if keyword in one and keyword in ("properties", "patternProperties"):
            merged[keyword] = {**value, **one[keyword]}
        elif keyword in one and keyword in ("required", "allOf"):
            merged[keyword] = [*one[keyword], *value]
    return merged


def _places(value: Json) -> Iterator[tuple[Json, Json]]:
    """Every part of *value* as what holds it and its key there; the whole is held by nothing."""
    yield None, None
    holders = [value]
    while holders:
        holder = holders.pop()
        items: list[tuple[Json, Json]] = []
        if is_object(holder):
            items = list(holder.items())
        elif is_array(holder):
            items = list(enumerate(holder))
        for key, item in items:
            yield holder, key
            holders.append(item)


def _schemas_in(schema: Json) -> Iterator[dict[str, Any]]:
    for holder, key in _places([schema]):
        if holder is not None and is_object(holder[key]):
            yield holder[key]


def _atoms_of(schema: Schema) -> list[Json]:
    """What the schema names, and numbers beside its bounds."""
    found: dict[str, Json] = {}
    for part in _schemas_in(schema):
        named = [part[k] for k in ("const", "default") if k in part]
        if is_array(part.get("enum")):
            named += part["enum"]
        for value in part.values():
            if is_number(value):
                named += [value - 1, value, value + 1, "x" * min(int(abs(value)), 20)]
        found |= {json.dumps(value): value for value in named}
    return list(found.values())


def _keys_of(schema: Schema) -> set[str]:
    found: set[str] = set()
    for part in _schemas_in(schema):
        for keyword in ("properties", "dependentSchemas", "dependentRequired"):
            if is_object(part.get(keyword)):
                found |= set(part[keyword])
        if is_array(part.get("required")):
            found |= {name for name in part["required"] if isinstance(name, str)}
    return found
