"""Ten steps, one after the other; each returns the time at which its handler began."""

from time import perf_counter_ns

from pgflow_dsl import Flow

chain = Flow("chain", payload=int, client_startable=True)


@chain.step
async def s1(number: int = chain.payload) -> list[int]:
    """Begin."""
    return [number, perf_counter_ns()]


@chain.step
async def s2(before: list[int] = s1.result) -> list[int]:
    """Follow `s1`, and take its result."""
    return [len(before), perf_counter_ns()]


@chain.step
async def s3(before: list[int] = s2.result) -> list[int]:
    """Follow `s2`, and take its result."""
    return [len(before), perf_counter_ns()]


@chain.step
async def s4(before: list[int] = s3.result) -> list[int]:
    """Follow `s3`, and take its result."""
    return [len(before), perf_counter_ns()]


@chain.step
async def s5(before: list[int] = s4.result) -> list[int]:
    """Follow `s4`, and take its result."""
    return [len(before), perf_counter_ns()]


@chain.step
async def s6(before: list[int] = s5.result) -> list[int]:
    """Follow `s5`, and take its result."""
    return [len(before), perf_counter_ns()]


@chain.step
async def s7(before: list[int] = s6.result) -> list[int]:
    """Follow `s6`, and take its result."""
    return [len(before), perf_counter_ns()]


@chain.step
async def s8(before: list[int] = s7.result) -> list[int]:
    """Follow `s7`, and take its result."""
    return [len(before), perf_counter_ns()]


@chain.step
async def s9(before: list[int] = s8.result) -> list[int]:
    """Follow `s8`, and take its result."""
    return [len(before), perf_counter_ns()]


@chain.step
async def s10(before: list[int] = s9.result) -> list[int]:
    """Follow `s9`, and take its result."""
    return [len(before), perf_counter_ns()]
