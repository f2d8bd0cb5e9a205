"""One step that returns the time at which its handler began."""

from time import perf_counter_ns

from pgflow_dsl import Flow

moment = Flow("moment", payload=int, client_startable=True)


@moment.step
async def now(number: int = moment.payload) -> list[int]:
    """Note the time, by the clock that all processes of a machine share."""
    return [number, perf_counter_ns()]
