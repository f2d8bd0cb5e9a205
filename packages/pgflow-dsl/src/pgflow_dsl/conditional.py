"""Turn the condition of a step into the data of the manifest, and refuse what makes no sense.

Refused is what can never hold, or always does, by the schemas; what compares values of which the
JSON does not show the order, or has several forms; and a part that does not exist. Next:
`types/domains.py`, what a part can be, and `evaluate.py`, what the data means.
"""

from __future__ import annotations

import datetime as dt
import decimal
import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, assert_never

from pydantic_core import PydanticSerializationError, from_json, to_json

from pgflow_dsl.conditions import (
    AmongValues,
    Asked,
    Compared,
    Constant,
    Containing,
    Joined,
    Length,
    Negated,
    Node,
    OrElse,
    Term,
)
from pgflow_dsl.contradictions import never_together
from pgflow_dsl.location import Location
from pgflow_dsl.source import Attribute, Source
from pgflow_dsl.types.annotations import class_of, shown
from pgflow_dsl.types.assignable import fits
from pgflow_dsl.types.domains import (
    ANYTHING,
    Domain,
    domain_at,
    domain_of,
    length_of,
    may_lack,
    outcomes_of_containing,
    outcomes_of_equality,
    outcomes_of_order,
    without_null,
)
from pgflow_dsl.types.encode import NUL
from pgflow_dsl.types.in_schema import check_in_schema
from pgflow_dsl.types.json_type import JsonType
from pgflow_dsl.types.lens import LensError, look
from pgflow_dsl.types.walk import walk
from pgflow_manifest import (
    AllOf,
    Comparison,
    Condition,
    Contains,
    HandlerSignatureError,
    LengthOperand,
    Not,
    OneOf,
    Operand,
    OperandTest,
    OrElseOperand,
    PayloadInput,
    ResultInput,
    ValueOperand,
)

_MANY_FORMS: Final = (decimal.Decimal, dt.datetime, dt.time, dt.timedelta, uuid.UUID)
"""Classes that can be written in several ways, so that equal values are not equal texts."""
_ONE_FORM_IN_RESULTS: Final = frozenset({uuid.UUID})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """An operand as data, and what it can be."""

    operand: Operand
    domain: Domain
    annotation: Any = None
    """Its type; None where it is no part of a payload or result itself."""
    is_written: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionReader:
    """Reads the condition of one step."""

    location: Location
    type_of: Callable[[Source], JsonType | None]
    """Gives the type of the whole that a source takes (a part of); None where none is known."""
    reads: dict[str, _Read] = field(default_factory=dict[str, _Read], init=False)
    """The operands that it has read, by their JSON."""

    def read(self, node: Node) -> Condition:
        """Return *node* as data of the manifest.

        Raises:
            HandlerSignatureError: a part does not exist, or the condition makes no sense.
        """
        match node:
            case Joined():
                return self._joined(node)
            case Negated():
                return Not(of=self.read(node.of))
            case Asked():
                return self._asked(node)
            case Compared():
                return self._compared(node)
            case AmongValues():
                return self._among(node)
            case Containing():
                return self._containing(node)
            case _:
                assert_never(node)

    def _joined(self, node: Joined) -> Condition:
        parts = tuple(self.read(part) for part in node.of)
        is_and = node.op == "and"
        if (operand := never_together(parts, self._domain_of, wanted=is_and)) is not None:
            self._check_outcomes(node, {not is_and}, self.reads[operand.model_dump_json()])
        return AllOf(op=node.op, of=parts)

    def _domain_of(self, operand: Operand) -> Domain:
        return self.reads[operand.model_dump_json()].domain

    def _asked(self, node: Asked) -> Condition:
        of = self._operand(node.of)
        wanted = None if node.op == "is_null" else True
        outcomes = outcomes_of_equality(of.domain, domain_of(wanted))
        if node.op == "is_true" and not any(v.kind in ("boolean", "any") for v in of.domain):
            self._refuse(node, f"{_type_shown(of)}, which is never exactly true", "compare it")
        self._check_outcomes(node, outcomes, of)
        return OperandTest(op=node.op, of=of.operand)

    def _compared(self, node: Compared) -> Condition:
        left, right = self._operand(node.left), self._operand(node.right)
        for read in (left, right):
            self._check_forms(node, read, is_ordered=node.op not in ("==", "!="))
        if node.op in ("==", "!="):
            outcomes = outcomes_of_equality(left.domain, right.domain)
            if node.op == "!=":
                outcomes = {not outcome for outcome in outcomes}
        else:
            outcomes = outcomes_of_order(node.op, left.domain, right.domain)
        if left.operand == right.operand and node.op not in ("<=", ">="):
            outcomes = {node.op == "=="}
        self._check_outcomes(node, outcomes, left, right)
        return Comparison(op=node.op, left=left.operand, right=right.operand)

    def _among(self, node: AmongValues) -> Condition:
        left = self._operand(node.left)
        self._check_forms(node, left, is_ordered=False)
        values = tuple(self._json(node, value) for value in node.values)
        for value in values:
            if True not in outcomes_of_equality(left.domain, domain_of(value)):
                self._refuse(
                    node,
                    f"{_type_shown(left)}, which is never {value!r}",
                    f"remove {value!r} from the list, or correct it",
                )
        constants = tuple(one for value in values for one in domain_of(value))
        if _surely_among(left.domain, values):
            self._check_outcomes(node, {True}, left)
        self._check_outcomes(node, outcomes_of_equality(left.domain, constants) | {False}, left)
        return OneOf(left=left.operand, values=values)

    def _containing(self, node: Containing) -> Condition:
        left, right = self._operand(node.left), self._operand(node.right)
        for read in (left, right):
            self._check_forms(node, read, is_ordered=False)
        self._check_outcomes(node, outcomes_of_containing(left.domain, right.domain), left, right)
        return Contains(left=left.operand, right=right.operand)

    def _operand(self, term: Term) -> _Read:
        read = self._read_operand(term)
        self.reads[read.operand.model_dump_json()] = read
        return read

    def _read_operand(self, term: Term) -> _Read:
        match term:
            case Constant():
                value = self._json(term, term.value)
                return _Read(operand=ValueOperand(value=value), domain=domain_of(value))
            case Length():
                of = self._operand(term.of)
                if not any(v.kind in ("array", "string", "object", "any") for v in of.domain):
                    self._refuse(term, f"{_type_shown(of)}, which has no length", "compare it")
                return _Read(operand=LengthOperand(length=of.operand), domain=length_of(of.domain))
            case OrElse():
                of = self._operand(term.of)
                default = self._json(term, term.default)
                return _Read(
                    operand=OrElseOperand(or_else=(of.operand, default)),
                    domain=(*without_null(of.domain), *domain_of(default)),
                    annotation=of.annotation,
                    is_written=of.is_written,
                )
            case Source():
                return self._part(term)
            case _:
                assert_never(term)

    def _part(self, source: Source) -> _Read:
        whole = self.type_of(source)
        if whole is None:
            # for a run in memory: what an un-annotated handler returns, by the names as written
            path = tuple(p.name if isinstance(p, Attribute) else _key(p.key) for p in source.parts)
            return _Read(operand=ResultInput(step=source.slug, path=path), domain=ANYTHING)
        is_written = whole.mode == "serialization"
        try:
            lens = look(whole.annotation, source.parts, written=is_written)
            check_in_schema(lens.path, whole)
        except LensError as error:
            hint = error.hint
            if source.parts and whole.may_be_none and source.step is not None:
                hint = (
                    f"{source.slug!r} can be skipped: ask `is_null({source.slug}.result)`, or skip "
                    f"what follows it as well, with `skip_cascade`"
                )
            raise self.location.error(
                HandlerSignatureError,
                f"the condition looks at `{source}`, but {error.text}",
                hint=hint,
                source=str(source),
            ) from None
        domain = domain_at(lens.path, whole.schema)
        operand: Operand = (
            PayloadInput(path=lens.path)
            if source.step is None
            else ResultInput(step=source.slug, path=lens.path)
        )
        default = None if lens.make_default is None else self._json(source, lens.make_default())
        if default is not None and lens.may_be_absent:
            if fits(type(None), lens.annotation):
                self._refuse(
                    source,
                    "a part that can be null and, when it is left out, has another default",
                    "make the default None, or decide in the body of a handler",
                )
            operand = OrElseOperand(or_else=(operand, default))
            domain = (*without_null(domain), *domain_of(default))
        elif lens.may_be_absent or may_lack(lens.path, whole.schema):
            domain = (*domain, *domain_of(None))
        return _Read(
            operand=operand, domain=domain, annotation=lens.annotation, is_written=is_written
        )

    def _json(self, at: object, value: object) -> Any:
        try:
            text = to_json(value, by_alias=True, inf_nan_mode="strings")
            found = from_json(text)
        except (PydanticSerializationError, ValueError):
            self._refuse(
                at, f"a `{type(value).__name__}`, which JSON does not have", "compare JSON"
            )
        if isinstance(value, float) and not math.isfinite(value):
            self._refuse(at, f"{value}, which JSON does not have", "compare with a number")
        if NUL.search(text):
            self._refuse(at, "a text with U+0000, which Postgres cannot hold", "leave it out")
        return found

    def _check_forms(self, node: Node, read: _Read, *, is_ordered: bool) -> None:
        for cls in _classes(read.annotation):
            has_one = read.is_written and cls in _ONE_FORM_IN_RESULTS
            if not issubclass(cls, _MANY_FORMS) or (has_one and not is_ordered):
                continue
            what = "whose texts have no useful order" if is_ordered else "of which JSON has "
            what += "" if is_ordered else "several forms, as 1.0 and 1.00"
            self._refuse(
                node,
                f"a `{cls.__name__}`, {what}",
                "compare it in a handler, and take what that returns in the condition",
            )

    def _check_outcomes(self, node: Node, outcomes: set[bool], *reads: _Read) -> None:
        if len(outcomes) == 2:
            return
        never = outcomes == {False}
        types = " with ".join(_type_shown(read) for read in reads)
        self._refuse(
            node,
            f"{types}, of which it {'never' if never else 'always'} holds",
            "correct the comparison, or the type of what is compared"
            if never
            else "leave the condition out",
        )

    def _refuse(self, at: object, what: str, hint: str) -> NoReturn:
        raise self.location.error(
            HandlerSignatureError,
            f"the condition `{at}` asks about {what}",
            hint=hint,
            condition=str(at),
        )


def _key(key: object) -> str | int:
    return key if isinstance(key, int) else str(key)


def _surely_among(domain: Domain, values: tuple[Any, ...]) -> bool:
    constants = tuple(one for value in values for one in domain_of(value))
    return all(
        part.listed is not None
        and all(True in outcomes_of_equality(domain_of(value), constants) for value in part.listed)
        for part in domain
    )


def _classes(annotation: Any) -> list[type]:
    """Return the classes in a type and in its lists; those of fields are left alone."""
    nodes = [] if annotation is None else [each for each in walk(annotation) if each.owner is None]
    return [cls for each in nodes if (cls := class_of(each.annotation)) is not None]


def _type_shown(read: _Read) -> str:
    if read.annotation is not None:
        return f"`{shown(read.annotation)}`"
    if isinstance(read.operand, ValueOperand):
        return f"the constant {read.operand.value!r}"
    return "a length"
