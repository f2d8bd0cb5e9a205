"""What inference asks a type checker, and how it answers: the border behind which checkers differ.

Only types of single expressions are asked for. Everything else (which keys a dict has, what another
function of the project returns) is read from the source: see `planning.py`. Next: `pyrefly.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class Unknown:
    """The checker has no type for it, such as `Any`, or none that JSON could hold."""

    what: str


@dataclass(frozen=True, slots=True)
class Never:
    """It has no value: it is not reached, or raises."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal; numbers are not told, since the protocol cuts them off at 32 bits."""

    value: str | bool


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance of a class, told by where the class is defined."""

    file: str
    """Empty for a class of the standard library, whose stubs are not what is imported."""
    module: str
    """Of a class of the standard library."""
    line: int
    name: str
    arguments: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True)
class ClassObject:
    """The class itself, or a reference to an alias of that name."""

    instance: Instance


@dataclass(frozen=True, slots=True)
class TupleOf:
    """A tuple; of one item only, nobody knows whether it repeats."""

    items: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """A function, and what calling it gives."""

    returned: Answer


@dataclass(frozen=True, slots=True)
class Either:
    """One of several."""

    members: tuple[Answer, ...]


Answer: TypeAlias = (
    Unknown | Never | Constant | Instance | ClassObject | TupleOf | Function | Either
)


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text as editors count: lines and UTF-16 units from 0."""

    file: str
    start: tuple[int, int]
    end: tuple[int, int]


class Engine(Protocol):
    """A type checker that answers for files as they would be, not as they are on disk."""

    def types_of(self, texts: Mapping[str, str], spans: Sequence[Span]) -> list[Answer]:
        """Return the type of every span, in order.

        Args:
            texts: by file, what to take for its content; each file of *spans* is among them.
            spans: whole expressions, or the name of a function in its `def`.

        Raises:
            EngineError: the checker failed; never because of what the files hold.
        """
        ...


class EngineError(Exception):
    """The type checker cannot be run, or does not speak as expected."""


class NotInferredError(Exception):
    """An expression of which no exact type can be told."""

    def __init__(self, reason: str, file: str, node: ast.AST, hint: str | None = None) -> None:
        self.reason = reason
        self.file = file
        self.node = node
        self.hint = hint
        super().__init__(reason)

    @property
    def line(self) -> int:
        """Where it stands."""
        return int(getattr(self.node, "lineno", 1))

    @property
    def expression(self) -> str:
        """As it is written, on one line and not too long."""
        if isinstance(self.node, ast.FunctionDef | ast.AsyncFunctionDef):
            return f"def {self.node.name}"
        text = " ".join(ast.unparse(self.node).split())
        return text if len(text) <= 60 else f"{text[:57]}..."


def answers_none(answer: Answer) -> bool:
    """Whether a value of that type may be None; true where the checker cannot tell."""
    match answer:
        case Either(members=members):
            return any(answers_none(member) for member in members)
        case Instance(module="types", name="NoneType") | Unknown():
            return True
        case _:
            return False


def returns_none(answer: Answer) -> bool:
    """Whether a function of that type may return None; true where the checker cannot tell."""
    match answer:
        case Function(returned=Instance(name="Coroutine", arguments=[_, _, returned])):
            return answers_none(returned)
        case Function(returned=returned):
            return answers_none(returned)
        case Instance(name="Step", arguments=[returned]):
            return answers_none(returned)
        case _:
            return True
