"""Decide what `pgflow annotate` writes where; nothing is written yet.

A handler gets a type for whatever it has not annotated: its arguments from their sources, its
result as it was inferred. A part that cannot be written is left alone and told, with the reason.
"""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pgflow_cli.annotating.imports import import_edits
from pgflow_cli.annotating.module_names import ModuleNames, NotWritableError
from pgflow_cli.annotating.signatures import (
    arguments_of,
    signature_edits,
    type_comment_edits,
)
from pgflow_cli.annotating.source_file import Edit, Function, SourceFile
from pgflow_cli.annotating.type_text import NewTypedDict, TypeText, type_text
from pgflow_cli.annotating.typed_dicts import NewTypedDicts, class_text
from pgflow_dsl import Flow, Step, StepContext
from pgflow_dsl.location import Location

_RESULT = "return"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A file that gets annotations."""

    path: Path
    encoding: str
    before: bytes
    after: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftAlone:
    """What stays without annotation though it could have one, and why."""

    location: Location
    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that is to be written, and what cannot be."""

    changes: tuple[FileChange, ...]
    left_alone: tuple[LeftAlone, ...]


def plan_annotations(flows: Iterable[Flow[Any]], folder: Path) -> Plan:
    """Return the annotations that the handlers of *flows* lack.

    Args:
        flows: whose types are all known.
        folder: the flows folder; files outside of it are not touched.

    Raises:
        DefinitionError: a flow is wrong, or the type of a handler is not known.
    """
    return _Planner(folder.resolve()).plan(flows)


@dataclass(slots=True)
class _Module:
    """A file with handlers."""

    source: SourceFile
    names: ModuleNames
    heads: list[Edit] = field(default_factory=list[Edit])
    needs: list[TypeText] = field(default_factory=list[TypeText])
    first_line: int = 0


@dataclass(slots=True)
class _Handler:
    """A `def` that lacks annotations. One in a function may be the handler of several steps."""

    location: Location
    function: Function
    module: _Module
    line: int
    """Before which its classes go."""
    wanted: list[dict[str, Any]]
    """For each step, the types by argument; that of the result as `return`."""


class _Planner:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._modules: dict[Path, _Module] = {}
        self._classes = NewTypedDicts()
        self._left_alone: list[LeftAlone] = []

    def plan(self, flows: Iterable[Flow[Any]]) -> Plan:
        handlers = self._handlers(flows)
        for handler in handlers:
            for types in handler.wanted:
                self._add_classes(handler, types)
        for handler in handlers:
            self._annotate(handler)
        changes = [self._change(module) for module in self._modules.values() if module.heads]
        return Plan(changes=tuple(changes), left_alone=tuple(self._left_alone))

    def _handlers(self, flows: Iterable[Flow[Any]]) -> list[_Handler]:
        handlers: dict[tuple[str, int, str], _Handler] = {}
        for flow in flows:
            for step in flow.steps.values():
                types = _missing(step)
                code = inspect.unwrap(step.fn).__code__
                key = (code.co_filename, code.co_firstlineno, code.co_name)
                if key in handlers:
                    handlers[key].wanted.append(types)
                elif types and (handler := self._handler(step, types)) is not None:
                    handlers[key] = handler
        return [handlers[key] for key in sorted(handlers)]

    def _handler(self, step: Step[Any], types: dict[str, Any]) -> _Handler | None:
        inner = inspect.unwrap(step.fn)
        code = inner.__code__
        path = Path(code.co_filename).resolve()
        if not path.is_relative_to(self._folder) or "site-packages" in path.parts:
            self._leave(step.location, "the handler", f"its file is not in {self._folder.name}/")
            return None
        try:
            module = self._module(path, inner.__globals__)
            function = module.source.function(code.co_name, code.co_firstlineno)
        except (OSError, SyntaxError, UnicodeError) as error:
            self._leave(step.location, "the handler", f"its file cannot be read: {error}")
            return None
        if function is None:
            self._leave(step.location, "the handler", "it is no `def`, or the file was changed")
            return None
        line = module.source.place_before(function)
        return _Handler(step.location, function, module, line, [types])

    def _module(self, path: Path, namespace: Mapping[str, Any]) -> _Module:
        if path not in self._modules:
            source = SourceFile(path)
            names = ModuleNames(source, namespace, self._folder)
            self._modules[path] = _Module(source, names)
        return self._modules[path]

    def _add_classes(self, handler: _Handler, types: Mapping[str, Any]) -> None:
        """Plan the TypedDicts of a result, in the module that it is written in."""
        if _RESULT in types:
            try:
                self._classes.add_all(types[_RESULT], handler.module.names, handler.line)
            except NotWritableError:
                # Told with the reason when the result is to be written.
                return

    def _annotate(self, handler: _Handler) -> None:
        module, function = handler.module, handler.function
        texts: dict[str, str] = {}
        unannotated = [name for name, done in arguments_of(function).items() if not done]
        wanted = [*unannotated, *([_RESULT] if function.returns is None else [])]
        for name in wanted:
            try:
                written = self._agreed(handler, name)
            except NotWritableError as error:
                what = "the result" if name == _RESULT else f"argument {name!r}"
                self._leave(handler.location, what, str(error))
                continue
            module.needs.append(written)
            postpones = module.names.scope.postpones
            texts[name] = written.text if postpones else written.quoted_at(function.lineno)
        if not texts:
            return
        result = texts.pop(_RESULT, None)
        module.first_line = min(module.first_line or handler.line, handler.line)
        module.heads += signature_edits(module.source, function, texts, result)
        if len(texts) == len(unannotated):
            module.heads += type_comment_edits(module.source, function)

    def _agreed(self, handler: _Handler, name: str) -> TypeText:
        """Return the type that all steps of a handler have for one part of it."""
        names = handler.module.names
        first, *others = [
            type_text(types[name], names, self._classes.find)
            for types in handler.wanted
            if name in types
        ]
        for other in others:
            if other.text != first.text:
                raise NotWritableError(
                    f"the handler makes several steps, with `{first.text}` and `{other.text}`"
                )
        return first

    def _change(self, module: _Module) -> FileChange:
        source, names = module.source, module.names
        classes: dict[int, NewTypedDict] = {}
        new_imports = {one for text in module.needs for one in text.new_imports}
        for new in _with_parts(module.needs):
            if new.module == names.module and id(new) not in classes:
                classes[id(new)] = new
                new_imports |= {one for text in new.needs for one in text.new_imports}
        edits = import_edits(
            source,
            new_imports,
            before=module.first_line,
            folder_modules=self._folder_modules(),
        )
        parted: set[int] = set()
        for new in classes.values():
            at = source.line_start(new.line)
            above = source.lines[new.line - 2] if new.line > 1 else "\n"
            gap = "" if new.line in parted or not above.strip() else source.newline * 2
            parted.add(new.line)
            text = class_text(new, source, postpones=names.scope.postpones)
            edits.append(Edit(at, at, gap + text))
        after = source.edited([*edits, *module.heads])
        return FileChange(
            path=source.path, encoding=source.encoding, before=source.content, after=after
        )

    def _folder_modules(self) -> frozenset[str]:
        inside = {path.stem for path in self._folder.iterdir()}
        return frozenset({*inside, self._folder.name})

    def _leave(self, location: Location, what: str, why: str) -> None:
        self._left_alone.append(LeftAlone(location=location, what=what, why=why))


def _missing(step: Step[Any]) -> dict[str, Any]:
    """Return the types of what the handler has not annotated."""
    binding = step.binding
    types: dict[str, Any] = {}
    for name, parameter in inspect.signature(step.fn).parameters.items():
        if parameter.annotation is inspect.Parameter.empty:
            is_context = name == step.context_parameter
            types[name] = StepContext if is_context else binding.annotations[name]
    if not step.handler.says_result:
        types[_RESULT] = binding.returned.annotation
    return types


def _with_parts(texts: Sequence[TypeText]) -> Iterable[NewTypedDict]:
    """Yield the new classes of *texts*, each after those that its own fields need."""
    for text in texts:
        for new in text.new_classes:
            yield from _with_parts(new.needs)
            yield new
