"""What stands in `flows.manifest.json`.

Plain data, frozen, unknown keys refused. Checks that need more than one field (names, deps,
order, digests) are in `checks.py`; reading and writing is in `codec.py`.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from pgflow_manifest.inferred import InferredResult
from pgflow_manifest.limits import DEFAULT_MAX_BYTES, MAX_JSONB_BYTES
from pgflow_manifest.slug import SLUG_PATTERN
from pgflow_manifest.statuses import StepKind

FORMAT_VERSION: Literal[1] = 1
"""The format that this package reads and writes; a reader refuses any other."""

JsonSchema = dict[str, Any]
"""A JSON Schema, draft 2020-12, as pydantic emits it."""

Slug = Annotated[str, Field(pattern=SLUG_PATTERN, json_schema_extra={"not": {"const": "run"}})]
"""A `str` field that accepts slugs only."""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A sha256 in lower-case hexadecimal digits."""


Budget = Annotated[int, Field(ge=1, le=MAX_JSONB_BYTES)]
"""The most bytes that a value may take as jsonb, before compression (`pg_column_size`)."""


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
    jitter: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of the delay that is random: 0 none, 1 all of it."""
    timeout_seconds: Annotated[float, Field(gt=0, le=604_800)] | None = None
    """How long one attempt may run; None for as long as it likes."""
    max_payload_bytes: Budget = DEFAULT_MAX_BYTES
    """What a run may start with."""
    max_result_bytes: Budget = DEFAULT_MAX_BYTES
    """What a step may return."""


class StepOptions(_Model):
    """What a step says differently from its flow; None keeps the option of the flow."""

    max_attempts: Annotated[int, Field(ge=1, le=1000)] | None = None
    base_delay_seconds: Annotated[float, Field(ge=0, le=86_400)] | None = None
    max_delay_seconds: Annotated[float, Field(ge=0, le=2_592_000)] | None = None
    jitter: Annotated[float, Field(ge=0, le=1)] | None = None
    timeout_seconds: Annotated[float, Field(gt=0, le=604_800)] | None = None
    max_result_bytes: Budget | None = None


class PayloadInput(_Model):
    """An argument that takes the payload of the run, or a part of it."""

    source: Literal["payload"] = "payload"
    path: tuple[str | int, ...] = ()
    """Keys and indexes from the payload down to the part; empty for the whole."""


class ResultInput(_Model):
    """An argument that takes the result of a step, or a part of it."""

    source: Literal["result"] = "result"
    step: Slug
    path: tuple[str | int, ...] = ()


class EachInput(_Model):
    """An argument of a map step that takes one item of the list, or a part of the item."""

    source: Literal["each"] = "each"
    path: tuple[str | int, ...] = ()
    """Keys and indexes from the item down to the part; empty for the whole item."""


# pydantic writes the slug rule as a pattern of names; without this, other names are not looked at
_NO_OTHER_NAMES: Final[JsonDict] = {"additionalProperties": False}

Input = Annotated[PayloadInput | ResultInput | EachInput, Field(discriminator="source")]
"""Where the value of one handler argument comes from."""

Over = Annotated[PayloadInput | ResultInput, Field(discriminator="source")]
"""Where the list of a map step is."""


class StepSpec(_Model):
    """One step of a flow."""

    slug: Slug
    description: str = ""
    kind: StepKind = "single"
    over: Annotated[Over | None, Field(exclude_if=lambda value: value is None)] = None
    """The list of a map step, which has one task for each item; left out of the file otherwise."""
    deps: tuple[Slug, ...] = ()
    """The steps that must complete first, sorted; those of `inputs` and `over` among them."""
    inputs: Annotated[dict[Slug, Input], Field(json_schema_extra=_NO_OTHER_NAMES)] = {}
    """The arguments that the engine fills in, by the handler's parameter name."""
    result_schema: JsonSchema
    """Of the whole result; that of a map step is an array of what its tasks return (`items`)."""
    inferred: Annotated[InferredResult | None, Field(exclude_if=lambda value: value is None)] = None
    """For a handler without return annotation; left out of the file otherwise.

    It is what one call of the handler returns: of a map step, one item of the result."""
    options: StepOptions = StepOptions()
    digest: Digest
    """Contract of the step: a handler may run a task only when this is the same."""


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
    def leaf_slugs(self) -> tuple[str, ...]:
        """The steps that no step waits for; their results are the run output."""
        waited_for = {dep for step in self.steps for dep in step.deps}
        return tuple(step.slug for step in self.steps if step.slug not in waited_for)


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
