"""Turn the options of `Flow(...)` and `@flow.step(...)` into those of the manifest.

The ranges are those of `pgflow_manifest.models`; here an option that is out of range becomes an
error at the line that says it.
"""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from pgflow_dsl.location import Location
from pgflow_manifest import FlowOptions, OptionOutOfRangeError, StepOptions

_OptionsT = TypeVar("_OptionsT", bound=BaseModel)
_IN_MANIFEST = {
    "max_attempts": "max_attempts",
    "base_delay": "base_delay_seconds",
    "max_delay": "max_delay_seconds",
    "jitter": "jitter",
    "backoff": "backoff",
    "timeout": "timeout_seconds",
    "start_delay": "start_delay_seconds",
    "deadline": "deadline_seconds",
    "max_payload_bytes": "max_payload_bytes",
    "max_result_bytes": "max_result_bytes",
}
_RANGES = {
    "max_attempts": "a whole number from 1 to 1,000",
    "base_delay": "seconds from 0 to 86,400 (a day)",
    "max_delay": "seconds from 0 to 2,592,000 (30 days)",
    "jitter": "a share from 0 to 1",
    "backoff": "'exponential', where each delay is twice the one before, or 'fixed'",
    "start_delay": "seconds from 0 to 31,536,000 (a year)",
    "deadline": "seconds above 0 and up to 315,360,000 (ten years), or None for no limit",
    "timeout": "seconds above 0 and up to 31,536,000 (a year), or None for no limit",
    "max_payload_bytes": "a whole number of bytes from 1 to 268,435,455",
    "max_result_bytes": "a whole number of bytes from 1 to 268,435,455",
}


def flow_options(location: Location, **options: Any) -> FlowOptions:
    """Return the options of a flow; raises `OptionOutOfRangeError`."""
    return _options(FlowOptions, location, options)


def step_options(location: Location, **options: Any) -> StepOptions:
    """Return the options of a step, None meaning that of the flow; raises as `flow_options`."""
    return _options(StepOptions, location, options)


def _options(kind: type[_OptionsT], location: Location, options: dict[str, Any]) -> _OptionsT:
    values = {_IN_MANIFEST[name]: value for name, value in options.items()}
    try:
        return kind.model_validate(values, strict=True)
    except ValidationError as error:
        at = error.errors(include_url=False)[0]["loc"][0]
    name = next(name for name, field in _IN_MANIFEST.items() if field == at)
    raise location.error(
        OptionOutOfRangeError,
        f"{name}={options[name]!r} is out of range",
        hint=f"{name} takes {_RANGES[name]}",
        option=name,
    )
