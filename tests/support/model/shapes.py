"""One step as Hypothesis draws it: its kind, its condition, its policy, and how it waits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st
from tests.support.builders import NO_DIGEST

from pgflow_manifest import (
    AllOf,
    Comparison,
    Condition,
    Contains,
    EachInput,
    Input,
    JsonSchema,
    LengthOperand,
    Not,
    OneOf,
    Operand,
    OperandTest,
    OrElseOperand,
    PayloadInput,
    ResultInput,
    StepKind,
    StepOptions,
    StepSpec,
    ValueOperand,
)

MOST_STEPS: Final = 6
PAYLOAD: Final[JsonSchema] = {"type": ["integer", "array"]}
# A number is a result as well as a list is, and a map over it cannot begin.
RESULT: Final[JsonSchema] = {"type": ["integer", "array"]}
_OUTPUT: Final[JsonSchema] = {"type": ["integer", "array", "object"]}
_TYPES: Final[dict[str, type]] = {
    "integer": int,
    "array": list,
    "object": dict,
    "null": type(None),
}

_TESTS: Final[Sequence[Callable[[Operand], Condition]]] = (
    lambda at: OperandTest(op="is_null", of=at),
    lambda at: Comparison(op="==", left=at, right=ValueOperand(value=5)),
    lambda at: Comparison(op="<", left=LengthOperand(length=at), right=ValueOperand(value=2)),
    lambda at: Contains(left=at, right=ValueOperand(value=1)),
    lambda at: OneOf(left=at, values=([], [1, 2], [6])),
    lambda at: Comparison(
        op=">=", left=OrElseOperand(or_else=(at, 7)), right=ValueOperand(value=5)
    ),
)


def fits(schema: JsonSchema, value: object) -> bool:
    """Return whether a value is of one of the types of a schema."""
    told: list[str] | str = schema["type"]
    kinds = [told] if isinstance(told, str) else told
    return isinstance(value, tuple(_TYPES[kind] for kind in kinds))


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """A condition: tests of the payload or of a dep, all of which must hold, or one."""

    tests: tuple[tuple[int, int, bool], ...]
    """Of what, which test, and whether it must not hold."""
    op: str
    unmet: str

    def condition(self, deps: Sequence[str]) -> Condition:
        """Return it for a step that waits for *deps*."""
        sources: list[PayloadInput | ResultInput] = [PayloadInput()]
        sources += [ResultInput(step=dep) for dep in deps]
        parts: list[Condition] = []
        for source, test, is_negated in self.tests:
            part = _TESTS[test](sources[source % len(sources)])
            parts.append(Not(of=part) if is_negated else part)
        return parts[0] if len(parts) == 1 else AllOf.model_validate({"op": self.op, "of": parts})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One step, after some of the steps that come before it."""

    after: frozenset[int]
    kind: StepKind
    takes_payload: bool
    when: When | None
    on_failure: str
    delay: float
    """Of the first attempt, in seconds."""
    seconds: float | None
    """How long a sleep takes, or a signal is waited for; None: a result says, or for ever."""

    def step(self, number: int, sub_flow: str | None) -> StepSpec:
        """Return the step; it is called by its place in the flow.

        Where there is no *sub_flow*, a step that would start one is a single step.
        """
        kind: StepKind = "single" if sub_flow is None and self.kind == "flow" else self.kind
        deps = tuple(sorted(f"s{dep}" for dep in self.after if dep < number))
        source = ResultInput(step=deps[0]) if deps else PayloadInput()
        said: dict[str, Any] = {"result_schema": RESULT, "on_failure": self.on_failure}
        options: dict[str, Any] = {}
        match kind:
            case "map":
                types = ["integer", "null"] if self.on_failure == "skip" else ["integer"]
                said["result_schema"] = {"type": "array", "items": {"type": types}}
                said["over"] = source
                options["start_delay_seconds"] = self.delay
            case "signal":
                types = [*RESULT["type"], *([] if self.seconds is None else ["null"])]
                said |= {"result_schema": {"type": types}, "on_failure": "fail"}
                options["timeout_seconds"] = self.seconds
            case "sleep":
                said |= {"result_schema": {"type": "null"}, "seconds": self.seconds}
                said["until"] = source if self.seconds is None else None
                said["on_failure"] = self.on_failure if self.seconds is None else "fail"
            case "flow":
                said |= {"result_schema": _OUTPUT, "flow": sub_flow}
                said["flow_step"] = "s0" if self.takes_payload else None
            case _:
                options["start_delay_seconds"] = self.delay
        if self.when is not None:
            said |= {"when": self.when.condition(deps), "when_unmet": self.when.unmet}
        return StepSpec(
            slug=f"s{number}",
            kind=kind,
            deps=deps,
            inputs=self._inputs(kind, deps, source),
            options=StepOptions(**options),
            digest=NO_DIGEST,
            **said,
        )

    def _inputs(
        self, kind: str, deps: Sequence[str], source: PayloadInput | ResultInput
    ) -> dict[str, Input]:
        if kind in ("signal", "sleep"):
            return {}
        if kind == "flow":
            return {"payload": source}
        inputs: dict[str, Input] = {dep: ResultInput(step=dep) for dep in deps}
        if self.takes_payload:
            inputs["payload"] = PayloadInput()
        if kind == "map":
            inputs["item"] = EachInput()
        return inputs


_tests = st.tuples(st.integers(0, 3), st.integers(0, len(_TESTS) - 1), st.booleans())
_whens = st.builds(
    When,
    tests=st.lists(_tests, min_size=1, max_size=2).map(tuple),
    op=st.sampled_from(["and", "or"]),
    unmet=st.sampled_from(["skip", "skip_cascade", "skip", "skip_cascade", "fail"]),
)
_WEIGHTS: Final[dict[StepKind, int]] = {"single": 6, "map": 4, "signal": 2, "sleep": 2, "flow": 2}
_KINDS: Final = [kind for kind, weight in _WEIGHTS.items() for _ in range(weight)]
shapes: Final = st.builds(
    Shape,
    after=st.frozensets(st.integers(0, MOST_STEPS - 2), max_size=3),
    kind=st.sampled_from(_KINDS),
    takes_payload=st.booleans(),
    when=st.none() | st.none() | _whens,
    on_failure=st.sampled_from(["fail", "fail", "skip", "skip_cascade"]),
    delay=st.sampled_from([0.0, 0.0, 0.0, 7.0]),
    seconds=st.sampled_from([None, 3.0, 15.0, 0.5]),
)
