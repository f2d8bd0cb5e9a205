"""What the tests of lenses share: types to look into, and a step that takes one part of them."""

from collections.abc import Callable
from typing import Annotated, Any, NotRequired

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from pgflow_dsl import Flow, Step


class Inner(BaseModel):
    n: int


class Keys(TypedDict):
    plain: int
    aliased: Annotated[int, Field(alias="al")]
    maybe: NotRequired[str]


class Settings(BaseModel):
    lang: str = "en"
    tags: list[str] = Field(default_factory=lambda: ["a"])


class Order(BaseModel):
    settings: Settings = Settings()
    note: str | None = None
    label: str | None = "none"
    late: int = Field(default_factory=lambda data: data["note"])
    options: Keys


def taking(source: Any, annotation: Any, flow: Flow[Any]) -> Callable[[], Step[Any]]:
    def take(it: Any = source) -> str:
        return str(it)

    take.__annotations__["it"] = annotation
    return lambda: flow.step(take)
