"""The keywords of a JSON Schema that hold no further schemas, against values of one type.

For subtyping.py, which asks itself where a keyword does hold further schemas.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from pgflow_manifest.schema_parts import (
    ANNOTATIONS,
    Schema,
    bounds,
    canonical,
    contains_reference,
)

_GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "not": ("not",),
    "if": ("if", "then", "else"),
    "contains": ("contains", "minContains", "maxContains"),
    "propertyNames": ("propertyNames",),
    "dependentRequired": ("dependentRequired",),
    "dependentSchemas": ("dependentSchemas",),
}
"""Keywords that are compared by their text, with those that they work together with."""

_WITHOUT_A_MAIN_ONE: Final = frozenset(["then", "else", "minContains", "maxContains"])
_COMPARED: Final = frozenset(
    [
        *("$ref", "allOf", "anyOf", "oneOf", "type", "const", "enum"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minLength", "maxLength", "pattern"),
        *("minItems", "maxItems", "uniqueItems", "items", "prefixItems"),
        *("properties", "required", "additionalProperties", "minProperties", "maxProperties"),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaDifference:
    """Why not every value of one schema is a value of another."""

    at: str
    """JSON pointer into the schemas, references followed; empty for the top."""
    reason: str
    is_certain: bool = True
    """False when something is not compared here: then it may be that all values fit."""

    def __str__(self) -> str:
        told = f"at {self.at or 'the top'}, {self.reason}"
        return told if self.is_certain else f"{told} (not compared, so taken as a difference)"


@dataclass(frozen=True, slots=True)
class Case:
    """Values of one type that fit every one of some schemas, which have no choices any more."""

    type: str
    nodes: tuple[dict[str, Any], ...]
    parts: tuple[Schema, ...]
    """What they were taken from, for comparison as a whole."""

    def least(self, keyword: str) -> float:
        """Return the highest of the lower limits under *keyword*; 0 without one."""
        """Return the highest of the lower limits under *keyword*; 0 without one."""
        return max(bounds(iter(self.nodes), keyword), default=0)

    def most(self, keyword: str) -> float:
        """Return the lowest of the upper limits under *keyword*; infinity without one."""
        """Return the lowest of the upper limits under *keyword*; infinity without one."""
        return min(bounds(iter(self.nodes), keyword), default=math.inf)


def unmet_number(case: Case, wide: dict[str, Any], at: str) -> Iterator[SchemaDifference]:
    """Hold numbers against the bounds of *wide*."""
    for keyword in ("minimum", "exclusiveMinimum"):
        if keyword in wide and _lower(case.nodes, case.type) < _lower((wide,), case.type, keyword):
            yield SchemaDifference(at=at, reason=f"{keyword} is {wide[keyword]}")
    for keyword in ("maximum", "exclusiveMaximum"):
        if keyword in wide and _upper(case.nodes, case.type) > _upper((wide,), case.type, keyword):
            yield SchemaDifference(at=at, reason=f"{keyword} is {wide[keyword]}")
    if "multipleOf" in wide:
        divisor = wide["multipleOf"]
        own = bounds(iter(case.nodes), "multipleOf")
        own += [1] if case.type == "integer" else []
        whole = [each for each in own if isinstance(each, int) and isinstance(divisor, int)]
        if divisor not in own and not any(each % divisor == 0 for each in whole):
            yield SchemaDifference(at=at, reason=f"only multiples of {divisor} are accepted")


def _lower(nodes: Iterable[dict[str, Any]], kind: str, *only: str) -> tuple[float, int]:
    """The highest lower bound, with 1 when it is itself excluded; whole for integers."""
    found: list[tuple[float, int]] = [(-math.inf, 0)]
    for node in nodes:
        for keyword, is_out in (("minimum", 0), ("exclusiveMinimum", 1)):
            if keyword in node and (not only or keyword in only):
                bound = node[keyword]
                if kind == "integer":
                    found.append((math.floor(bound) + 1 if is_out else math.ceil(bound), 0))
                else:
                    found.append((bound, is_out))
    return max(found)


def _upper(nodes: Iterable[dict[str, Any]], kind: str, *only: str) -> tuple[float, int]:
    """The lowest upper bound, with -1 when it is itself excluded; whole for integers."""
    found: list[tuple[float, int]] = [(math.inf, 0)]
    for node in nodes:
        for keyword, is_out in (("maximum", 0), ("exclusiveMaximum", -1)):
            if keyword in node and (not only or keyword in only):
                bound = node[keyword]
                if kind == "integer":
                    found.append((math.ceil(bound) - 1 if is_out else math.floor(bound), 0))
                else:
                    found.append((bound, is_out))
    return min(found)


def unmet_string(case: Case, wide: dict[str, Any], at: str) -> Iterator[SchemaDifference]:
    """Hold texts against lengths and pattern of *wide*."""
    if case.least("minLength") < wide.get("minLength", 0):
        yield SchemaDifference(at=at, reason=f"minLength is {wide['minLength']}")
    if case.most("maxLength") > wide.get("maxLength", math.inf):
        yield SchemaDifference(at=at, reason=f"maxLength is {wide['maxLength']}")
    if "pattern" in wide:
        own = bounds(iter(case.nodes), "pattern")
        if wide["pattern"] not in own:
            # one pattern may accept what another does; who adds one refuses something for sure
            reason = f"the pattern {wide['pattern']!r} is required"
            yield SchemaDifference(at=at, reason=reason, is_certain=not own)


def uncompared(case: Case, wide: dict[str, Any], at: str) -> Iterator[SchemaDifference]:
    """Keywords that are only compared as they stand."""
    known = _COMPARED | ANNOTATIONS | {"patternProperties"}
    for keyword in sorted(wide.keys() - known):
        if keyword in _WITHOUT_A_MAIN_ONE:
            continue
        group = _GROUPS.get(keyword)
        if group is not None and any(_same_group(node, wide, group) for node in case.nodes):
            continue
        yield SchemaDifference(at=at, reason=f"{keyword} is not compared", is_certain=False)


def _same_group(node: dict[str, Any], wide: dict[str, Any], group: tuple[str, ...]) -> bool:
    ours = {key: node[key] for key in group if key in node}
    theirs = {key: wide[key] for key in group if key in wide}
    return not contains_reference(theirs) and canonical(ours) == canonical(theirs)


def with_article(kind: str) -> str:
    """Return the name of a type for a sentence: `an object`."""
    """Return the name of a type for a sentence: `an object`."""
    return f"an {kind}" if kind[0] in "aeio" else f"a {kind}"
