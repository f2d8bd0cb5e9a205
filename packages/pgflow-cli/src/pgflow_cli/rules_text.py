"""Say of a step what its name does not: what it waits for, when it starts, what if it fails."""

from collections.abc import Iterator

from pgflow_manifest import StepSpec, shown_condition, shown_source


def rules_of(step: StepSpec) -> tuple[str, ...]:
    """Return each of them as text, such as `when score.result > 0.8, else skip`."""
    return tuple(_rules(step))


def rules_document(step: StepSpec) -> dict[str, str | float]:
    """Return the same for scripts, by the names of the manifest; only what is not the default."""
    options = step.options
    facts: dict[str, str | float | None] = {
        "when": None if step.when is None else shown_condition(step.when),
        "when_unmet": None if step.when is None else step.when_unmet,
        "on_failure": None if step.on_failure == "fail" else step.on_failure,
        "timeout_seconds": options.timeout_seconds if step.kind == "signal" else None,
        "seconds": step.seconds,
        "until": None if step.until is None else shown_source(step.until),
        "flow": step.flow,
        "flow_step": step.flow_step,
        "start_delay_seconds": options.start_delay_seconds or None,
    }
    return {name: fact for name, fact in facts.items() if fact is not None}


def _rules(step: StepSpec) -> Iterator[str]:
    options = step.options
    if step.kind == "signal":
        most = options.timeout_seconds
        yield "signal" if most is None else f"signal, for at most {_seconds(most)}"
    elif step.kind == "sleep" and step.seconds is not None:
        yield f"sleep for {_seconds(step.seconds)}"
    elif step.kind == "sleep" and step.until is not None:
        yield f"sleep until {shown_source(step.until)}"
    elif step.kind == "flow":
        each = "" if step.over is None else " for each item"
        taken = "" if step.flow_step is None else f", takes {step.flow_step}"
        yield f"flow {step.flow}{each}{taken}"
    elif step.kind == "failure":
        yield "failure handler"
    if step.when is not None:
        yield f"when {shown_condition(step.when)}, else {step.when_unmet}"
    if options.start_delay_seconds:
        yield f"starts {_seconds(options.start_delay_seconds)} later"
    if step.on_failure != "fail":
        yield f"on failure {step.on_failure}"


def _seconds(seconds: float) -> str:
    return f"{seconds:,.15g} s"
