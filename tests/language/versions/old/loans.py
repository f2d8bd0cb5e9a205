"""The flow as it was released first."""

from pgflow_dsl import Flow

flow = Flow("loans", payload=int)


@flow.step
def rate(amount: int = flow.payload) -> int:
    return amount // 10


consent = flow.signal("consent", bool, after=(rate,))


@flow.step
def pay_out(amount: int = flow.payload, agreed: bool = consent.result) -> str:
    return f"old {amount if agreed else 0}"
