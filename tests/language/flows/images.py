"""Map steps whose items fail, are tried again, or end the whole step."""

from pgflow_dsl import Flow, GiveUp, StepContext, each

flow = Flow("images", payload=list[str], max_attempts=2, base_delay=0.05)


@flow.map(on_failure="skip")
def shrink(image: str = each[flow.payload], context: StepContext = flow.context) -> str:
    if image.endswith(".gif"):
        raise GiveUp("no gif")
    if image.startswith("shy") and context.attempt == 1:
        raise ConnectionError("not yet")
    return f"small {image}"


@flow.map
async def title(small: str | None = shrink.each, context: StepContext = flow.context) -> str:
    return f"{context.task_index}: {small or 'nothing'}"


@flow.step
def album(titles: list[str] = title.result, images: list[str] = flow.payload) -> str:
    return f"{len(images)} images, {', '.join(titles)}"


strict = Flow("strict_images", payload=list[str], max_attempts=2, base_delay=0.05)


@strict.map(on_failure="skip_cascade")
def check(image: str = each[strict.payload]) -> int:
    if image.endswith(".gif"):
        raise GiveUp("no gif")
    return len(image)


@strict.step
def total(sizes: list[int] = check.result) -> int:
    return sum(sizes)


@strict.step
def count(images: list[str] = strict.payload) -> int:
    return len(images)
