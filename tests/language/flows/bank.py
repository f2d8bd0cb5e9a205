"""Failures: tried again when the handler says so, or never; policies; the failure handler."""

from pydantic import BaseModel

from pgflow_dsl import Flow, GiveUp, Retry, RunError, StepContext


class Payment(BaseModel):
    cents: int
    troubles: int = 0
    refused: bool = False


flow = Flow("bank", payload=Payment, max_attempts=3, base_delay=0.05, jitter=0)


@flow.step
def reserve(cents: int = flow.payload.cents) -> int:
    return cents // 100


@flow.step(after=(reserve,))
def charge(payment: Payment = flow.payload, context: StepContext = flow.context) -> str:
    if payment.refused:
        raise GiveUp("the card was refused")
    if context.attempt == 1 and payment.troubles > 0:
        raise Retry("the bank is busy", after=0.3)
    if context.attempt <= payment.troubles:
        raise ConnectionError(f"no answer, attempt {context.attempt}")
    return f"charged {payment.cents}"


@flow.step(on_failure="skip", after=(charge,))
def thank() -> str:
    raise GiveUp("no words")


@flow.step(on_failure="skip_cascade", max_attempts=2, after=(charge,))
def advertise() -> str:
    raise ValueError("nothing to sell")


@flow.step
def sell(text: str = advertise.result) -> str:
    return text


@flow.step
def receipt(charged: str = charge.result, thanks: str | None = thank.result) -> str:
    return f"{charged}, {thanks or 'bye'}"


@flow.on_failure(max_attempts=2)
def undo(
    error: RunError = flow.error,
    reserved: int | None = reserve.if_completed,
    printed: str | None = receipt.if_completed,
    context: StepContext = flow.context,
) -> str:
    if context.attempt == 1:
        raise ConnectionError("the ledger is closed")
    return f"{error.step} [{error.code}] {error.message}: gave back {reserved}, {printed}"
