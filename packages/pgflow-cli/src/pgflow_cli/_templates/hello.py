"""A first flow: greet somebody, then count the letters of the greeting.

    pgflow dev                                       # a database and a worker, restarted on change
    pgflow run hello '{"name": "Ada"}' --watch       # in another terminal

Change anything and save: `pgflow dev` takes it over at once.
"""

from pydantic import BaseModel

from pgflow_dsl import Flow


class Guest(BaseModel):
    """The payload: what a run starts with. What does not fit is refused before anything runs."""

    name: str
    greeting: str = "Hello"


class Greeting(BaseModel):
    """A result: any pydantic model, dataclass, TypedDict or plain JSON type will do."""

    text: str
    letters: int


flow = Flow("hello", payload=Guest)


# A step is a plain function. Each argument names its source as its default, here a run's payload.
@flow.step
def greet(guest: Guest = flow.payload) -> str:
    """Say hello."""
    return f"{guest.greeting}, {guest.name}!"


# `greet.result` makes this step wait for `greet`; your type checker compares both types.
# A step that raises is tried again, here five times in all, after 1, 2, 4 and 8 seconds.
# Try a step that fails: put `raise ValueError("not today")` into it and start a run.
@flow.step(max_attempts=5)
async def measure(text: str = greet.result) -> Greeting:
    """Count the letters. Nothing waits for this step, so its result is in the run output."""
    return Greeting(text=text, letters=sum(letter.isalpha() for letter in text))
