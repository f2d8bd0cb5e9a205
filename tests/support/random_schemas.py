"""Random JSON Schemas, such as nobody writes, and values for them: for the generators of clients.

Keys are words that languages reserve, and definitions refer to each other. `schema_fuzz/` has those
for the validator.
"""

import random
from collections.abc import Callable, Mapping
from typing import Any, Final

_KEYS: Final = ("a", "b", "class", "a-b", "int")
_SCALARS: Final = (None, True, False, 0, 1, -3, 2.5, "", "a", "b", "x")
_KINDS: Final = ("null", "boolean", "integer", "number", "string", "object", "array")
_FLAT: Final[tuple[Any, ...]] = (True, {}, {"type": "string"}, {"type": "integer"}, {"const": "a"})
_MAX_DEPTH: Final = 3

_Part = Callable[[int, bool], dict[str, Any]]


class RandomSchemas:
    """Makes the same schemas and values again from the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._parts: Mapping[str, _Part] = {
            "kind": self._kind,
            "object": self._object,
            "array": self._array,
            "values": self._values,
            "combined": self._combined,
            "ref": self._ref,
        }

    def schema(self) -> dict[str, Any]:
        """Return a document with definitions; recursion is only through objects and arrays."""
        definitions = {name: self._schema(1, False) for name in "ABC"}
        return {**self._schema(0, False), "$defs": definitions}

    def values(self, count: int) -> list[Any]:
        """Return values, few of which fit one schema, yet enough."""
        return [self._value(0) for _ in range(count)]

    def _value(self, depth: int) -> Any:
        kind = self._random.randrange(10 if depth < _MAX_DEPTH else 6)
        if kind < 6:
            return self._random.choice(_SCALARS)
        if kind < 8:
            return [self._value(depth + 1) for _ in range(self._random.randrange(4))]
        return {key: self._value(depth + 1) for key in self._some(_KEYS, 3)}

    def _schema(self, depth: int, in_container: bool) -> Any:
        """Return a schema; one that may be a reference if it stands in an object or array."""
        if depth > _MAX_DEPTH:
            return self._random.choice(_FLAT)
        if depth and self._random.random() < 0.05:
            return self._random.random() < 0.7
        schema: dict[str, Any] = {}
        for name in self._random.choices([*self._parts], [3, 2, 2, 2, 3, 1], k=self._few(3)):
            schema |= self._parts[name](depth, in_container)
        return schema

    def _kind(self, depth: int, in_container: bool) -> dict[str, Any]:
        several = self._random.random() < 0.2
        return {"type": self._random.sample(_KINDS, 2) if several else self._random.choice(_KINDS)}

    def _object(self, depth: int, in_container: bool) -> dict[str, Any]:
        return self._chosen(
            {
                "type": "object",
                "properties": {key: self._schema(depth + 1, True) for key in self._some(_KEYS, 3)},
                "required": self._some(_KEYS, 2),
                "additionalProperties": self._schema(depth + 1, True),
                "patternProperties": {"^a": self._schema(depth + 1, True)},
                "title": self._random.choice(("Order", "List")),
            }
        )

    def _array(self, depth: int, in_container: bool) -> dict[str, Any]:
        prefix = [self._schema(depth + 1, True) for _ in range(self._few(2))]
        return self._chosen(
            {
                "type": "array",
                "items": self._schema(depth + 1, True),
                "prefixItems": prefix,
                "minItems": self._random.randrange(3),
                "maxItems": self._random.randrange(3),
            }
        )

    def _values(self, depth: int, in_container: bool) -> dict[str, Any]:
        values = self._some((*_SCALARS, [1], {"a": 1}), 4) or ["a"]
        return {"const": values[0]} if self._random.random() < 0.3 else {"enum": values}

    def _combined(self, depth: int, in_container: bool) -> dict[str, Any]:
        keyword = self._random.choice(("anyOf", "oneOf", "allOf", "not", "if"))
        if keyword == "not":
            return {"not": self._schema(depth + 1, in_container)}
        if keyword == "if":
            return {key: self._schema(depth + 1, in_container) for key in ("if", "then", "else")}
        return {keyword: [self._schema(depth + 1, in_container) for _ in range(self._few(3))]}

    def _ref(self, depth: int, in_container: bool) -> dict[str, Any]:
        return {"$ref": f"#/$defs/{self._random.choice('ABC')}"} if in_container else {}

    def _chosen(self, keywords: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in keywords.items() if self._random.random() < 0.6}

    def _some(self, choices: Any, most: int) -> list[Any]:
        return self._random.sample(choices, self._random.randrange(most + 1))

    def _few(self, most: int) -> int:
        return self._random.randrange(most) + 1
