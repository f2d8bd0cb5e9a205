"""Write the result of a handler as JSON that Postgres can store as `jsonb`, or say why not.

jsonb is narrower than JSON, and JSON is narrower than Python. What would be lost or would make
Postgres refuse a whole batch is refused here, alone. The common case costs a few microseconds:
one call into pydantic-core and byte searches. Next: `decode.py`, the way back.
"""

import dataclasses
import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final, cast

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

from pgflow_dsl.types.annotations import shown
from pgflow_dsl.types.json_type import JsonType
from pgflow_manifest import MAX_JSON_DEPTH, ResultNotSerializableError

MAX_BYTES: Final = 268_435_455
"""What jsonb can hold in one array, object or string."""

MAX_DIGITS: Final = 4_300
"""Digits that pydantic, and Python itself, read back; `numeric` would hold 131,072."""

NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""U+0000 in JSON, which jsonb cannot hold."""
_REPLACED: Final = "\N{REPLACEMENT CHARACTER}".encode() * 3
"""What pydantic writes for a lone surrogate in a key; in a value it raises."""
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"')
_LONG_NUMBER: Final = re.compile(rb"\d{%d}" % (MAX_DIGITS + 1))
_ONLY_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")
_UNEXPECTED: Final = re.compile(
    r"Expected `(?P<expected>.+?)` - serialized value may not be as expected "
    r"\[(?:field_name='(?P<field>[^']*)', )?input_value=.*?input_type=(?P<found>\w+)\]"
)


class ResultEncoder:
    """Write values of one type as JSON text.

    Args:
        json_type: the declared type of the result.
        what: whose it is, as errors say it, such as "step 'merge' of flow 'voice_memo'".
        subject: what the values are, as errors say it.
        levels: how deeply values may nest.
    """

    __slots__ = (
        "_declared",
        "_levels",
        "_may_be_deep",
        "_may_be_non_finite",
        "_may_be_none",
        "_subject",
        "_to_json",
        "_what",
    )

    def __init__(
        self,
        json_type: JsonType,
        what: str,
        subject: str = "the result",
        *,
        levels: int = MAX_JSON_DEPTH,
    ) -> None:
        self._to_json = cast("Callable[..., bytes]", json_type.adapter.serializer.to_json)
        self._declared = shown(json_type.annotation)
        self._may_be_non_finite = json_type.may_be_non_finite
        self._may_be_deep = json_type.may_be_deep
        self._may_be_none = json_type.may_be_none
        self._levels = levels
        self._what = what
        self._subject = subject

    def encode(self, value: object) -> bytes:
        r"""Return *value* as JSON.

        Raises:
            ResultNotSerializableError: another type than the declared one, inf or nan, `\u0000`,
                a lone surrogate, or more digits, levels or bytes than jsonb holds.
        """
        try:
            text = self._to_json(value, by_alias=True, warnings="error")
        except Exception as error:
            raise self._refused_by_pydantic(value, error) from error
        if value is None and not self._may_be_none:
            # pydantic writes null for None whatever was declared.
            raise self._error(
                f"it is None where `{self._declared}` was declared",
                "return a value on every path, or declare `| None`",
            )
        if b"\\u0000" in text and NUL.search(text):
            raise self._error(
                "a text in it holds the character \\u0000, which Postgres cannot store",
                'remove it, as in `text.replace("\\0", "")`',
            )
        if (
            self._may_be_non_finite
            and (b"null" in text or b"NaN" in text or b"Infinity" in text)
            and holds_non_finite(value)
        ):
            raise self._error(
                "it holds inf or nan, which JSON cannot hold",
                "return None or a text for values that are not finite",
            )
        if _REPLACED in text and holds_lone_surrogate(value):
            raise self._lone_surrogate()
        if self._may_be_deep and text.count(b"[") + text.count(b"{") > self._levels:
            self._check_depth(text)
        if len(text) > MAX_DIGITS:
            self._check_size(text)
        return text

    def _check_depth(self, text: bytes) -> None:
        if depth_of(text, at_most=self._levels) > self._levels:
            raise self._too_deep()

    def _check_size(self, text: bytes) -> None:
        if len(text) > MAX_BYTES:
            raise self._error(
                f"it takes {len(text):,} bytes of JSON; jsonb holds at most {MAX_BYTES:,}",
                "store it elsewhere, such as in a file or a table, and return where it is",
            )
        # A number that long has a digit at one of these places; they are looked at in no time.
        if not any(48 <= byte <= 57 for byte in text[MAX_DIGITS::MAX_DIGITS]):
            return
        if _LONG_NUMBER.search(text) and _LONG_NUMBER.search(_STRING.sub(b"", text)):
            raise self._error(
                f"a number in it has more than {MAX_DIGITS:,} digits, too many to read it back",
                "return it as text",
            )

    def _too_deep(self) -> ResultNotSerializableError:
        return self._error(
            f"it is nested more than {self._levels} levels deep",
            "return a flatter form, such as a list of nodes with the ids of their parents",
        )

    def _lone_surrogate(self) -> ResultNotSerializableError:
        return self._error(
            "a text in it holds a lone surrogate, which is no valid Unicode",
            'clean it, as in `text.encode(errors="replace").decode()`',
        )

    def _refused_by_pydantic(self, value: object, error: Exception) -> ResultNotSerializableError:
        text = str(error)
        if "depth exceeded" in text or isinstance(error, RecursionError):
            return self._too_deep()
        if "Circular reference" in text:
            return self._error("it holds itself", "return data without a circle")
        if "surrogates not allowed" in text:
            return self._lone_surrogate()
        if (found := _UNEXPECTED.search(text)) is not None:
            where = f"its field {found['field']!r}" if found["field"] else "it"
            if isinstance(error, PydanticSerializationError) and not found["field"]:
                where = "it" if found["found"] == type(value).__name__ else "a part of it"
            return self._error(
                f"{where} is a `{found['found']}` where `{found['expected']}` was declared",
                "return what the annotation says, or correct the annotation",
            )
        return self._error(
            f"it could not be written as JSON ({type(error).__name__}: {_first_line(text)})",
            "return what the annotation says, or correct the annotation",
        )

    def _error(self, text: str, hint: str) -> ResultNotSerializableError:
        return ResultNotSerializableError(
            f"{self._what}: {self._subject} cannot be stored as `{self._declared}`: {text}",
            hint=hint,
            details={"what": self._what, "declared": self._declared},
        )


def _first_line(text: str) -> str:
    line = text.strip().split("\n", 1)[0]
    return line if len(line) <= 200 else line[:200] + "…"


def depth_of(text: bytes, *, at_most: int) -> int:
    """Return how deeply *text* nests arrays and objects, or *at_most* + 1 when deeper.

    Strips one level a pass, in C: no recursion that deep input could exhaust.
    """
    brackets = _STRING.sub(b"", text).translate(_ONE_KIND, _ONLY_BRACKETS)
    depth = 0
    while brackets and depth <= at_most:
        brackets = brackets.replace(b"[]", b"")
        depth += 1
    return depth


def holds_non_finite(value: object) -> bool:
    """Whether *value* or a part of it is inf or nan."""
    return any(
        (isinstance(part, float) and not math.isfinite(part))
        or (isinstance(part, Decimal) and not part.is_finite())
        for part in _walk(value)
    )


def holds_lone_surrogate(value: object) -> bool:
    """Whether a text in *value*, keys included, is no valid Unicode."""
    return any(
        isinstance(part, str) and any("\ud800" <= character <= "\udfff" for character in part)
        for part in _walk(value)
    )


def _walk(value: object) -> Iterator[object]:
    pending: list[Any] = [value]
    seen: set[int] = set()
    while pending:
        item = pending.pop()
        yield item
        if not isinstance(item, str | int | float | bytes | None) and id(item) not in seen:
            seen.add(id(item))
            pending.extend(_parts(item))


def _parts(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return [*item, *item.values()]
    if isinstance(item, list | tuple | set | frozenset):
        return list(cast("list[Any]", item))
    if isinstance(item, BaseModel):
        return [*vars(item).values(), *(item.__pydantic_extra__ or {}).values()]
    if dataclasses.is_dataclass(item):
        return [getattr(item, field.name) for field in dataclasses.fields(item)]
    return []
