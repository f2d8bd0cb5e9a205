"""Steps that wait without a task: for a signal, for a time, for a run of another flow."""

from tests.support.builders import ANYTHING, a_step

from pgflow_manifest import JsonSchema, PayloadInput, ResultInput, StepOptions, StepSpec


def a_signal(
    slug: str,
    *deps: str,
    result_schema: JsonSchema = ANYTHING,
    timeout: float | None = None,
) -> StepSpec:
    """Return a step that waits for a signal, once *deps* have completed."""
    options = StepOptions(timeout_seconds=timeout)
    step = a_step(slug, *deps, result_schema=result_schema, options=options)
    return step.model_copy(update={"kind": "signal"})


def a_sleep(
    slug: str,
    *deps: str,
    seconds: float | None = None,
    until: PayloadInput | ResultInput | None = None,
) -> StepSpec:
    """Return a step that lets time pass, once *deps* have completed."""
    step = a_step(slug, *deps, result_schema={"type": "null"})
    return step.model_copy(update={"kind": "sleep", "seconds": seconds, "until": until})


def a_sub_flow(
    slug: str,
    flow: str,
    payload: PayloadInput | ResultInput,
    *deps: str,
    flow_step: str | None = None,
    result_schema: JsonSchema = ANYTHING,
) -> StepSpec:
    """Return a step that starts a run of *flow* with a part of payload or result."""
    source = {payload.step} if isinstance(payload, ResultInput) else set[str]()
    step = a_step(
        slug, *(source | set(deps)), inputs={"payload": payload}, result_schema=result_schema
    )
    return step.model_copy(update={"kind": "flow", "flow": flow, "flow_step": flow_step})
