"""Small random schemas over the whole set of keywords, made to interact.

Few names and few values, so that schemas say something about the instances they meet. Excluded by
construction: what legitimate validators judge differently or pgflow refuses, that is `format`,
patterns whose meaning differs between regex dialects (`\\p`, case folding; `.` for line separators
other than \\n, which no instance has), decimal fractions that binary floats cannot hold, and
references in a circle for the same value.
"""

from collections.abc import Callable
from random import Random
from typing import Any, Final

from tests.support.schema_fuzz import Json, Schema

_NAMES: Final = ("a", "b", "c", "kind")
_TYPES: Final = ("object", "array", "string", "number", "integer", "boolean", "null")
_VALUES: Final[tuple[Json, ...]] = (
    *(None, True, False, 0, 1, 1.0, 2, 3.5, -1, "", "a", "b", "ab", [], [1], ["a", 1]),
    *({}, {"a": 1}, {"kind": "a"}, {"a": "b", "b": [1]}),
)
_PATTERNS: Final = (
    "^a",
    "b$",
    "^[a-c]*$",
    r"\d",
    r"^\w+$",
    ".",
    "^.{2,3}$",
    "^(?:a|kind)$",
    "^(?!a)",
)
_DEFS: Final = 3


class SchemaMaker:
    """Makes schemas; the same random numbers make the same schemas."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._groups: list[tuple[int, Callable[[int], dict[str, Any]]]] = [
            (4, self._types),
            (3, self._values),
            (2, self._numbers),
            (2, self._strings),
            (5, self._objects),
            (2, self._rarer_objects),
            (4, self._arrays),
            (1, self._contained),
            (4, self._alternatives),
            (2, self._tagged),
            (2, self._conditions),
            (2, self._references),
            (1, self._unevaluated),
        ]
        self._level = 0  # of the definition being made: in place it may name later ones only

    def schema(self) -> Schema:
        """Give one more schema, with definitions that it may or may not refer to."""
        defs: dict[str, Schema] = {}
        for level in range(_DEFS, 0, -1):
            self._level = level
            defs[f"d{level}"] = self._any(2)
        self._level = 0
        root = self._any(3)
        return root if isinstance(root, bool) else {**root, "$defs": defs}

    def _any(self, depth: int) -> Schema:
        if depth <= 0 or self._random.random() < 0.1:
            return self._random.choice(
                (True, False, {}, self._types(0), self._values(0), self._types(0))
            )
        made: dict[str, Any] = {}
        weights = [weight for weight, _ in self._groups]
        for _, group in self._random.choices(
            self._groups, weights, k=self._random.choice((1, 1, 2, 3))
        ):
            made = {**group(depth - 1), **made}
        return made

    def _inside(self, depth: int) -> Schema:
        """A schema for a part of the value, where any definition may be named."""
        level, self._level = self._level, 0
        made = self._any(depth)
        self._level = level
        return made

    def _some(self, least: int, most: int, depth: int) -> list[Schema]:
        return [self._any(depth) for _ in range(self._random.randint(least, most))]

    def _names_of(self, least: int) -> list[str]:
        return self._random.sample(_NAMES, self._random.randint(least, 3))

    def _pick(self, choices: dict[str, Any]) -> dict[str, Any]:
        keys = self._random.sample(list(choices), self._random.randint(1, min(2, len(choices))))
        return {key: choices[key] for key in keys}

    def _types(self, depth: int) -> dict[str, Any]:
        if self._random.random() < 0.6:
            return {"type": self._random.choice(_TYPES)}
        return {"type": self._random.sample(_TYPES, self._random.randint(1, 3))}

    def _values(self, depth: int) -> dict[str, Any]:
        if self._random.random() < 0.4:
            return {"const": self._random.choice(_VALUES)}
        values = self._random.choices(_VALUES, k=self._random.randint(1, 4))
        return {"enum": [v for n, v in enumerate(values) if v not in values[:n]]}

    def _numbers(self, depth: int) -> dict[str, Any]:
        bounds = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
        made = {key: self._random.choice((-1, 0, 1, 1.5, 2, 10)) for key in bounds}
        return self._pick({**made, "multipleOf": self._random.choice((0.5, 1, 2, 3, 1.5))})

    def _strings(self, depth: int) -> dict[str, Any]:
        small = self._random.randint(0, 2)
        pattern = self._random.choice(_PATTERNS)
        return self._pick({"minLength": small, "maxLength": small + 1, "pattern": pattern})

    def _objects(self, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {"properties": {n: self._inside(depth) for n in self._names_of(1)}}
        if self._random.random() < 0.7:
            made["required"] = self._names_of(1)
        if self._random.random() < 0.5:
            made["additionalProperties"] = self._random.choice((False, self._inside(depth)))
        if self._random.random() < 0.5:
            made["type"] = "object"
        return made

    def _rarer_objects(self, depth: int) -> dict[str, Any]:
        small = self._random.randint(0, 2)
        return self._pick(
            {
                "minProperties": small,
                "maxProperties": small + 1,
                "patternProperties": {self._random.choice(_PATTERNS): self._inside(depth)},
                "propertyNames": self._random.choice((self._strings(0), self._values(0), False)),
                "dependentRequired": {self._random.choice(_NAMES): self._names_of(0)},
                "dependentSchemas": {self._random.choice(_NAMES): self._any(depth)},
            }
        )

    def _arrays(self, depth: int) -> dict[str, Any]:
        small = self._random.randint(0, 2)
        made = self._pick(
            {
                "items": self._inside(depth),
                "prefixItems": [self._inside(depth) for _ in range(self._random.randint(1, 2))],
                "minItems": small,
                "maxItems": small + 1,
                "uniqueItems": self._random.random() < 0.8,
            }
        )
        return {**made, **({"type": "array"} if self._random.random() < 0.4 else {})}

    def _contained(self, depth: int) -> dict[str, Any]:
        small = self._random.randint(0, 2)
        counts = self._pick({"minContains": small, "maxContains": small + 1})
        return {"contains": self._inside(depth), **self._random.choice(({}, counts))}

    def _alternatives(self, depth: int) -> dict[str, Any]:
        keyword = self._random.choice(("anyOf", "oneOf", "allOf", "anyOf", "oneOf"))
        return {keyword: self._some(1, 3, depth)}

    def _tagged(self, depth: int) -> dict[str, Any]:
        tags = self._random.sample(("a", "b", "ab", "c"), 3)
        branches: list[Schema] = []
        for tag in tags:
            tagged = self._random.choice(
                ({"const": tag}, {"enum": [tag, *tags[:1]]}, {"const": tag})
            )
            branch = {"properties": {"a": self._inside(depth - 1), "kind": tagged}}
            if self._random.random() < 0.9:
                branch["required"] = ["kind"]  # type: ignore[assignment]
            branches.append({"type": "object", **branch})
        return {self._random.choice(("anyOf", "oneOf", "oneOf")): branches}

    def _conditions(self, depth: int) -> dict[str, Any]:
        if self._random.random() < 0.5:
            return {"not": self._any(depth)}
        branches = self._pick({"then": self._any(depth), "else": self._any(depth)})
        return {"if": self._any(depth), **branches}

    def _references(self, depth: int) -> dict[str, Any]:
        if self._level >= _DEFS:
            return {}
        # what is made for a part of the value starts at level 0, where all definitions are later
        return {"$ref": f"#/$defs/d{self._random.randint(self._level + 1, _DEFS)}"}

    def _unevaluated(self, depth: int) -> dict[str, Any]:
        keyword = self._random.choice(("unevaluatedProperties", "unevaluatedItems"))
        return {keyword: self._random.choice((False, False, self._inside(depth)))}
