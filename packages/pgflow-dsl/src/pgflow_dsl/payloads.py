"""Write a payload as JSON, for `flow.test`, its signals, and `flow.run`.

A payload comes as a value of its type, or as plain JSON, as a client in another language would send
it. Either way it is read back once: what does not fit is told before anything starts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from pgflow_dsl.types.decode import listed, problems_of
from pgflow_dsl.types.encode import ResultEncoder
from pgflow_manifest import PayloadInvalidError, ResultNotSerializableError

if TYPE_CHECKING:
    from pgflow_dsl.flow import Flow
    from pgflow_dsl.types.json_type import JsonType


def payload_document(flow: Flow[Any], payload: Any) -> Any:
    """Return *payload* as JSON values: dicts, lists, text, numbers, truth and None.

    Raises:
        PayloadInvalidError: it does not fit the payload type of *flow*.
    """
    return stored(payload, flow.payload_json_type(), f"flow {flow.slug!r}", "the payload")[0]


def stored(value: Any, json_type: JsonType, whose: str, what: str) -> tuple[Any, Any]:
    """Return *value* as JSON values, and as it is read back.

    Args:
        value: of the type, or plain JSON.
        json_type: what it must fit.
        whose: it is, as errors say it, such as "flow 'voice_memo'".
        what: it is, as errors say it.

    Raises:
        PayloadInvalidError: it does not fit.
    """
    read = cast("Callable[[bytes], object]", json_type.adapter.validate_json)
    try:
        text = ResultEncoder(json_type, whose, what).encode(value)
    except ResultNotSerializableError as error:
        if not isinstance(value, dict | list):
            raise PayloadInvalidError(error.message, hint=error.hint) from error
        text = to_json(value)
    try:
        again = read(text)
    except ValidationError as error:
        problems = problems_of(error)
        raise PayloadInvalidError(
            f"{whose}: {what} does not fit its type: {listed(error)}",
            hint="pass a value of the payload type, or a dict with the keys of its JSON",
            details={"errors": [{"at": at, "message": problem} for at, problem in problems]},
        ) from error
    return from_json(text), again
