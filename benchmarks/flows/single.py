"""One step that does nothing."""

from pgflow_dsl import Flow

single = Flow("single", payload=int, client_startable=True)


@single.step
async def only(number: int = single.payload) -> int:
    """Give back what came."""
    return number
