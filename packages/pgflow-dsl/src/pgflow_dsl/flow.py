"""`Flow`: the object a flow module is about.

    flow = Flow("voice_memo", payload=VoiceMemo)

    @flow.step
    async def transcribe(memo: VoiceMemo = flow.payload) -> Transcription: ...

    @flow.step(max_attempts=5)
    def capitalize(text: str = transcribe.result.transcription) -> str: ...

Every argument names its source as its default. Next: `making_steps.py`, which has the decorators,
`defining.py`, then `step.py`, `source.py`, `handlers.py`, `binding.py`, `conditions.py` and
`compile.py`.
"""

from collections.abc import Coroutine, Mapping
from datetime import datetime
from typing import Any, Generic, cast, overload
from uuid import UUID

from pgflow_dsl.adoption import adopt_types, inferred_in
from pgflow_dsl.compile import compile_flow
from pgflow_dsl.context import StepContext
from pgflow_dsl.defining import check_slug
from pgflow_dsl.in_memory import (
    Replacements,
    Signals,
    TestRun,
    run_in_memory,
    run_in_memory_blocking,
)
from pgflow_dsl.location import location_of_caller
from pgflow_dsl.making_steps import MakesSteps
from pgflow_dsl.making_sub_flow_maps import MakesSubFlowMaps
from pgflow_dsl.options import flow_options
from pgflow_dsl.run_error import RunError
from pgflow_dsl.running import (
    AsyncStartedRun,
    StartedRun,
    StartsRuns,
    StartsRunsAsync,
    start_run,
)
from pgflow_dsl.source import Ref, Source
from pgflow_dsl.step import Step
from pgflow_dsl.types.bound import I
from pgflow_dsl.types.json_type import JsonType, NotYetDefinedError, payload_type
from pgflow_dsl.waiting_steps import WaitingSteps
from pgflow_manifest import (
    DEFAULT_MAX_BYTES,
    Backoff,
    DefinitionError,
    FlowSpec,
    InferredResult,
    Manifest,
    ResultTypeError,
)


class Flow(MakesSteps, WaitingSteps, MakesSubFlowMaps, Generic[I]):
    """Define a DAG of steps, once, for workers, clients and the database.

    Args:
        slug: the name in the database; letters, digits and underscores.
        payload: the type of what a run starts with: a pydantic model, a dataclass, a TypedDict or
            a JSON type.
        description: for people, such as in `pgflow status`.
        max_attempts: how often a task is tried in all.
        base_delay: seconds before the second attempt.
        max_delay: the most seconds between two attempts.
        backoff: whether the delay doubles with each attempt (`exponential`) or is `fixed`.
        jitter: the share of the delay that is random, 0 to 1.
        timeout: the seconds one attempt may take; None for as long as it likes.
        deadline: the seconds a run may take in all, before it fails; None for as long as it likes.
        max_payload_bytes: how large a payload may be as jsonb; a run with a larger one is refused.
        max_result_bytes: how large a result may be as jsonb; a step with a larger one fails.
        client_startable: whether the role `pgflow_client` may start runs.

    Raises:
        InvalidSlugError: *slug* breaks the slug rule.
        OptionOutOfRangeError: an option is out of range.
        ResultTypeError: *payload* has no exact JSON form.
    """

    def __init__(
        self,
        slug: str,
        *,
        payload: type[I],
        description: str = "",
        max_attempts: int = 3,
        base_delay: float = 1.0,
        max_delay: float = 300.0,
        backoff: Backoff = "exponential",
        jitter: float = 0.5,
        timeout: float | None = None,
        deadline: float | None = None,
        max_payload_bytes: int = DEFAULT_MAX_BYTES,
        max_result_bytes: int = DEFAULT_MAX_BYTES,
        client_startable: bool = False,
    ) -> None:
        self.location = location_of_caller(slug)
        check_slug(slug, self.location)
        self.slug = slug
        self.payload_type = payload
        self.description = description
        self.client_startable = client_startable
        self.options = flow_options(
            self.location,
            max_attempts=max_attempts,
            base_delay=base_delay,
            max_delay=max_delay,
            backoff=backoff,
            jitter=jitter,
            timeout=timeout,
            deadline=deadline,
            max_payload_bytes=max_payload_bytes,
            max_result_bytes=max_result_bytes,
        )
        self.steps = {}
        self._payload_json_type: JsonType | None = None
        try:
            self.payload_json_type()
        except NotYetDefinedError:
            # Checked again once the module is complete: see `check`.
            self._payload_json_type = None

    def __repr__(self) -> str:
        return f"<flow {self.slug!r}>"

    @property
    def payload(self) -> I:
        """The payload, as the default of an argument; `.field` and `[key]` take a part of it."""
        return cast("I", Ref(Source(kind="payload", flow=self)))

    @property
    def context(self) -> StepContext:
        """The context of the attempt, as the default of an argument."""
        return cast("StepContext", Ref(Source(kind="context", flow=self)))

    @property
    def error(self) -> RunError:
        """Why the run failed, as the default of an argument of the failure handler."""
        return cast("RunError", Ref(Source(kind="error", flow=self)))

    def payload_json_type(self) -> JsonType:
        """Return the type of the payload with its schema; raises `NotYetDefinedError`."""
        if self._payload_json_type is None:
            self._payload_json_type = payload_type(self.payload_type, self.location)
        return self._payload_json_type

    @property
    def steps_to_infer(self) -> tuple[Step[Any], ...]:
        """The steps of which nothing says what they return, in topological order."""
        # A source exists before the step that takes it, so the order of definition is one.
        return tuple(step for step in self.steps.values() if step.needs_inference)

    def adopt_types(self, inferred: Mapping[str, InferredResult]) -> None:
        """Take over the result types of handlers without a return annotation.

        Those of handlers with one are left alone: the annotation holds.

        Args:
            inferred: by slug of the step, what was inferred.

        Raises:
            DefinitionError: the handler was changed since, or is not there any more.
            ResultTypeError: a class of the type does not exist any more.
        """
        adopt_types(self, inferred)

    def adopt_manifest(self, manifest: Manifest) -> None:
        """Take over the result types that *manifest* holds for handlers without an annotation.

        Raises:
            DefinitionError: the manifest is older than a handler, or does not know it.
            ResultTypeError: a class of a type does not exist any more.
        """
        adopt_types(self, inferred_in(manifest, self))

    def check(self, *, uninferred_is_fine: bool = False) -> None:
        """Check what could not be checked while the module was being imported.

        Args:
            uninferred_is_fine: whether handlers may lack both an annotation and an inferred type;
                what depends on it goes unchecked.

        Raises:
            DefinitionError: a subclass says what is wrong.
        """
        try:
            self.payload_json_type()
        except NotYetDefinedError as error:
            raise self.location.error(
                ResultTypeError,
                f"the payload type cannot be resolved: {error.name}",
                hint="import or define the name at module level, not under `TYPE_CHECKING`",
            ) from error
        if all(step.kind == "failure" for step in self.steps.values()):
            raise self.location.error(
                DefinitionError,
                "the flow has no steps",
                hint="write `@flow.step` above a handler",
            )
        for step in self.steps.values():
            _ = step.known_arguments if uninferred_is_fine else step.binding
            _ = step.known_condition if uninferred_is_fine else step.condition

    def compile(self) -> FlowSpec:
        """Return what stands in the manifest about this flow, with digests.

        Raises:
            DefinitionError: the definition is wrong; see `check`.
        """
        self.check()
        return compile_flow(self)

    @overload
    def run(
        self, payload: I, *, client: StartsRuns, run_id: UUID | str | None = None
    ) -> StartedRun: ...

    @overload
    def run(
        self, payload: I, *, client: StartsRunsAsync, run_id: UUID | str | None = None
    ) -> Coroutine[Any, Any, AsyncStartedRun]: ...

    def run(
        self, payload: I, *, client: Any, run_id: UUID | str | None = None
    ) -> StartedRun | Coroutine[Any, Any, AsyncStartedRun]:
        """Start a run, typed by the payload; what its steps return comes typed by the steps.

        For code that may import the handlers. Other code starts runs by the client alone.

        Args:
            payload: what the run starts with.
            client: a `pgflow_client.Client`, or an `AsyncClient`, whose run is to be awaited.
            run_id: the id it shall have, so that starting twice is noticed.

        Raises:
            PayloadInvalidError: *payload* does not fit its type. Nothing was sent.
            PgflowError: what the `start` of the client raises.
        """
        return start_run(self, payload, client, run_id)

    def test(
        self,
        payload: I,
        *,
        replace: Replacements | None = None,
        signals: Signals | None = None,
        now: datetime | None = None,
    ) -> TestRun:
        """Run the whole flow in this process, without a database, and return every result.

        Time is virtual: sleeps, delays and timeouts of signals take none, and the run tells when
        everything would have happened. Conditions, skips, deadlines, sub-flows and the failure
        handler are as in production.

        Handlers without a return annotation need no inference for it: unless types were adopted,
        what such a handler returns is handed on as it is, once it is sure that JSON can hold it.

        Args:
            payload: what the run starts with.
            replace: for steps that must not really run, functions to call instead; each takes the
                arguments of the handler that it names, or none. Steps of sub-flows may be here too.
            signals: what is sent, by the step that waits for it: a payload, which is sent at the
                start, or `at(seconds, payload)`.
            now: the time, with its offset, at which the run begins; the real one unless given.

        Raises:
            FlowTestFailedError: the run failed, or waits for a signal that nobody sends. The
                exception of the handler is its cause, and its `run` tells how far it came, the
                failure handler included.
            PayloadInvalidError: *payload*, or what a signal brings, does not fit its type.
            DefinitionError: a key is not a step, or not a signal, of the flow.
            InvalidArgumentError: a time has no offset, or is before the start.
        """
        return run_in_memory_blocking(self, payload, replace or {}, signals or {}, now)

    async def test_async(
        self,
        payload: I,
        *,
        replace: Replacements | None = None,
        signals: Signals | None = None,
        now: datetime | None = None,
    ) -> TestRun:
        """Do what `test` does from within async code."""
        return await run_in_memory(self, payload, replace or {}, signals or {}, now)
