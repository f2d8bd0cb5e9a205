"""What stands in `flows.manifest.json`.

Plain data, frozen, unknown keys refused. Checks that need more than one field (names, deps,
order, digests) are in `checks.py`; reading and writing is in `codec.py`.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from pgflow_manifest.conditions import Condition
from pgflow_manifest.inferred import InferredResult
from pgflow_manifest.limits import DEFAULT_MAX_BYTES, MAX_JSONB_BYTES
from pgflow_manifest.sources import EachInput, ErrorInput, PayloadInput, ResultInput, Slug
from pgflow_manifest.statuses import StepKind

FORMAT_VERSION: Literal[1] = 1
"""The format that this package reads and writes; a reader refuses any other."""

JsonSchema = dict[str, Any]
"""A JSON Schema, draft 2020-12, as pydantic emits it."""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A sha256 in lower-case hexadecimal digits."""


Budget = Annotated[int, Field(ge=1, le=MAX_JSONB_BYTES)]
"""The most bytes that a value may take as jsonb, before compression (`pg_column_size`)."""


Backoff = Literal["exponential", "fixed"]
WhenUnmet = Literal["skip", "skip_cascade", "fail"]
"""What becomes of a step whose condition does not hold; `fail` fails the run."""
OnFailure = Literal["fail", "skip", "skip_cascade"]
"""What follows when a step fails: the run fails too, or it goes on without the step."""


def _unless(default: object) -> Any:
    """Leave the field out of the file when it has its default: older files stay as they are."""
    return Field(exclude_if=lambda value: value == default)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FlowOptions(_Model):
    """How tasks of a flow are retried, timed and bounded; applied in place when deployed again."""

    max_attempts: Annotated[int, Field(ge=1, le=1000)] = 3
    """How often a task is tried in all."""
    base_delay_seconds: Annotated[float, Field(ge=0, le=86_400)] = 1.0
    """Delay before the second attempt; it doubles with each further one."""
    max_delay_seconds: Annotated[float, Field(ge=0, le=2_592_000)] = 300.0
    """Cap of the delay."""
    backoff: Annotated[Backoff, _unless("exponential")] = "exponential"
    """Whether the delay doubles with each attempt, or stays as it is."""
    jitter: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of the delay that is random: 0 none, 1 all of it."""
    timeout_seconds: Annotated[float, Field(gt=0, le=31_536_000)] | None = None
    """How long one attempt may run; None for as long as it likes."""
    deadline_seconds: Annotated[float | None, Field(gt=0, le=315_360_000), _unless(None)] = None
    """How long a run may take in all, before it fails; None for as long as it likes."""
    max_payload_bytes: Budget = DEFAULT_MAX_BYTES
    """What a run may start with."""
    max_result_bytes: Budget = DEFAULT_MAX_BYTES
    """What a step may return."""


class StepOptions(_Model):
    """What a step says differently from its flow; None keeps the option of the flow."""

    max_attempts: Annotated[int, Field(ge=1, le=1000)] | None = None
    base_delay_seconds: Annotated[float, Field(ge=0, le=86_400)] | None = None
    max_delay_seconds: Annotated[float, Field(ge=0, le=2_592_000)] | None = None
    backoff: Annotated[Backoff | None, _unless(None)] = None
    jitter: Annotated[float, Field(ge=0, le=1)] | None = None
    timeout_seconds: Annotated[float, Field(gt=0, le=31_536_000)] | None = None
    start_delay_seconds: Annotated[float, Field(ge=0, le=31_536_000), _unless(0)] = 0.0
    """How long the step waits before its first attempt, once its deps have ended."""
    max_result_bytes: Budget | None = None


# pydantic writes the slug rule as a pattern of names; without this, other names are not looked at
_NO_OTHER_NAMES: Final[JsonDict] = {"additionalProperties": False}

Input = Annotated[
    PayloadInput | ResultInput | EachInput | ErrorInput, Field(discriminator="source")
]
"""Where the value of one handler argument comes from."""

Over = Annotated[PayloadInput | ResultInput, Field(discriminator="source")]
"""Where the list of a map step is."""


class StepSpec(_Model):
    """One step of a flow."""

    slug: Slug
    description: str = ""
    kind: StepKind = "single"
    over: Annotated[Over | None, _unless(None)] = None
    """The list of a map step, which has one task for each item, or of a map of sub-flows, which has
    one run for each; left out of the file otherwise."""
    when: Annotated[Condition | None, _unless(None)] = None
    """The step starts only if this holds once its deps have ended."""
    when_unmet: Annotated[WhenUnmet, _unless("skip")] = "skip"
    on_failure: Annotated[OnFailure, _unless("fail")] = "fail"
    seconds: Annotated[float | None, Field(ge=0, le=3_155_760_000), _unless(None)] = None
    """How long a sleep takes."""
    until: Annotated[Over | None, _unless(None)] = None
    """Where the end of a sleep stands: a time, or a number of seconds."""
    flow: Annotated[Slug | None, _unless(None)] = None
    """The sub-flow that the step starts a run of."""
    flow_step: Annotated[Slug | None, _unless(None)] = None
    """The step of the sub-flow whose result the step has; None for the whole run output."""
    deps: tuple[Slug, ...] = ()
    """The steps that must end first, sorted; those of `inputs`, `over`, `until` and `when` among
    them. The failure handler has none."""
    inputs: Annotated[dict[Slug, Input], Field(json_schema_extra=_NO_OTHER_NAMES)] = {}
    """The arguments that the engine fills in, by the handler's parameter name."""
    result_schema: JsonSchema
    """Of the whole result; that of a map step is an array of what its tasks return (`items`), that
    of a map of sub-flows one of the results of their runs."""
    inferred: Annotated[InferredResult | None, _unless(None)] = None
    """For a handler without return annotation; left out of the file otherwise.

    It is what one call of the handler returns: of a map step, one item of the result."""
    options: StepOptions = StepOptions()
    digest: Digest
    """Contract of the step: a handler may run a task only when this is the same."""

    @property
    def may_be_null(self) -> bool:
        """Whether dependents may find null in place of the result: the step can be skipped."""
        skipped_unmet = self.when is not None and self.when_unmet == "skip"
        return skipped_unmet or (self.on_failure == "skip" and self.over is None)

    @property
    def may_cascade(self) -> bool:
        """Whether the step can be skipped together with all that waits for it."""
        skipped_unmet = self.when is not None and self.when_unmet == "skip_cascade"
        return skipped_unmet or self.on_failure == "skip_cascade"


class FlowSpec(_Model):
    """One flow: its graph, its schemas and its options."""

    slug: Slug
    description: str = ""
    client_startable: bool = False
    """Whether the role `pgflow_client` may start runs of it."""
    payload_schema: JsonSchema
    options: FlowOptions = FlowOptions()
    steps: Annotated[tuple[StepSpec, ...], Field(min_length=1)]
    """In topological order."""
    digest: Digest
    """Contract of the flow: another digest is deployed as another version."""

    def step(self, slug: str) -> StepSpec:
        """Return the step called *slug*; raises `KeyError` when there is none."""
        for step in self.steps:
            if step.slug == slug:
                return step
        raise KeyError(slug)

    @property
    def skippable_slugs(self) -> frozenset[str]:
        """The steps that can end without a result: by themselves, or since a dep cascades.

        Where one of them is a leaf, null stands for it in the run output.
        """
        skippable, cascading = set[str](), set[str]()
        for step in self.steps:
            inherits = not cascading.isdisjoint(step.deps)
            if step.may_cascade or inherits:
                cascading.add(step.slug)
            if step.may_be_null:
                skippable.add(step.slug)
        return frozenset(skippable | cascading)

    @property
    def leaf_slugs(self) -> tuple[str, ...]:
        """The steps that no step waits for; their results are the run output.

        The failure handler is none: a run with an output did not fail.
        """
        waited_for = {dep for step in self.steps for dep in step.deps}
        return tuple(
            step.slug
            for step in self.steps
            if step.slug not in waited_for and step.kind != "failure"
        )


class Manifest(_Model):
    """The whole file: every flow of one folder, sorted by slug."""

    format_version: Literal[1] = FORMAT_VERSION
    flows: tuple[FlowSpec, ...] = ()

    def flow(self, slug: str) -> FlowSpec:
        """Return the flow called *slug*; raises `KeyError` when there is none."""
        for flow in self.flows:
            if flow.slug == slug:
                return flow
        raise KeyError(slug)
