"""Maps of sub-flows: steps that start a run of another flow for each item of a list."""

from tests.support.builders import ANYTHING
from tests.support.waiting import a_sub_flow

from pgflow_manifest import EachInput, JsonSchema, OnFailure, PayloadInput, ResultInput, StepSpec


def a_sub_flow_map(
    slug: str,
    flow: str,
    over: PayloadInput | ResultInput,
    *deps: str,
    flow_step: str | None = None,
    path: tuple[str | int, ...] = (),
    item_schema: JsonSchema = ANYTHING,
    on_failure: OnFailure = "fail",
) -> StepSpec:
    """Return a step that starts a run of *flow* with each item of a list, or a part of the item."""
    step = a_sub_flow(
        slug,
        flow,
        over,
        *deps,
        flow_step=flow_step,
        result_schema={"type": "array", "items": item_schema},
    )
    return step.model_copy(
        update={"over": over, "inputs": {"payload": EachInput(path=path)}, "on_failure": on_failure}
    )
