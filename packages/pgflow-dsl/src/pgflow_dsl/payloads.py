"""Write a payload as JSON, for `flow.test` and `flow.run`.

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


def payload_document(flow: Flow[Any], payload: Any) -> Any:
    """Return *payload* as JSON values: dicts, lists, text, numbers, truth and None.

    Raises:
        PayloadInvalidError: it does not fit the payload type of *flow*.
    """
    json_type = flow.payload_json_type()
    read = cast("Callable[[bytes], object]", json_type.adapter.validate_json)
    try:
        text = ResultEncoder(json_type, f"flow {flow.slug!r}", "the payload").encode(payload)
    except ResultNotSerializableError as error:
        if not isinstance(payload, dict | list):
            raise PayloadInvalidError(error.message, hint=error.hint) from error
        text = to_json(payload)
    try:
        read(text)
    except ValidationError as error:
        problems = problems_of(error)
        raise PayloadInvalidError(
            f"flow {flow.slug!r}: the payload does not fit its type: {listed(error)}",
            hint="pass a value of the payload type, or a dict with the keys of its JSON",
            details={"errors": [{"at": at, "message": problem} for at, problem in problems]},
        ) from error
    return from_json(text)
