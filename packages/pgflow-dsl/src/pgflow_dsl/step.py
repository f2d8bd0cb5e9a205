"""A step of a flow: what `@flow.step` and `@flow.map` leave in place of the handler.

Dependents take `step.result`, or `step.each`, as the default of an argument; for each task the
worker calls `decode_args`, the handler, `encode_result`. Not callable, since a call would run with
refs for values: unit tests call `step.fn(...)`. Next: `source.py`, the defaults of arguments.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, Optional, cast

from pgflow_dsl.adoption import unknown_result
from pgflow_dsl.binding import Arguments, Binding, bind_arguments, read_hints
from pgflow_dsl.conditional import ConditionReader
from pgflow_dsl.conduct import Conduct
from pgflow_dsl.handlers import Handler, first_paragraph
from pgflow_dsl.location import Location
from pgflow_dsl.run_error import RunError
from pgflow_dsl.source import Ref, Source, item_of
from pgflow_dsl.types.annotations import awaited_type
from pgflow_dsl.types.bound import R_co, T
from pgflow_dsl.types.encode import ResultEncoder
from pgflow_dsl.types.json_type import (
    JsonType,
    NotYetDefinedError,
    or_null,
    payload_type,
    result_type,
)
from pgflow_manifest import (
    MAX_JSON_DEPTH,
    Condition,
    HandlerSignatureError,
    InferredResult,
    StepKind,
    StepOptions,
)

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
        conduct: Conduct,
        local_names: Mapping[str, Any] | None,
    ) -> None:
        self.slug = slug
        self.options = options
        self.after = after
        self.conduct = conduct
        self.handler = handler
        self.sub_flow: tuple[Flow[Any], Step[Any]] | None = None  # it starts; whose result it has
        self.read_type = result_type  # payload_type where it is what a client sent, as it was sent
        self.seconds: float | None = None  # of a sleep
        self._flow = flow
        self._local_names = local_names
        self._read_hints: Mapping[str, Any] | None = None
        self._inferred: InferredResult | None = None
        self._adopted: Any = None
        self._returned: JsonType | None = None
        self._result: JsonType | None = None
        self._arguments: Arguments | None = None
        self._condition: Condition | None = None
        self._binding: Binding | None = None

    def __repr__(self) -> str:
        return f"<step {self.slug!r} of flow {self._flow.slug!r}>"

    @property
    def result(self) -> R_co:
        """The result, as the default of an argument; `.field` and `[key]` take a part of it."""
        return cast("R_co", Ref(Source(kind="result", flow=self._flow, step=self)))

    @property
    def if_completed(self) -> R_co | None:
        """The result, or None where there is none, as the default in the failure handler."""
        source = Source(kind="result", flow=self._flow, step=self, if_completed=True)
        return cast("R_co | None", Ref(source))

    @property
    def each(self: Step[list[T]]) -> T:
        """One item of the result, as the default in a map step; the same as `each[step.result]`."""
        return cast("T", item_of(Source(kind="result", flow=self._flow, step=self)))

    @property
    def kind(self) -> StepKind:
        """Whether it has one task, one for each item of a list (`map`), or is for a `failure`."""
        return self.handler.kind

    @property
    def has_handler(self) -> bool:
        """Whether a worker runs it; signals, sleeps and sub-flows need none."""
        return self.kind not in ("signal", "sleep", "flow")

    @property
    def fn(self) -> Callable[..., Any]:
        """The handler itself, to be called directly in unit tests."""
        return self.handler.fn

    @property
    def is_async(self) -> bool:
        """Whether calling the handler gives something to await."""
        if self.handler.is_async or not self.handler.says_result:
            return self.handler.is_async
        with self._complaining():
            return awaited_type(self._hints["return"])[1]

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
        """The slugs of the steps that must end first, sorted; none for the failure handler."""
        if self.kind == "failure":
            return ()
        sources = (*self.handler.sources.values(), *self.conduct.sources)
        taken = {source.step.slug for source in sources if source.step is not None}
        return tuple(sorted(taken | {step.slug for step in self.after}))

    @property
    def may_be_null(self) -> bool:
        """Whether the step can be skipped so that those that take its result find None there."""
        conduct = self.conduct
        return conduct.is_skipped_unmet or (
            conduct.on_failure == "skip" and not self.handler.is_map
        )

    @property
    def condition(self) -> Condition | None:
        """What must hold for the step to start, as data of the manifest, if anything must.

        Raises:
            DefinitionError: it looks at what does not exist, or makes no sense.
        """
        with self._complaining():
            return self._read_condition()

    @property
    def known_condition(self) -> Condition | None:
        """The condition, as far as types are known: the rest of it goes unchecked.

        Raises:
            DefinitionError: it looks at what does not exist, or makes no sense.
        """
        if all(self._is_known(source) for source in self.conduct.sources):
            return self.condition
        with self._complaining():
            return self._condition_as_far_as_known()

    @property
    def location(self) -> Location:
        """Where the handler is written."""
        return self.handler.location

    @property
    def needs_inference(self) -> bool:
        """Whether nothing says what the handler returns: no annotation, and no adopted type."""
        return self._inferred is None and not self.handler.says_result

    @property
    def inferred(self) -> InferredResult | None:
        """The adopted type of the result, where the handler has no return annotation."""
        return self._inferred

    @property
    def is_typed(self) -> bool:
        """Whether the result and all arguments have their types, annotated or inferred."""
        return not self.needs_inference and self._typed_sources() == list(self.sources)

    @property
    def binding(self) -> Binding:
        """The types of the handler, found on first use.

        Raises:
            DefinitionError: an annotation is wrong, or names something that does not exist.
            ResultTypeError: nothing says what the handler returns, or one whose result it takes.
        """
        if self._binding is not None:
            return self._binding  # for every task; the rest is for the first
        with self._complaining():
            return self._bound()

    @property
    def known_arguments(self) -> Arguments:
        """Those arguments whose sources have a type: all of them, once the step is typed.

        Raises:
            DefinitionError: an annotation is wrong, or names something that does not exist.
        """
        with self._complaining():
            return self._bound_as_far_as_known()

    def check_early(self) -> None:
        """Check what can be checked now: names may not be defined, types not be inferred yet.

        Raises:
            DefinitionError: an annotation is wrong.
        """
        try:
            self._bound_as_far_as_known()
            if all(self._is_known(source) for source in self.conduct.sources):
                self._read_condition()
        except NotYetDefinedError:
            return

    def result_json_type(self) -> JsonType:
        """Return the type of the whole result, which of a map step is a list.

        Raises:
            ResultTypeError: it has no exact JSON form, or nothing says what it is.
            NotYetDefinedError: its annotation names something that is not defined yet.
        """
        if self._result is None:
            whole = self._returned_json_type()
            if self.handler.is_map:
                item: Any = whole.annotation
                if self.conduct.on_failure == "skip":
                    item = Optional[item]  # noqa: UP045 - built at run time
                whole = self.read_type(list.__class_getitem__(item), self.location)
            self._result = whole
        return self._result

    def _returned_json_type(self) -> JsonType:
        """Return the type of what one call of the handler returns."""
        if self._returned is None:
            if self.needs_inference:
                raise unknown_result(self.handler)
            annotation = self._adopted
            if self.handler.says_result:
                annotation, _ = awaited_type(self._hints["return"])
            self._returned = self.read_type(annotation, self.location)
        return self._returned

    def adopt(self, inferred: InferredResult, annotation: Any) -> None:
        """Take *annotation*, which *inferred* stands for, as the type that the handler returns."""
        self._inferred, self._adopted = inferred, annotation

    def forget_types(self) -> None:
        """Drop what is known about types: one that this step depends on was adopted."""
        self._result = self._returned = self._arguments = self._binding = None
        self._condition = None

    def _may_be_skipped(self) -> bool:
        """Return whether the step can end without a result: by itself, or since a dep cascades."""
        waiting: list[Step[Any]] = [self]
        seen = {self.slug}
        while waiting:
            step = waiting.pop()
            if step.conduct.may_cascade:
                return True
            waiting += [self._flow.steps[slug] for slug in step.deps if slug not in seen]
            seen.update(step.deps)
        return self.may_be_null

    def _bound(self) -> Binding:
        if self._binding is None:
            result, returned = self.result_json_type(), self._returned_json_type()
            types = {name: self._type_of(source) for name, source in self.sources.items()}
            arguments = bind_arguments(self.handler, self._hints, types)
            self._binding = Binding(
                result=result,
                returned=returned,
                paths=arguments.paths,
                over=arguments.over,
                annotations=arguments.annotations,
                decoder=arguments.decoder,
                encoder=ResultEncoder(
                    returned,
                    self.handler.title,
                    # the list around it is one more
                    levels=MAX_JSON_DEPTH - self.handler.is_map,
                ),
            )
        return self._binding

    def _bound_as_far_as_known(self) -> Arguments:
        if self.is_typed:
            return self._bound()
        if self._arguments is None:
            if not self.needs_inference:
                self.result_json_type()
            types = {name: self._type_of(self.sources[name]) for name in self._typed_sources()}
            self._arguments = bind_arguments(self.handler, self._hints, types)
        return self._arguments

    def _typed_sources(self) -> list[str]:
        return [name for name, source in self.sources.items() if self._is_known(source)]

    def _read_condition(self) -> Condition | None:
        if self._condition is None and self.conduct.when is not None:
            reader = ConditionReader(location=self.location, type_of=self._type_of)
            self._condition = reader.read(self.conduct.when)
        return self._condition

    def _condition_as_far_as_known(self) -> Condition | None:
        reader = ConditionReader(
            location=self.location,
            type_of=lambda source: self._type_of(source) if self._is_known(source) else None,
        )
        return None if self.conduct.when is None else reader.read(self.conduct.when)

    @staticmethod
    def _is_known(source: Source) -> bool:
        return source.step is None or not source.step.needs_inference

    def _type_of(self, source: Source) -> JsonType:
        if source.whole.kind == "error":
            return payload_type(RunError, self.location)
        if source.step is None:
            return self._flow.payload_json_type()
        result = source.step.result_json_type()
        return or_null(result) if source.if_completed or source.step.may_be_null else result

    @property
    def _hints(self) -> Mapping[str, Any]:
        if self._read_hints is None:
            self._read_hints = read_hints(self.handler, self._local_names)
            self._local_names = None
        return self._read_hints

    @contextmanager
    def _complaining(self) -> Generator[None]:
        """Say of a name that is still not defined that it never will be."""
        try:
            yield
        except NotYetDefinedError as error:
            raise self.location.error(
                HandlerSignatureError,
                f"an annotation cannot be resolved: {error.name}",
                hint="import or define the name at module level, not under `TYPE_CHECKING`",
            ) from error

    def decode_args(self, args: bytes | str) -> dict[str, Any]:
        """Return the handler's keyword arguments, the context aside, in the handler's types.

        Args:
            args: the JSON text of the object that `claim_tasks` gives for one task; of a map step,
                with (parts of) its item in it.

        Raises:
            ArgumentsInvalidError: a value does not fit (PF605).
        """
        return self.binding.decoder.decode(args)

    def encode_result(self, value: object) -> bytes:
        """Return the JSON text of what the handler returned for one task.

        Raises:
            ResultNotSerializableError: not of the declared type, or nothing that jsonb can hold
                (PF601).
        """
        return self.binding.encoder.encode(value)

    def decode_result(self, result: bytes | str) -> R_co:
        """Return the whole result that *result*, its JSON text, stands for; of a map, the list.

        None for null where the step can be skipped.

        Raises:
            pydantic.ValidationError: it does not fit the declared type.
        """
        if result in (b"null", "null") and self._may_be_skipped():
            return cast("R_co", None)
        return cast("R_co", self.binding.result.adapter.validate_json(result))
