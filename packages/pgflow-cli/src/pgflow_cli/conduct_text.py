"""Say in a few words when a step runs, what it waits for, and what follows when it does not run."""

from collections.abc import Iterator

from pgflow_manifest import FlowSpec, StepSpec, condition_text, source_text


def conduct_text(step: StepSpec) -> str:
    """Return what is special about *step*; empty for a step that simply runs its handler."""
    return "; ".join([*_kind(step), *_policies(step)])


def conduct_lines(flow: FlowSpec) -> list[str]:
    """Return a line for each step of *flow* about which something is special."""
    texts = {step.slug: conduct_text(step) for step in flow.steps}
    return [f"{slug}: {text}" for slug, text in texts.items() if text]


def _kind(step: StepSpec) -> Iterator[str]:
    timeout = step.options.timeout_seconds
    if step.kind == "signal":
        yield "waits for a signal" + ("" if timeout is None else f", for {timeout:g} s at most")
    elif step.kind == "sleep":
        end = f"{step.seconds:g} s" if step.until is None else f"until {source_text(step.until)}"
        yield f"sleeps {end}"
    elif step.kind == "flow":
        output = "its output" if step.flow_step is None else f"the result of {step.flow_step}"
        yield f"starts a run of {step.flow}, and takes {output}"
    elif step.kind == "failure":
        yield "runs once the run has failed"
    if step.over is not None:
        yield f"for each of {source_text(step.over)}"


def _policies(step: StepSpec) -> Iterator[str]:
    if step.when is not None:
        yield f"when {condition_text(step.when)}, else {step.when_unmet}"
    if step.options.start_delay_seconds:
        yield f"{step.options.start_delay_seconds:g} s later"
    if step.on_failure != "fail":
        yield f"on failure {step.on_failure}"
