"""What stands as the default of a handler's argument: `step.result`, `words.each.text`.

A checker takes `step.result` for the result itself; at run time it is a `Ref`, which only records
the path that was written. Next: `each_item.py`, the items of lists, and `handlers.py`, which reads
the refs from a signature.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from pgflow_dsl.conditions import Comparing
from pgflow_manifest import HandlerSignatureError

if TYPE_CHECKING:
    from pgflow_dsl.flow import Flow
    from pgflow_dsl.step import Step


@dataclass(frozen=True, slots=True)
class Attribute:
    """`.name` in a path."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"


@dataclass(frozen=True, slots=True)
class Item:
    """`[key]` in a path."""

    key: Hashable

    def __str__(self) -> str:
        return f"[{self.key!r}]"


Part = Attribute | Item


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """Where the value of one argument comes from."""

    kind: Literal["payload", "result", "context", "each", "error"]
    flow: Flow[Any]
    step: Step[Any] | None = None
    """The step whose result it is, or is in; of an item, the step whose result the list is in."""
    parts: tuple[Part, ...] = ()
    """What is taken of the whole payload or result; of an item, what is taken of the item."""
    over: Source | None = None
    """Of an item, where the list is; None of anything else."""
    if_completed: bool = False
    """Of a result, whether null stands for it when the step has not completed."""

    def __str__(self) -> str:
        return self._head() + "".join(str(part) for part in self.parts)

    def _head(self) -> str:
        if self.over is not None:
            is_whole_result = self.over.kind == "result" and not self.over.parts
            return f"{self.over.slug}.each" if is_whole_result else f"each[{self.over}]"
        if self.step is None:
            return f"flow.{self.kind}"
        return f"{self.slug}.{'if_completed' if self.if_completed else 'result'}"

    @property
    def slug(self) -> str:
        """The slug of the step; empty when it is of no step."""
        return "" if self.step is None else self.step.slug

    @property
    def whole(self) -> Source:
        """The list that it is an item of, or itself."""
        return self if self.over is None else self.over.whole

    def is_same_as(self, other: Source) -> bool:
        """Whether both take the same part of the same payload or result."""
        return (self.kind, self.flow, self.step, self.parts) == (
            other.kind,
            other.flow,
            other.step,
            other.parts,
        )


def item_of(over: Source) -> Ref:
    """Return what stands for one item of the list that *over* leads to."""
    return Ref(Source(kind="each", flow=over.flow, step=over.step, over=over))


class Ref(Comparing):
    """Stand for a value that exists only while a step runs.

    Its state is in one dunder slot, so that no field of a payload or result is hidden by it. What
    it compares to is a condition, for the `when` of a step: see `conditions.py`.
    """

    __slots__ = ("__source__",)
    __source__: Source

    def __init__(self, source: Source) -> None:
        object.__setattr__(self, "__source__", source)

    def __getattr__(self, name: str) -> Ref:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return self._extended(Attribute(name))

    def __getitem__(self, key: Hashable) -> Ref:
        return self._extended(Item(key))

    def _extended(self, part: Part) -> Ref:
        source = self.__source__
        return Ref(replace(source, parts=(*source.parts, part)))

    def __repr__(self) -> str:
        return f"<{self.__source__}: known while a step runs>"

    def _refuse(self, *_args: object, **_kwargs: object) -> NoReturn:
        source = self.__source__
        raise HandlerSignatureError(
            f"flow {source.flow.slug!r}: `{source}` stands for a value that exists only while a "
            "step runs; nothing can be done with it here",
            hint=f"take it as an argument of a handler, `name: T = {source}`, and use the "
            "argument; for the condition of a step there are `length`, `contains` and `one_of`",
            details={"flow": source.flow.slug, "source": str(source)},
        )

    # In the body of a handler a ref is always a mistake, which text or truth would hide.
    __call__ = __len__ = __iter__ = __contains__ = __str__ = __format__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = _refuse
    __setattr__ = __delattr__ = _refuse


def source_of(value: object) -> Source | None:
    """Return the source that *value* stands for, or None when it is no `Ref`."""
    return value.__source__ if isinstance(value, Ref) else None
