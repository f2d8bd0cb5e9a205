"""Read the arguments of a handler from JSON, straight into the handler's types.

One validator for all arguments of a step, built once: a call costs about as much as pydantic takes
for the values themselves. Next: `../binding.py`, which puts the types together.
"""

from collections.abc import Callable, Mapping
from typing import Any, Optional, cast

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from pgflow_dsl.types.json_type import adapter_for
from pgflow_dsl.types.lens import MakeDefault
from pgflow_manifest import ArgumentsInvalidError


class ArgumentDecoder:
    """Read the JSON object of a step's arguments.

    Args:
        annotations: the types of the parameters, by name.
        defaults: what to pass for a null, for parts of a payload that need not be there.
        what: how errors call it, such as "step 'merge' of flow 'voice_memo'".
    """

    __slots__ = ("_defaults", "_validate", "_what")

    def __init__(
        self, annotations: Mapping[str, Any], defaults: Mapping[str, MakeDefault], what: str
    ) -> None:
        fields = {
            name: Optional[annotation] if name in defaults else annotation  # noqa: UP045 - strings
            for name, annotation in annotations.items()
        }
        made = TypedDict("Arguments", fields)  # type: ignore[misc]  # the fields are known now only
        adapter = cast("TypeAdapter[dict[str, Any]]", adapter_for(made))
        self._validate = cast("Callable[..., dict[str, Any]]", adapter.validator.validate_json)
        self._defaults = tuple(defaults.items())
        self._what = what

    def decode(self, args: bytes | str) -> dict[str, Any]:
        """Return the keyword arguments that *args*, the text of a JSON object, holds.

        Raises:
            ArgumentsInvalidError: what does not fit, with its JSON pointer.
        """
        try:
            arguments = self._validate(args)
        except ValidationError as error:
            raise self._refused(error) from error
        for name, make_default in self._defaults:
            if arguments[name] is None:
                arguments[name] = make_default()
        return arguments

    def _refused(self, error: ValidationError) -> ArgumentsInvalidError:
        problems = problems_of(error)
        return ArgumentsInvalidError(
            f"{self._what}: the arguments do not fit the types of the handler: {listed(error)}",
            hint="deploy the flow and restart the workers if a type was changed; otherwise give "
            "the argument the type of its source",
            details={"errors": [{"at": at, "message": text} for at, text in problems]},
        )


def problems_of(error: ValidationError) -> list[tuple[str, str]]:
    """Return each problem with its JSON pointer; values, which may be secret, are left out."""
    return [
        ("".join(f"/{part}" for part in item["loc"]), item["msg"])
        for item in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def listed(error: ValidationError) -> str:
    """Return the problems on one line, each after its JSON pointer."""
    return "; ".join(f"{at or '/'}: {text}" for at, text in problems_of(error))
