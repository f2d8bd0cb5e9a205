"""A step of a flow: what `@flow.step` leaves in place of the handler.

Dependents take `step.result` as the default of an argument; the worker calls `decode_args`, the
handler, `encode_result`. Not callable, since a call would run with refs for values: unit tests call
`step.fn(...)`. Next: `source.py`, the defaults of arguments.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, cast

from pgflow_dsl.binding import Binding, bind
from pgflow_dsl.handlers import Handler
from pgflow_dsl.location import Location
from pgflow_dsl.source import Ref, Source
from pgflow_dsl.types.bound import R_co
from pgflow_dsl.types.json_type import JsonType, NotYetDefinedError
from pgflow_manifest import HandlerSignatureError, StepOptions

if TYPE_CHECKING:
    from pgflow_dsl.flow import Flow


class Step(Generic[R_co]):
    """One node of a flow: a handler, where its arguments come from, and its options."""

    def __init__(
        self,
        *,
        slug: str,
        flow: Flow[Any],
        handler: Handler,
        options: StepOptions,
        after: tuple[Step[Any], ...],
        local_names: Mapping[str, Any] | None,
    ) -> None:
        self.slug = slug
        self.options = options
        self.after = after
        self.handler = handler
        self._flow = flow
        self._binding: Binding | None = None
        self._local_names = local_names

    def __repr__(self) -> str:
        return f"<step {self.slug!r} of flow {self._flow.slug!r}>"

    @property
    def result(self) -> R_co:
        """The result, as the default of an argument; `.field` and `[key]` take a part of it."""
        return cast("R_co", Ref(Source(kind="result", flow=self._flow, step=self)))

    @property
    def fn(self) -> Callable[..., Any]:
        """The handler itself, to be called directly in unit tests."""
        return self.handler.fn

    @property
    def is_async(self) -> bool:
        """Whether calling the handler gives something to await."""
        return self.handler.is_async or self.binding.returns_awaitable

    @property
    def flow_slug(self) -> str:
        """The slug of the flow that the step belongs to."""
        return self._flow.slug

    @property
    def description(self) -> str:
        """The first paragraph of the handler's docstring."""
        return first_paragraph(inspect.getdoc(self.fn))

    @property
    def sources(self) -> Mapping[str, Source]:
        """Where each argument comes from, by parameter name; without the context."""
        return self.handler.sources

    @property
    def context_parameter(self) -> str | None:
        """The parameter that takes the `StepContext`, if one does."""
        return self.handler.context_parameter

    @property
    def deps(self) -> tuple[str, ...]:
        """The slugs of the steps that must complete first, sorted."""
        sources = self.handler.sources.values()
        taken = {source.step.slug for source in sources if source.step is not None}
        return tuple(sorted(taken | {step.slug for step in self.after}))

    @property
    def location(self) -> Location:
        """Where the handler is written."""
        return self.handler.location

    @property
    def binding(self) -> Binding:
        """The types of the handler, found on first use.

        Raises:
            DefinitionError: an annotation is wrong, or names something that does not exist.
        """
        if self._binding is None:
            try:
                self._bind()
            except NotYetDefinedError as error:
                raise self.location.error(
                    HandlerSignatureError,
                    f"an annotation cannot be resolved: {error.name}",
                    hint="import or define the name at module level, not under `TYPE_CHECKING`",
                ) from error
        return cast("Binding", self._binding)

    def bind_early(self) -> None:
        """Check the types now, unless they name something that is not defined yet.

        Raises:
            DefinitionError: an annotation is wrong.
        """
        try:
            self._bind()
        except NotYetDefinedError:
            return

    def _bind(self) -> None:
        if self._binding is None:
            self._binding = bind(self.handler, self._type_of, self._local_names)
            self._local_names = None

    def _type_of(self, source: Source) -> JsonType:
        if source.step is None:
            return self._flow.payload_json_type()
        return source.step.result_json_type()

    def result_json_type(self) -> JsonType:
        """Return the type of the result; raises `NotYetDefinedError`."""
        self._bind()
        return cast("Binding", self._binding).result

    def decode_args(self, args: bytes | str) -> dict[str, Any]:
        """Return the handler's keyword arguments, the context aside, in the handler's types.

        Args:
            args: the JSON text of the object that `claim_tasks` gives.

        Raises:
            ArgumentsInvalidError: a value does not fit (PF605).
        """
        return self.binding.decoder.decode(args)

    def encode_result(self, value: object) -> bytes:
        """Return the JSON text of what the handler returned.

        Raises:
            ResultNotSerializableError: not of the declared type, or nothing that jsonb can hold
                (PF601).
        """
        return self.binding.encoder.encode(value)

    def decode_result(self, result: bytes | str) -> R_co:
        """Return the result that *result*, its JSON text, stands for.

        Raises:
            pydantic.ValidationError: it does not fit the declared type.
        """
        return cast("R_co", self.binding.result.adapter.validate_json(result))


def first_paragraph(text: str | None) -> str:
    """Return the first paragraph of a docstring on one line, or an empty text."""
    return " ".join((text or "").split("\n\n", 1)[0].split())
