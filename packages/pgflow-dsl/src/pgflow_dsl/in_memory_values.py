"""What a run in memory knows: its payload, and what its steps have returned so far.

A result is kept twice: as JSON, from which typed arguments are read as they are in production, and
read back, as `TestRun` gives it. What an un-annotated handler returned, while its type was not
inferred, is kept as it is. Next: `in_memory_run.py`, which fills this.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from pgflow_dsl.evaluate import part_at
from pgflow_dsl.source import Attribute, Source
from pgflow_dsl.step import Step
from pgflow_dsl.types.decode import listed, problems_of
from pgflow_dsl.types.untyped import check_json_form
from pgflow_manifest import ArgumentsInvalidError, PayloadInput, ResultInput, ResultInvalidError


@dataclass(frozen=True, slots=True)
class Kept:
    """What one task came to."""

    value: Any
    """Read back from JSON; as the handler returned it where no type is known."""
    document: Any
    """Its JSON; None where no type is known."""


NOTHING: Final = Kept(None, None)
"""What stands for a step that was skipped, or for an item of a map that failed."""


class Values:
    """The payload and the results of one run."""

    def __init__(self, payload: Any) -> None:
        self.results: dict[str, Any] = {}
        self._documents: dict[str, Any] = {}
        self._payload = payload
        self.error: Any = None
        """Why the run failed, as JSON, for the failure handler."""

    def checked(self, step: Step[Any], value: object) -> Kept:
        """Return what the handler of *step* returned as it is kept.

        Raises:
            ResultNotSerializableError: JSON cannot hold it.
            ResultInvalidError: it does not fit its own type.
        """
        if step.needs_inference:
            check_json_form(value, step.handler.title)
            return Kept(value, None)
        text = step.encode_result(value)
        return Kept(_read_back(step, text), from_json(text))

    def keep(self, step: Step[Any], result: Kept | Sequence[Kept]) -> None:
        """Take in the result of *step*; of a map step what its tasks came to, in order."""
        if isinstance(result, Kept):
            self.results[step.slug], self._documents[step.slug] = result.value, result.document
            return
        self.results[step.slug] = [each.value for each in result]
        self._documents[step.slug] = [each.document for each in result]

    def kept(self, step: Step[Any]) -> Kept:
        """Return the result of *step*, which has ended."""
        return Kept(self.results[step.slug], self._documents[step.slug])

    def keep_null(self, step: Step[Any]) -> None:
        """Take in that *step* was skipped: null stands for its result."""
        self.keep(step, NOTHING)

    def look_up(self, place: PayloadInput | ResultInput) -> Any:
        """Return the JSON value at *place*, for conditions; None where there is none."""
        if isinstance(place, PayloadInput):
            return part_at(self._payload, place.path)
        document = self._documents.get(place.step)
        if document is None:
            # of no known type: by the names of its fields, which is how the condition has them
            whole = to_json(self.results.get(place.step), by_alias=False)
            document = from_json(whole)
        return part_at(document, place.path)

    def items(self, step: Step[Any], over: Source) -> Sequence[Any]:
        """Return the list that map step *step* goes over, as JSON where its type is known.

        Raises:
            ArgumentsInvalidError: there is no list.
        """
        path = step.known_arguments.over
        if path is not None:
            found = part_at(self._whole(over), path)
        else:
            found = _taken(self.results.get(over.slug), f"{step.handler.title}: the map", over)
        if not isinstance(found, list | tuple):
            raise ArgumentsInvalidError(
                f"{step.handler.title}: the map goes over `{over}`, where there is no list but "
                f"a `{type(found).__name__}`",
                hint="go over a list that is always there, such as the result of a step",
            )
        return cast("Sequence[Any]", found)

    def arguments(self, step: Step[Any], item: Any) -> dict[str, Any]:
        """Return the arguments of the handler, the context aside.

        Args:
            step: whose handler it is.
            item: the one of `items` that a task of a map step works on.

        Raises:
            ArgumentsInvalidError: a value does not fit the type of its argument, or is not there.
        """
        known = step.known_arguments
        parts: dict[str, Any] = {}
        untyped: dict[str, Any] = {}
        for name, source in step.sources.items():
            of_item = source.over is not None
            if name in known.paths:
                parts[name] = part_at(item if of_item else self._whole(source), known.paths[name])
            else:
                whole = item if of_item else self.results.get(source.slug)
                untyped[name] = copy.deepcopy(_taken(whole, f"argument {name!r}", source))
        return {**known.decoder.decode(to_json(parts)), **untyped}

    def _whole(self, source: Source) -> Any:
        if source.kind == "error":
            return self.error
        return self._payload if source.step is None else self._documents.get(source.slug)


def _read_back(step: Step[Any], text: bytes) -> Any:
    """Return the result as dependents see it; the database checks it by its schema (PF606)."""
    try:
        return step.binding.returned.adapter.validate_json(text)
    except ValidationError as error:
        raise ResultInvalidError(
            f"step {step.slug!r}: the result does not fit its own type: {listed(error)}",
            hint="return what the annotation says, or correct the annotation",
            details={"errors": [{"at": at, "message": text} for at, text in problems_of(error)]},
        ) from error


def _taken(whole: Any, what: str, source: Source) -> Any:
    """Return what *source* takes from a result, or item, of which no type is known."""
    taken = whole
    for part in source.parts:
        try:
            taken = getattr(taken, part.name) if isinstance(part, Attribute) else taken[part.key]
        except (AttributeError, LookupError, TypeError) as error:
            raise ArgumentsInvalidError(
                f"{what} takes `{source}`, which the result does not have: {error}",
                hint="take a part that is there, or the whole",
            ) from error
    return taken
