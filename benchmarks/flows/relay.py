"""Five steps, one after the other; each hands on the text that it was given."""

from pgflow_dsl import Flow

relay = Flow("relay", payload=str, client_startable=True)


@relay.step
async def r1(text: str = relay.payload) -> str:
    """Take the payload."""
    return text


@relay.step
async def r2(text: str = r1.result) -> str:
    """Follow `r1`, and take its result."""
    return text


@relay.step
async def r3(text: str = r2.result) -> str:
    """Follow `r2`, and take its result."""
    return text


@relay.step
async def r4(text: str = r3.result) -> str:
    """Follow `r3`, and take its result."""
    return text


@relay.step
async def r5(text: str = r4.result) -> str:
    """Follow `r4`, and take its result."""
    return text
