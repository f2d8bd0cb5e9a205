"""What `@flow.step(...)` and `@flow.map(...)` with options give: decorators of handlers.

Two overloads each, one for what is awaited: of a callable that returns `R | Awaitable[R]`, mypy
joins the members of a union to their base class, and of a union of callables it makes
`Coroutine | Any` where an `async def` is not annotated. Next: `flow.py`.
"""

from collections.abc import Awaitable, Callable
from typing import Any, overload

from pgflow_dsl.step import Step
from pgflow_dsl.types.bound import R


class StepDecorator:
    """What `@flow.step(...)` with options gives: it makes a step of the handler below it."""

    def __init__(self, make: Callable[[Callable[..., Any]], Step[Any]]) -> None:
        self._make = make

    @overload
    def __call__(self, fn: Callable[[], Awaitable[R]], /) -> Step[R]: ...

    @overload
    def __call__(self, fn: Callable[[], R], /) -> Step[R]: ...

    def __call__(self, fn: Callable[..., Any], /) -> Step[Any]:
        """Make a step of *fn*; errors as `Flow.step`."""
        return self._make(fn)


class MapDecorator:
    """What `@flow.map(...)` with options gives: it makes a map step of the handler below it."""

    def __init__(self, make: Callable[[Callable[..., Any]], Step[Any]]) -> None:
        self._make = make

    @overload
    def __call__(self, fn: Callable[[], Awaitable[R]], /) -> Step[list[R]]: ...

    @overload
    def __call__(self, fn: Callable[[], R], /) -> Step[list[R]]: ...

    def __call__(self, fn: Callable[..., Any], /) -> Step[Any]:
        """Make a map step of *fn*; errors as `Flow.map`."""
        return self._make(fn)


class SkippableStepDecorator:
    """As `StepDecorator`, of a step that can be skipped: None stands for its result then."""

    def __init__(self, make: Callable[[Callable[..., Any]], Step[Any]]) -> None:
        self._make = make

    @overload
    def __call__(self, fn: Callable[[], Awaitable[R]], /) -> Step[R | None]: ...

    @overload
    def __call__(self, fn: Callable[[], R], /) -> Step[R | None]: ...

    def __call__(self, fn: Callable[..., Any], /) -> Step[Any]:
        """Make a step of *fn*; errors as `Flow.step`."""
        return self._make(fn)


class SkippableMapDecorator:
    """As `MapDecorator`, of a map that can be skipped: None stands for its result then."""

    def __init__(self, make: Callable[[Callable[..., Any]], Step[Any]]) -> None:
        self._make = make

    @overload
    def __call__(self, fn: Callable[[], Awaitable[R]], /) -> Step[list[R] | None]: ...

    @overload
    def __call__(self, fn: Callable[[], R], /) -> Step[list[R] | None]: ...

    def __call__(self, fn: Callable[..., Any], /) -> Step[Any]:
        """Make a map step of *fn*; errors as `Flow.map`."""
        return self._make(fn)


class GappyMapDecorator:
    """As `MapDecorator`, of a map in which None stands for each item that failed."""

    def __init__(self, make: Callable[[Callable[..., Any]], Step[Any]]) -> None:
        self._make = make

    @overload
    def __call__(self, fn: Callable[[], Awaitable[R]], /) -> Step[list[R | None]]: ...

    @overload
    def __call__(self, fn: Callable[[], R], /) -> Step[list[R | None]]: ...

    def __call__(self, fn: Callable[..., Any], /) -> Step[Any]:
        """Make a map step of *fn*; errors as `Flow.map`."""
        return self._make(fn)


class SkippableGappyMapDecorator:
    """As `GappyMapDecorator`, of a map that can be skipped as a whole, too."""

    def __init__(self, make: Callable[[Callable[..., Any]], Step[Any]]) -> None:
        self._make = make

    @overload
    def __call__(self, fn: Callable[[], Awaitable[R]], /) -> Step[list[R | None] | None]: ...

    @overload
    def __call__(self, fn: Callable[[], R], /) -> Step[list[R | None] | None]: ...

    def __call__(self, fn: Callable[..., Any], /) -> Step[Any]:
        """Make a map step of *fn*; errors as `Flow.map`."""
        return self._make(fn)
