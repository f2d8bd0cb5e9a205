"""Infer the result types of un-annotated handlers: plan, ask once, fold, and check the outcome."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import FunctionType
from typing import Any, Final

from pgflow_cli.inference.classes import Classes, NoShapeError
from pgflow_cli.inference.engine import (
    Answer,
    Engine,
    EngineError,
    Instance,
    NotInferredError,
    Span,
)
from pgflow_cli.inference.folding import Folder, Frame
from pgflow_cli.inference.overlay import Overlay
from pgflow_cli.inference.parameters import Passed
from pgflow_cli.inference.plan import Call, FunctionPlan, Leaf, all_within
from pgflow_cli.inference.planning import plan_function
from pgflow_cli.inference.pyrefly import Pyrefly, is_installed
from pgflow_cli.inference.shapes import holds_never, item_of_list, part_of, unite, widen
from pgflow_cli.inference.sources import FunctionNode, Sources, is_of_project
from pgflow_dsl import Flow, Step, handler_digest
from pgflow_dsl.adoption import annotated_head, unknown_result
from pgflow_dsl.source import Source as ArgumentSource
from pgflow_dsl.types.from_inferred import VanishedError, annotation_from, object_title
from pgflow_dsl.types.json_type import result_type
from pgflow_manifest import CollectionShape, InferredResult, NoneShape, ResultTypeError, Shape


def infer_flows(flows: Sequence[Flow[Any]]) -> Mapping[tuple[str, str], InferredResult]:
    """Return, by flow and step, the types of the results that no annotation tells.

    Nothing is run: the handlers are read, and a type checker is asked. The flows are left as they
    are; `Flow.adopt_types` takes over what comes out.

    Args:
        flows: as they were discovered; steps whose type is known already are left out.

    Raises:
        ResultTypeError: of some handler nothing exact can be inferred; all of them are told, with
            file, line, expression and reason. Or the type checker is not installed.
        DefinitionError: a handler is no `def` in a file.
    """
    steps = [step for flow in flows for step in flow.steps_to_infer]
    if not steps:
        return {}
    if not is_installed():
        raise unknown_result(steps[0].handler)
    try:
        with Pyrefly(*_search_paths(steps)) as engine:
            return _Inference(engine, steps).run()
    except EngineError as error:
        raise steps[0].location.error(
            ResultTypeError,
            f"cannot infer what the handler returns: {error}",
            hint="install the version of pyrefly that is known to work, `pip install "
            '"pgflow-cli[infer]"`, or annotate the handler',
        ) from error


_MOST_ROUNDS: Final = 5


class _Inference:
    def __init__(self, engine: Engine, steps: Sequence[Step[Any]]) -> None:
        self._engine = engine
        self._steps = steps
        self._sources = Sources()
        self._plans: dict[Callable[..., object], FunctionPlan | None] = {}
        self._overlays: dict[str, Overlay] = {}
        self._found: dict[tuple[str, str], InferredResult] = {}
        self._failed: dict[tuple[str, str], ResultTypeError] = {}

    def run(self) -> Mapping[tuple[str, str], InferredResult]:
        for step in self._steps:
            self._take_in(step.fn)
        parameters: dict[tuple[FunctionNode, str], Shape] = {}
        for _ in range(_MOST_ROUNDS):
            learned = self._run_with(parameters)
            if learned == parameters or not (parameters or self._failed):
                break
            parameters = learned
        else:
            # Each round brought other types, such as of a helper that calls itself with more.
            self._run_with({})
        if self._failed:
            raise _all_of(list(self._failed.values()))
        return self._found

    def _run_with(
        self, parameters: Mapping[tuple[FunctionNode, str], Shape]
    ) -> dict[tuple[FunctionNode, str], Shape]:
        """Infer everything, taking *parameters* for declared; return what calls really pass."""
        self._found.clear()
        self._failed.clear()
        self._make_overlays(parameters)
        answers = self._ask()
        classes = Classes(self._sources, self._original_line)
        passed = Passed()
        folder = Folder(answers, classes, self._plans.get, self._result_of, passed)
        for step in self._steps:
            if not any(_key(source.step) in self._failed for source in _sources_of(step)):
                self._infer(step, folder, answers, classes)
        return passed.united_with(parameters)

    def _take_in(self, fn: Any) -> None:
        """Plan *fn* and every function of the project that it calls."""
        pending: list[Any] = [fn, inspect.unwrap(fn)]
        while pending:
            function = pending.pop()
            if not isinstance(function, FunctionType) or function in self._plans:
                continue
            is_own = function is inspect.unwrap(fn) or is_of_project(function)
            found = self._sources.function(function) if is_own else None
            plan = None if found is None else plan_function(function, *found)
            self._plans[function] = plan
            if plan is not None:
                calls = (each for each in all_within(plan.returns) if isinstance(each, Call))
                pending.extend(call.function for call in calls)

    def _make_overlays(self, parameters: Mapping[tuple[FunctionNode, str], Shape]) -> None:
        handlers: dict[str, list[FunctionNode]] = {}
        for step in self._steps:
            inner: Any = inspect.unwrap(step.fn)
            if (plan := self._plans[inner]) is not None:
                handlers.setdefault(plan.source.file, []).append(plan.node)
        sources = {plan.source for plan in self._plans.values() if plan is not None}
        for source in sources:
            own = handlers.get(source.file, [])
            # What a handler is called with by others says nothing about its own result.
            helpers = {
                key: shape
                for key, shape in parameters.items()
                if key[0] in source.parents and key[0] not in own
            }
            self._overlays[source.file] = Overlay(source, own, helpers)

    def _ask(self) -> dict[ast.AST, Answer]:
        """Return the checker's answers, by expression or, for a function itself, by its `def`."""
        spans: dict[ast.AST, Span] = {}
        for plan in self._plans.values():
            if plan is None:
                continue
            spans[plan.node] = self._overlays[plan.source.file].span_of_name(plan.node)
            for each in all_within(plan.returns):
                if isinstance(each, Leaf | Call):
                    spans[each.node] = self._overlays[each.source.file].span(each.node)
        texts = {file: overlay.text for file, overlay in self._overlays.items()}
        answers = self._engine.types_of(texts, list(spans.values()))
        return dict(zip(spans, answers, strict=True))

    def _original_line(self, file: str, line: int) -> int:
        overlay = self._overlays.get(file)
        return line if overlay is None else overlay.original_line(line)

    def _result_of(self, source: ArgumentSource) -> Shape | None:
        """Return what *source* leads to, when it begins at a result that was inferred here."""
        if source.over is not None:
            the_list = self._result_of(source.over)
            whole = None if the_list is None else item_of_list(the_list)
        else:
            found = None if source.step is None else self._found.get(_key(source.step))
            whole = None if found is None else found.shape
            if whole is not None and source.step is not None:
                whole = _as_taken(whole, source.step, if_completed=source.if_completed)
        return None if whole is None else part_of(whole, source.parts)

    def _infer(
        self,
        step: Step[Any],
        folder: Folder,
        answers: Mapping[ast.AST, Answer],
        classes: Classes,
    ) -> None:
        digest = handler_digest(step.fn)
        try:
            shape = widen(self._folded(step, folder, answers, classes))
            self._refuse_never(step, shape)
            _check(step, shape)
        except NotInferredError as error:
            self._failed[_key(step)] = _told(step, error)
        except ResultTypeError as error:
            self._failed[_key(step)] = error
        else:
            self._found[_key(step)] = InferredResult(shape=shape, handler_digest=digest)

    def _refuse_never(self, step: Step[Any], shape: Shape) -> None:
        if holds_never(shape):
            plan = self._plan_of(step)
            raise NotInferredError(
                "it never returns, or only an empty list or dict, of which nobody knows what it "
                "would hold",
                plan.source.file,
                plan.node,
            )

    def _plan_of(self, step: Step[Any]) -> FunctionPlan:
        plan = self._plans[inspect.unwrap(step.fn)]
        assert plan is not None
        return plan

    def _folded(
        self,
        step: Step[Any],
        folder: Folder,
        answers: Mapping[ast.AST, Answer],
        classes: Classes,
    ) -> Shape:
        fn: Any = step.fn
        plan = self._plans[fn]
        if plan is not None:
            # A wrapper takes whatever its handler does.
            is_wrapper = fn is not inspect.unwrap(fn)
            frame = Frame(plan=plan) if is_wrapper else Frame(plan=plan, sources=step.sources)
            return folder.result(frame, awaits=step.is_async and not plan.is_async)
        # A decorator of a library, into which nobody looks: what does the checker make of it?
        inner = self._plan_of(step)
        answer = answers[inner.node]
        try:
            if isinstance(answer, Instance) and answer.name == "Step":
                whole = classes.shape(answer.arguments[0])
                if step.kind != "map":
                    return whole
                if (item := item_of_list(whole)) is not None:
                    return item
            reason = "its decorator may return something else"
        except NoShapeError as error:
            reason = f"behind its decorator, {error.reason}"
        raise NotInferredError(reason, inner.source.file, inner.node)


def _as_taken(shape: Shape, step: Step[Any], *, if_completed: bool) -> Shape:
    """Return what dependents find of *step*, whose handler returns *shape*."""
    if step.handler.is_map:
        has_gaps = step.conduct.on_failure == "skip"
        items = unite([shape, NoneShape()]) if has_gaps else shape
        shape = CollectionShape(kind="list", items=items)
    return unite([shape, NoneShape()]) if if_completed or step.may_be_null else shape


def _check(step: Step[Any], shape: Shape) -> None:
    """Make sure that *shape* has an exact JSON form; raises `ResultTypeError`."""
    fn: Any = inspect.unwrap(step.fn)
    try:
        annotation = annotation_from(shape, title=object_title(step.slug), home=fn.__globals__)
    except VanishedError as error:
        raise step.location.error(
            ResultTypeError,
            f"cannot infer what the handler returns: `{error.name}` is not there at run time, "
            f"{error.why}",
            hint="import or define it at module level, not under `TYPE_CHECKING`",
        ) from error
    result_type(annotation, step.location)


def _told(step: Step[Any], error: NotInferredError) -> ResultTypeError:
    location = replace(step.location, file=error.file, line=error.line)
    advice = f"annotate it, `{annotated_head(step.handler)} -> T`, where T is a pydantic model, a "
    advice += "dataclass, a TypedDict or a JSON type"
    return location.error(
        ResultTypeError,
        f"cannot infer what the handler returns: {error.reason} (at `{error.expression}`)",
        hint=f"{error.hint}; or {advice}" if error.hint else advice,
        expression=error.expression,
        reason=error.reason,
    )


def _all_of(errors: Sequence[ResultTypeError]) -> ResultTypeError:
    """Return one error that tells all of them."""
    *others, last = errors
    return ResultTypeError(
        "\n".join([*(str(error) for error in others), last.message]),
        hint=last.hint,
        details=errors[0].details,
    )


def _key(step: Step[Any] | None) -> tuple[str, str]:
    return ("", "") if step is None else (step.flow_slug, step.slug)


def _sources_of(step: Step[Any]) -> Iterator[ArgumentSource]:
    yield from step.sources.values()


def _search_paths(steps: Sequence[Step[Any]]) -> tuple[list[Path], list[Path]]:
    """Return where modules of the user are found by their whole name, and by their bare one."""
    whole: dict[Path, None] = {}
    bare: dict[Path, None] = {}
    for step in steps:
        fn: Any = inspect.unwrap(step.fn)
        path = Path(fn.__code__.co_filename)
        depth = str(fn.__globals__.get("__name__", "")).count(".")
        folders = path.parents
        is_package = path.name == "__init__.py"
        whole[folders[min(depth + is_package, len(folders) - 1)]] = None
        if depth:
            bare[folders[min(depth - 1 + is_package, len(folders) - 1)]] = None
    return list(whole), list(bare)
