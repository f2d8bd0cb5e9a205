"""A flow that waits: for signals, a time, and a run of another flow; and skips."""

from pydantic import BaseModel, RootModel

from pgflow_dsl import Flow


class Approval(BaseModel):
    approved: bool
    by: str


class Extra(RootModel[list[str] | None]):
    """May be null, which PostgREST does not hand over as it is."""


class Seat(BaseModel):
    row: int


seats = Flow("seats", payload=int)


@seats.step
def best(row: int = seats.payload) -> Seat:
    return Seat(row=row)


trips = Flow("trips", payload=int, client_startable=True)
approval = trips.signal("approval", Approval)
wishes = trips.signal("wishes", list[str], timeout=0.1)
extra = trips.signal("extra", Extra, timeout=0.1)
pause = trips.sleep("pause", seconds=0, after=(approval,))
seat = trips.sub_flow("seat", seats, payload=trips.payload, result=best, after=(pause,))


@trips.step(when=approval.result.approved)
def book(row: int = seat.result.row, said: list[str] | None = wishes.result) -> str:
    return f"row {row}, {len(said or ())} wishes"
