"""The local names of one function: what binds them, where they are used, which bindings arrive.

Only plain assignments are followed; a loop variable, an unpacked tuple and the like are left to the
type checker. Next: `changes.py`, which says what becomes of a value after it was bound.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from pgflow_cli.inference.sources import FunctionNode, Source

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
Comprehension: TypeAlias = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """One place that gives a name its value."""

    node: ast.AST
    """The statement or expression that does; the function for a parameter."""
    value: ast.expr | None
    """What is assigned; None where it is not written as one expression, or is annotated."""


class Bindings:
    """What binds the names of *function*, nested functions and comprehensions left out."""

    def __init__(self, source: Source, function: FunctionNode) -> None:
        self.source = source
        self.function = function
        self.of: dict[str, list[Binding]] = defaultdict(list)
        self.uses: dict[str, list[ast.Name]] = defaultdict(list)
        """Where the value is read, in the order of the source."""
        self.augmented: dict[str, list[ast.AugAssign]] = defaultdict(list)
        """`name += value`, which binds and changes."""
        self.captured: set[str] = set()
        """Names that a nested function, lambda or class mentions."""
        self.foreign: set[str] = set()
        """Names declared `global` or `nonlocal`."""
        self.looks_at_itself = False
        """Whether something like `locals()` can see or change every name."""
        self.yields = False
        self.returns: list[ast.Return] = []
        self._own: set[ast.Name] = set()
        for argument in _arguments(function):
            self.of[argument.arg].append(Binding(function, None))
        for statement in function.body:
            self._visit(statement, frozenset())
        for name in self.foreign:
            self.of.pop(name, None)

    def is_own(self, node: ast.Name) -> bool:
        """Whether *node* means a local name, not one of a comprehension or of the module."""
        return node in self._own and node.id in self.of

    def is_parameter(self, name: str) -> bool:
        """Whether the function takes it as an argument and never binds it again."""
        return [binding.node for binding in self.of[name]] == [self.function]

    def reaching(self, use: ast.Name) -> list[Binding]:
        """Return every binding whose value *use* may read, and perhaps some more."""
        bindings = self.of[use.id]
        chain = list(self._chain(use))
        for block, index in chain:
            for position in range(index - 1, -1, -1):
                statement = block[position]
                own = [b for b in bindings if b.node is statement]
                if own:
                    later = {
                        node for each in block[position + 1 : index + 1] for node in ast.walk(each)
                    }
                    return [*own, *(b for b in bindings if b.node in later)]
        return list(bindings)

    def is_certain(self, statement: ast.AST, binding: ast.AST, use: ast.AST) -> bool:
        """Whether *statement* runs between *binding* and *use*, whenever *use* is reached."""
        block = self._block_of(binding)
        for each, index in self._chain(use):
            if each is block:
                return any(
                    _always_runs(other, statement)
                    for other in each[each.index(binding) + 1 : index]  # type: ignore[arg-type]  # it is one
                )
        return False

    def may_run_before(self, statement: ast.AST, use: ast.AST) -> bool:
        """Whether *statement* can have run when *use* is reached."""
        if position_of(statement) < position_of(use):
            return True
        above: ast.AST = use
        while above is not self.function:
            below, above = above, self.source.parents[above]
            is_loop = isinstance(above, ast.For | ast.AsyncFor | ast.While)
            if is_loop and statement in ast.walk(above):
                return True
            if (
                isinstance(above, ast.Try | ast.TryStar)
                and below not in above.finalbody
                and any(statement in ast.walk(each) for each in above.finalbody)
            ):
                # What is returned is changed on the way out.
                return True
        return False

    def _block_of(self, statement: ast.AST) -> list[ast.stmt] | None:
        for block in _blocks(self.source.parents[statement]):
            if statement in block:
                return block
        return None

    def _chain(self, node: ast.AST) -> Iterator[tuple[list[ast.stmt], int]]:
        """Yield the blocks that *node* is in, from the inside out, and where in each."""
        while node is not self.function:
            parent = self.source.parents[node]
            if isinstance(node, ast.stmt):
                for block in _blocks(parent):
                    if node in block:
                        yield block, block.index(node)
            node = parent

    def _visit(self, node: ast.AST, hidden: frozenset[str]) -> None:
        """Take in *node*; *hidden* are the names that comprehensions around it bind."""
        if isinstance(node, _SCOPES):
            self._visit_scope(node, hidden)
            return
        if isinstance(node, _COMPREHENSIONS):
            self._visit_comprehension(node, hidden)
            return
        self._note(node, hidden)
        for child in ast.iter_child_nodes(node):
            self._visit(child, hidden)

    def _visit_scope(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef,
        hidden: frozenset[str],
    ) -> None:
        if not isinstance(node, ast.Lambda):
            self.of[node.name].append(Binding(node, None))
            for decorator in node.decorator_list:
                self._visit(decorator, hidden)
        self.captured.update(inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name))

    def _visit_comprehension(self, node: Comprehension, hidden: frozenset[str]) -> None:
        bound = {
            inner.id
            for generator in node.generators
            for inner in ast.walk(generator.target)
            if isinstance(inner, ast.Name)
        }
        self._visit(node.generators[0].iter, hidden)
        inside = hidden | bound
        for generator in node.generators:
            if generator is not node.generators[0]:
                self._visit(generator.iter, inside)
            for condition in generator.ifs:
                self._visit(condition, inside)
        made = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        for each in made:
            self._visit(each, inside)

    def _note(self, node: ast.AST, hidden: frozenset[str]) -> None:
        match node:
            case ast.Name(id=name) if name not in hidden:
                self._own.add(node)
                if isinstance(node.ctx, ast.Load):
                    self.uses[name].append(node)
                    self.looks_at_itself |= name in ("locals", "vars", "exec", "eval")
                elif isinstance(parent := self.source.parents[node], ast.AugAssign):
                    self.augmented[name].append(parent)
                else:
                    self.of[name].append(self._binding(node))
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                self.foreign.update(names)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                for alias in aliases:
                    name = alias.asname or alias.name.partition(".")[0]
                    self.of[name].append(Binding(node, None))
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                self.of[name].append(Binding(node, None))
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                self.of[name].append(Binding(node, None))
            case ast.Yield() | ast.YieldFrom():
                self.yields = True
            case ast.Return():
                self.returns.append(node)
            case _:
                return

    def _binding(self, target: ast.Name) -> Binding:
        parent = self.source.parents[target]
        match parent:
            case ast.Assign(targets=[only], value=value) if only is target:
                return Binding(parent, value)
            case _:
                # A declared type, for one, is the checker's to tell.
                return Binding(parent, None)


def position_of(node: ast.AST) -> tuple[int, int]:
    """Return line and column at which *node* begins."""
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def _arguments(function: FunctionNode) -> list[ast.arg]:
    arguments = function.args
    stars = [star for star in (arguments.vararg, arguments.kwarg) if star is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *stars]


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield block


def _always_runs(outer: ast.stmt, wanted: ast.AST) -> bool:
    """Whether *wanted* has run once *outer* has, and control goes on after it."""
    if outer is wanted:
        return True
    if isinstance(outer, ast.Try | ast.TryStar):
        return any(_always_runs(each, wanted) for each in outer.finalbody)
    return False


def may_fall_through(block: list[ast.stmt]) -> bool:
    """Whether control may leave *block* at its end, as far as its last statement tells."""
    last = block[-1]
    match last:
        case ast.Return() | ast.Raise():
            return False
        case ast.If(body=body, orelse=orelse):
            return not orelse or may_fall_through(body) or may_fall_through(orelse)
        case _:
            return True
