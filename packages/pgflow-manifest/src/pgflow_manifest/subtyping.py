"""Is every value of one JSON Schema a value of another one?

The question behind every change of a payload or a result: whoever wrote values for the old schema,
are they still right? Written for draft 2020-12 as pydantic emits it. A yes is always true; where a
schema says something that is not compared here, the answer is a no that admits it.

A schema is taken apart into cases, each of one type and without a choice; a case fits the other
schema when it fits each of its keywords. References may be recursive: what is being asked already
is taken for true one level down, since values end somewhere.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from pgflow_manifest.schema_keywords import (
    Case,
    SchemaDifference,
    uncompared,
    unmet_number,
    unmet_string,
    with_article,
)
from pgflow_manifest.schema_parts import (
    TYPES,
    Schema,
    UnknownPartError,
    canonical,
    contains_reference,
    is_object,
    item_schemas,
    literal_values,
    resolve,
    types_of,
)
from pgflow_manifest.schema_values import fits

_MAX_CASES: Final = 256
_MAX_QUESTIONS: Final = 20_000


def schema_difference(
    narrow: Schema, wide: Schema, *, only_named: bool = False
) -> SchemaDifference | None:
    """Return why not every value of *narrow* is one of *wide*; None when every one is.

    Args:
        narrow: the schema whose values are asked about.
        wide: the schema that they must fit.
        only_named: ask only about objects without properties that *narrow* does not name. A typed
            program writes no others, and pydantic's schemas allow any others.
    """
    asking = _Asking(narrow, wide, only_named=only_named)
    try:
        return asking.ask((narrow,), wide, "")
    except UnknownPartError as error:
        return SchemaDifference(at="", reason=error.reason, is_certain=False)
    except RecursionError:
        return SchemaDifference(at="", reason="it nests too deeply", is_certain=False)


class _Asking:
    """One question, with everything that was asked on the way to its answer."""

    def __init__(self, narrow: Schema, wide: Schema, *, only_named: bool) -> None:
        self._narrow = narrow
        self._wide = wide
        self._only_named = only_named
        self._assumed: dict[tuple[bytes, bytes], int] = {}
        self._level = 0
        self._questions = 0

    def ask(self, parts: tuple[Schema, ...], wide: Schema, at: str) -> SchemaDifference | None:
        """Return why not all values that fit each of *parts* fit *wide*."""
        self._questions += 1
        if self._questions > _MAX_QUESTIONS:
            raise UnknownPartError("there are too many cases to compare")
        if wide is True or wide == {} or False in [part for part in parts if part is False]:
            return None
        parts = _distinct(parts)
        key = (canonical(parts), canonical(wide))
        assumed_at = self._assumed.get(key)
        if assumed_at is not None:
            if assumed_at < self._level:
                return None
            raise UnknownPartError("a reference leads back to itself")
        self._assumed[key] = self._level
        try:
            for case in self._cases(parts):
                if (found := self._ask_case(case, wide, at)) is not None:
                    return found
            return None
        finally:
            del self._assumed[key]

    def _below(
        self, parts: tuple[Schema, ...], wide: Schema, at: str, *keys: str
    ) -> SchemaDifference | None:
        self._level += 1
        try:
            return self.ask(parts, wide, _pointer(at, *keys))
        finally:
            self._level -= 1

    def _cases(self, parts: tuple[Schema, ...]) -> Iterator[Case]:
        """Take the values of *parts* apart; what fits none is left out where that is seen."""
        for count, nodes in enumerate(self._alternatives(list(parts), 0)):
            if count >= _MAX_CASES:
                raise UnknownPartError("there are too many cases to compare")
            allowed = _common_types(nodes)
            literals = next(filter(None, (literal_values(node) for node in nodes)), None)
            if literals is not None:
                for value in literals:
                    if all(fits(self._narrow, part, value) is not False for part in parts):
                        yield Case("literal", ({"const": value},), parts)
                continue
            for each in sorted(allowed):
                few: dict[str, list[Any]] = {"null": [None], "boolean": [False, True]}
                for value in few.get(each, ()):
                    if all(fits(self._narrow, part, value) is not False for part in parts):
                        yield Case("literal", ({"const": value},), parts)
                if each not in ("null", "boolean"):
                    yield Case(each, tuple(nodes), parts)

    def _alternatives(self, parts: list[Schema], depth: int) -> Iterator[list[dict[str, Any]]]:
        """Follow references and multiply choices out: each answer is free of both."""
        if depth > _MAX_CASES:
            raise UnknownPartError("a reference leads back to itself")
        for index, part in enumerate(parts):
            if part is False:
                return
            if "$id" in part if is_object(part) else False:
                raise UnknownPartError(
                    "the schema has an $id, so that references may lead elsewhere"
                )
            if part is True:
                yield from self._alternatives(parts[:index] + parts[index + 1 :], depth + 1)
                return
            others = parts[:index] + parts[index + 1 :]
            if "$ref" in part:
                target = resolve(self._narrow, part["$ref"])
                yield from self._alternatives([*others, target, _without(part, "$ref")], depth + 1)
                return
            if "allOf" in part:
                rest = _without(part, "allOf")
                yield from self._alternatives([*others, *part["allOf"], rest], depth + 1)
                return
            for keyword in ("anyOf", "oneOf"):
                if keyword in part:
                    rest = _without(part, keyword)
                    for choice in part[keyword]:
                        yield from self._alternatives([*others, choice, rest], depth + 1)
                    return
        yield parts

    def _ask_case(self, case: Case, wide: Schema, at: str) -> SchemaDifference | None:
        if wide is True:
            return None
        if case.type == "literal":
            return self._ask_literal(case.nodes[0]["const"], wide, at)
        if wide is False:
            return SchemaDifference(at=at, reason=f"no {case.type} is accepted any more")
        if not contains_reference(wide) and canonical(wide) in [
            canonical(part) for part in (*case.parts, *case.nodes) if not contains_reference(part)
        ]:
            return None
        return next(filter(None, self._unmet(case, wide, at)), None)

    def _ask_literal(self, value: Any, wide: Schema, at: str) -> SchemaDifference | None:
        answer = fits(self._wide, wide, value)
        if answer:
            return None
        told = canonical(value).decode()
        told = told if len(told) <= 60 else f"{told[:59]}…"
        if answer is None:
            return SchemaDifference(
                at=at, reason=f"the value {told} may not be accepted", is_certain=False
            )
        return SchemaDifference(at=at, reason=f"the value {told} is not accepted")

    def _unmet(
        self, case: Case, wide: dict[str, Any], at: str
    ) -> Iterator[SchemaDifference | None]:
        """Hold a case against each keyword of *wide*, the cheap ones first."""
        yield self._unmet_type(case, wide, at)
        if literal_values(wide) is not None:
            yield SchemaDifference(at=at, reason="only certain values are accepted")
        if case.type in ("number", "integer"):
            yield from unmet_number(case, wide, at)
        elif case.type == "string":
            yield from unmet_string(case, wide, at)
        elif case.type == "array":
            yield from self._unmet_array(case, wide, at)
        elif case.type == "object":
            yield from self._unmet_object(case, wide, at)
        if "$ref" in wide:
            yield self._same_level(case, resolve(self._wide, wide["$ref"]), at)
        for part in wide.get("allOf", ()):
            yield self._same_level(case, part, at)
        if "anyOf" in wide:
            yield self._unmet_choice(case, wide["anyOf"], at)
        if "oneOf" in wide:
            yield self._unmet_one_of(case, wide["oneOf"], at)
        yield from uncompared(case, wide, at)

    def _same_level(self, case: Case, wide: Schema, at: str) -> SchemaDifference | None:
        return self.ask((*case.nodes, {"type": case.type}), wide, at)

    def _unmet_type(self, case: Case, wide: dict[str, Any], at: str) -> SchemaDifference | None:
        allowed = types_of(wide)
        if case.type in allowed or (case.type == "integer" and "number" in allowed):
            return None
        told = " or ".join(sorted(allowed))
        return SchemaDifference(
            at=at, reason=f"{with_article(case.type)} is not accepted, only {told}"
        )

    def _unmet_choice(
        self, case: Case, choices: Sequence[Schema], at: str
    ) -> SchemaDifference | None:
        found: list[SchemaDifference] = []
        for choice in choices:
            difference = self._same_level(case, choice, at)
            if difference is None:
                return None
            found.append(difference)
        # the choice that comes nearest is the one that is told
        nearest = max(found, key=lambda each: len(each.at), default=None)
        if nearest is not None and nearest.at != at:
            return nearest
        sure = all(each.is_certain for each in found)
        reason = f"{with_article(case.type)} that was accepted fits none of the choices"
        return SchemaDifference(at=at, reason=reason, is_certain=sure)

    def _unmet_one_of(
        self, case: Case, choices: Sequence[Schema], at: str
    ) -> SchemaDifference | None:
        """Prove that exactly one fits: one does, and the others are of other types or tags."""
        if (found := self._unmet_choice(case, choices, at)) is not None:
            return found
        chosen = next(
            index for index, each in enumerate(choices) if self._same_level(case, each, at) is None
        )
        if all(self._excludes(case, each) for each in (*choices[:chosen], *choices[chosen + 1 :])):
            return None
        reason = "more than one of the choices of oneOf may fit"
        return SchemaDifference(at=at, reason=reason, is_certain=False)

    def _excludes(self, case: Case, other: Schema) -> bool:
        """Whether it is plain that no value of the case fits *other*: by type, or by a tag."""
        while is_object(other) and "$ref" in other:
            other = resolve(self._wide, other["$ref"])
        if other is False:
            return True
        if not is_object(other):
            return False
        kinds = types_of(other)
        related = {
            case.type,
            *(("number", "integer") if case.type in ("number", "integer") else ()),
        }
        if not kinds & related:
            return True
        if case.type != "object":
            return False
        required = {name for node in case.nodes for name in node.get("required", ())}
        for name, tag in other.get("properties", {}).items():
            wanted = literal_values(tag) if is_object(tag) else None
            if name not in required or wanted is None:
                continue
            for node in case.nodes:
                own = node.get("properties", {}).get(name)
                values = literal_values(own) if is_object(own) else None
                if values is not None and all(fits({}, tag, value) is False for value in values):
                    return True
        return False

    def _unmet_array(
        self, case: Case, wide: dict[str, Any], at: str
    ) -> Iterator[SchemaDifference | None]:
        least, most = case.least("minItems"), case.most("maxItems")
        if least < wide.get("minItems", 0):
            yield SchemaDifference(at=at, reason=f"at least {wide['minItems']} items are required")
        if most > wide.get("maxItems", math.inf):
            yield SchemaDifference(at=at, reason=f"at most {wide['maxItems']} items are accepted")
        is_unique = any(node.get("uniqueItems") for node in case.nodes)
        if wide.get("uniqueItems") and most > 1 and not is_unique:
            yield SchemaDifference(at=at, reason="equal items are not accepted")
        if "items" not in wide and "prefixItems" not in wide:
            return
        prefix = max(len(node.get("prefixItems", ())) for node in (*case.nodes, wide))
        for index in range(prefix + 1):
            if most > index:
                keys = ("prefixItems", str(index)) if index < prefix else ("items",)
                own = tuple(item_schemas(node, index) for node in case.nodes)
                yield self._below(own, item_schemas(wide, index), at, *keys)

    def _unmet_object(
        self, case: Case, wide: dict[str, Any], at: str
    ) -> Iterator[SchemaDifference | None]:
        required = {name for node in case.nodes for name in node.get("required", ())}
        for name in wide.get("required", ()):
            if name not in required:
                yield SchemaDifference(at=at, reason=f"property {name!r} is required")
        named = wide.get("properties", {})
        own_names = {name for node in case.nodes for name in node.get("properties", {})}
        rest = tuple(self._rest(node) for node in case.nodes)
        is_closed = any(each is False for each in rest)
        is_typed = self._only_named and bool(own_names) and all(each is True for each in rest)
        if max(case.least("minProperties"), len(required)) < wide.get("minProperties", 0):
            least = wide["minProperties"]
            yield SchemaDifference(at=at, reason=f"at least {least} properties are required")
        most = min(case.most("maxProperties"), len(own_names) if is_closed else math.inf)
        if most > wide.get("maxProperties", math.inf):
            most = wide["maxProperties"]
            yield SchemaDifference(at=at, reason=f"at most {most} properties are accepted")
        if wide.get("patternProperties"):
            yield SchemaDifference(at=at, reason="patternProperties", is_certain=False)
            return
        others = wide.get("additionalProperties", True)
        for name in sorted(named.keys() | own_names):
            own = tuple(self._property(node, name) for node in case.nodes)
            if name not in own_names and is_typed:
                continue
            yield self._below(own, named.get(name, others), at, "properties", name)
        if is_typed:
            return
        yield self._below(rest, others, at, "additionalProperties")

    def _rest(self, node: dict[str, Any]) -> Schema:
        """What a property without a name must be; true where a pattern may say more."""
        return True if node.get("patternProperties") else node.get("additionalProperties", True)

    def _property(self, node: dict[str, Any], name: str) -> Schema:
        return node.get("properties", {}).get(name, self._rest(node))


def _common_types(nodes: Iterable[dict[str, Any]]) -> frozenset[str]:
    allowed = TYPES
    for node in nodes:
        own = types_of(node)
        both = allowed & own
        is_whole = "integer" in allowed | own and "number" in allowed | own
        allowed = both | {"integer"} if is_whole and "number" not in both else both
    return allowed


def _distinct(parts: Iterable[Schema]) -> tuple[Schema, ...]:
    """Leave out what says nothing or was said, so that the same question looks the same."""
    kept = {canonical(part): part for part in parts if part is not True and part != {}}
    return tuple(kept[key] for key in sorted(kept))


def _without(schema: dict[str, Any], keyword: str) -> dict[str, Any]:
    """Leave *keyword* out, and what depends on it: alone it would say more than it did."""
    gone = (keyword, "unevaluatedProperties", "unevaluatedItems")
    return {key: part for key, part in schema.items() if key not in gone}


def _pointer(at: str, *keys: str) -> str:
    return at + "".join(f"/{key.replace('~', '~0').replace('/', '~1')}" for key in keys)
