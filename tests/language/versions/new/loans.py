"""The flow as it was released next: it pays out another type, and writes a letter."""

from pgflow_dsl import Flow

flow = Flow("loans", payload=int, max_attempts=7)


@flow.step
def rate(amount: int = flow.payload) -> int:
    return amount // 10


consent = flow.signal("consent", bool, after=(rate,))


@flow.step
def pay_out(
    amount: int = flow.payload, costs: int = rate.result, agreed: bool = consent.result
) -> dict[str, int]:
    return {"paid": amount - costs if agreed else 0}


@flow.step
def letter(paid: dict[str, int] = pay_out.result) -> str:
    return f"new {paid['paid']}"
