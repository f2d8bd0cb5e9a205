"""Turn a payload into JSON text that Postgres can store, or say where it cannot.

Nothing here recurses, so a payload of any depth is judged without a risk for the interpreter.
Text is escaped to ASCII: it survives any client encoding of the connection.
"""

import json.encoder
import math
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, Final, NoReturn, cast

from pgflow_client.json_value import pointer_to, shorten
from pgflow_manifest import MAX_JSON_DEPTH, NotStorableError

_NUMERIC_DIGITS: Final = 131_072
_NUMERIC_BITS: Final = int(_NUMERIC_DIGITS * math.log2(10))
_escaped = json.encoder.encode_basestring_ascii


class _Frame:
    """One array or object that is being written."""

    __slots__ = ("at", "closing", "is_object", "members")

    def __init__(self, members: Iterator[tuple[Any, Any]], *, is_object: bool) -> None:
        self.members = members
        self.is_object = is_object
        self.closing = "}" if is_object else "]"
        self.at: str | int | None = None


class _RefusalError(Exception):
    """Some value cannot be stored; told apart from errors of the serialisers."""

    def __init__(self, at: str, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.at = at
        self.problem = problem
        self.hint = hint


def encode_payload(payload: object, *, what: str = "the payload") -> str:
    """Return the JSON text of *payload*: a JSON value, a model, a dataclass or a mix of them.

    Models and dataclasses are serialised as pydantic does, by alias. Errors call it *what*.

    Raises:
        NotStorableError: PF208 with the JSON pointer of the first value that jsonb cannot hold.
    """
    try:
        return _encode(payload)
    except _RefusalError as refusal:
        shown = shorten(refusal.at) if refusal.at else "the top"
        raise NotStorableError(
            f"{what} cannot be stored: at {shown}, {refusal.problem}",
            hint=refusal.hint,
            details={"at": refusal.at, "message": refusal.problem},
        ) from None


def _encode(payload: object) -> str:
    written: list[str] = []
    stack: list[_Frame] = []
    value: Any = payload
    while True:
        _write(value, written, stack)
        while stack:
            frame = stack[-1]
            member = next(frame.members, None)
            if member is None:
                written.append(frame.closing)
                stack.pop()
                continue
            key, value = member
            if frame.at is not None:
                written.append(",")
            if frame.is_object:
                written.append(_key(key, stack))
            frame.at = key
            break
        else:
            return "".join(written)


def _write(value: Any, written: list[str], stack: list[_Frame]) -> None:
    """Write one scalar, or open the array or object that *value* is."""
    while True:
        if isinstance(value, Enum):
            value = value.value
        elif isinstance(value, str):
            written.append(_text(value, stack))
            return
        elif value is None or value is True or value is False:
            written.append("null" if value is None else "true" if value else "false")
            return
        elif isinstance(value, int):
            written.append(_integer(value, stack))
            return
        elif isinstance(value, float):
            if not math.isfinite(value):
                _refuse(stack, f"{value} is not a JSON number", hint="use null")
            written.append(float.__repr__(value))
            return
        elif isinstance(value, Mapping):
            mapping = cast("Mapping[object, Any]", value)
            _open(_Frame(iter(mapping.items()), is_object=True), written, stack)
            return
        elif isinstance(value, list | tuple):
            items = cast("Iterable[Any]", value)
            _open(_Frame(iter(enumerate(items)), is_object=False), written, stack)
            return
        else:
            value = _jsonable(value, stack)


def _open(frame: _Frame, written: list[str], stack: list[_Frame]) -> None:
    if len(stack) == MAX_JSON_DEPTH:
        _refuse(stack, f"it nests deeper than {MAX_JSON_DEPTH} levels", hint="store it flatter")
    written.append("{" if frame.is_object else "[")
    stack.append(frame)


def _key(key: Any, stack: list[_Frame]) -> str:
    if not isinstance(key, str):
        name = type(cast("object", key)).__name__
        _refuse(
            stack[:-1],
            f"a key is of type {name}, and JSON has only text there",
            hint="convert the keys to str",
        )
    if (problem := _text_problem(key)) is not None:
        _refuse(stack[:-1], f"the key {shorten(ascii(key), 80)} {problem}", hint="rename the key")
    return f"{_escaped(key)}:"


def _text(text: str, stack: list[_Frame]) -> str:
    if (problem := _text_problem(text)) is not None:
        _refuse(stack, f"a text {problem}", hint="remove the character before sending")
    return _escaped(text)


def _text_problem(text: str) -> str | None:
    if "\x00" in text:
        return r"holds \u0000, which Postgres cannot store"
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"holds the lone surrogate {text[error.start]!a}, which is no character"
    return None


def _integer(value: int, stack: list[_Frame]) -> str:
    hint = "send it as text"
    if value.bit_length() > _NUMERIC_BITS:
        _refuse(stack, f"a number has more than {_NUMERIC_DIGITS} digits", hint=hint)
    try:
        return int.__repr__(value)
    except ValueError as error:
        # Python would not read it back either.
        _refuse(stack, f"a number has too many digits ({error})", hint=hint)


def _jsonable(value: object, stack: list[_Frame]) -> Any:
    """Let pydantic serialise what is no JSON value by itself."""
    name = type(value).__name__
    if isinstance(value, bytes | bytearray | memoryview):
        _refuse(stack, f"{name} has no JSON form", hint="send text, such as base64")
    if isinstance(value, Decimal) and (
        not value.is_finite() or value.adjusted() >= _NUMERIC_DIGITS
    ):
        _refuse(stack, "a Decimal is not a number that Postgres can store", hint="send it as text")
    # Late: most payloads are plain JSON, and need no pydantic.
    from pgflow_client.serialize import to_jsonable  # noqa: PLC0415

    try:
        return to_jsonable(value)
    except (ValueError, TypeError, RecursionError) as error:
        _refuse(
            stack,
            f"a value of type {name} has no JSON form ({shorten(str(error))})",
            hint="convert it to text, numbers, lists and dicts",
        )


def _refuse(stack: list[_Frame], problem: str, *, hint: str) -> NoReturn:
    at = pointer_to(*(frame.at for frame in stack if frame.at is not None))
    raise _RefusalError(at, problem, hint)
