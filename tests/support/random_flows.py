"""Random flows as somebody would write them: the text of a flow module, and what its handlers do.

Every delay is another one, so that no two handlers of different steps run at the same moment: which
of two failures at one moment a run names, neither the engine nor the runner in memory promises.
"""

from __future__ import annotations

import random
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pgflow_dsl import Flow, Retry

HEAD: Final = """\
from pydantic import BaseModel

from pgflow_dsl import Flow, RunError, contains, each, is_null, length, not_, one_of, or_else


class Given(BaseModel):
    n: int
    ns: list[int]
    flag: bool
    text: str | None


inner = Flow("inner", payload=int, jitter=0, max_attempts={attempts}, base_delay={base})


@inner.step(start_delay={delay})
def first(n: int = inner.payload) -> int:
    return work("inner.first", n)


inner_nap = inner.sleep("inner_nap", until=first.result)


@inner.step(after=(inner_nap,), when=first.result != {unwanted})
def last(n: int = first.result) -> int:
    return work("inner.last", n)


flow = Flow("random", payload=Given, jitter=0, deadline={deadline})
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """When a handler fails: for some arguments always, and the first times for all."""

    always: int | None
    """Fails for good where the number that it makes of its arguments is this one."""
    first: int
    retry_after: float | None


@dataclass(slots=True, kw_only=True)
class RandomFlow:
    """One flow of a seed."""

    source: str
    troubles: Mapping[str, Trouble]
    payload: Mapping[str, Any]
    sent: Mapping[str, tuple[float, int]]
    """By signal: when it is sent, and what."""

    def load(self) -> dict[str, Any]:
        """Return the names of the module, run anew: its handlers remember nothing."""
        names: dict[str, Any] = {"work": worker_of(self.troubles), "__name__": "random_flow"}
        exec(compile(self.source, "random_flow.py", "exec"), names)
        return names


def worker_of(troubles: Mapping[str, Trouble]) -> Callable[..., int]:
    """Return what handlers call: a digit made of their arguments, or an error."""
    calls = Counter[str]()

    def work(slug: str, *arguments: object) -> int:
        digit = zlib.crc32(repr((slug, arguments)).encode()) % 10
        trouble = troubles.get(slug)
        if trouble is None:
            return digit
        calls[repr((slug, arguments))] += 1
        if calls[repr((slug, arguments))] <= trouble.first:
            if trouble.retry_after is None:
                raise ValueError("not yet")
            raise Retry("later", after=trouble.retry_after)
        if digit == trouble.always:
            raise ValueError("never")
        return digit

    return work


@dataclass(slots=True)
class Step:
    """What later steps must know of an earlier one."""

    slug: str
    is_list: bool
    type: str
    """Of its result, as dependents may find it."""

    @property
    def is_nullable(self) -> bool:
        return self.type.endswith("| None")


@dataclass(slots=True)
class Maker:
    """Writes the flow of one seed, step by step."""

    seed: int
    chance: random.Random = field(init=False)
    starts_runs: bool = False
    ends: set[str] = field(default_factory=set[str])
    lines: list[str] = field(default_factory=list[str])
    steps: list[Step] = field(default_factory=list[Step])
    troubles: dict[str, Trouble] = field(default_factory=dict[str, Trouble])
    sent: dict[str, tuple[float, int]] = field(default_factory=dict[str, tuple[float, int]])

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def flow(self) -> RandomFlow:
        """Return it."""
        self.lines.append(
            HEAD.format(
                attempts=self.chance.randint(1, 2),
                base=self.seconds(),
                delay=self.seconds(),
                unwanted=self.chance.randint(0, 9),
                deadline=self.chance.choice([None, None, None, self.seconds(200_000)]),
            )
        )
        if self.chance.random() < 0.5:
            self.troubles["inner.last"] = Trouble(
                always=self.chance.randint(0, 9), first=0, retry_after=None
            )
        for number in range(self.chance.randint(1, 7)):
            make = self.chance.choice(
                [self.single, self.single, self.map, self.signal, self.sleep, self.sub_flow]
            )
            make(f"s{number}")
        if self.chance.random() < 0.4:
            self.failure_handler()
        return RandomFlow(
            source="\n".join(self.lines),
            troubles=self.troubles,
            payload={
                "n": self.chance.randint(0, 9),
                "ns": self.chance.sample(range(10), self.chance.randint(0, 4)),
                "flag": self.chance.random() < 0.5,
                "text": self.chance.choice([None, "a", "ab"]),
            },
            sent=self.sent,
        )

    def single(self, slug: str) -> None:
        """Write a step with a handler."""
        on_failure = self.on_failure()
        options = [*self.options(slug), *self.conduct(), *on_failure]
        self.handler(slug, "step", options, self.arguments(), "int")
        self.add(slug, "int", options)

    def map(self, slug: str) -> None:
        """Write a map step, or a map of sub-flows."""
        lists = ["each[flow.payload.ns]"]
        lists += [f"{s.slug}.each" for s in self.steps if s.type == "list[int]"]
        over = self.chance.choice(lists)
        conduct, on_failure = self.conduct(), self.on_failure()
        item = "int | None" if on_failure == ['on_failure="skip"'] else "int"
        if self.starts_runs or self.chance.random() < 0.5:
            options = [*self.options(slug), *conduct, *on_failure]
            self.handler(slug, "map", options, [f"x: int = {over}"], "int")
        else:
            self.starts_runs = True
            after = self.after()
            options = [f"payload={over}", "result=first", *conduct, *on_failure, *after]
            self.lines.append(f'{slug} = flow.map_sub_flow("{slug}", inner, {", ".join(options)})')
        options = [option for option in options if not option.startswith("on_failure")]
        self.add(slug, f"list[{item}]", options, is_list=True)

    def signal(self, slug: str) -> None:
        """Write a signal, which is sent or not."""
        timeout = self.chance.choice([None, self.seconds(60_000)])
        options = ["int", *([] if timeout is None else [f"timeout={timeout}"])]
        options += [*self.conduct(), *self.after()]
        self.lines.append(f'{slug} = flow.signal("{slug}", {", ".join(options)})')
        self.add(slug, "int" if timeout is None else "int | None", options)
        if timeout is None or self.chance.random() < 0.5:
            self.sent[slug] = self.seconds(80_000), self.chance.randint(0, 9)

    def sleep(self, slug: str) -> None:
        """Write a sleep; two of one end could end at one moment."""
        ends = [f"until={s.slug}.result" for s in self.steps if s.type == "int"]
        ends = [end for end in ["until=flow.payload.n", *ends] if end not in self.ends]
        end = self.chance.choice([f"seconds={self.seconds(60_000)}", *ends])
        self.ends.add(end)
        options = [end, *self.conduct(), *self.after()]
        self.lines.append(f'{slug} = flow.sleep("{slug}", {", ".join(options)})')
        self.add(slug, "None", [])

    def sub_flow(self, slug: str) -> None:
        """Write a step that starts a run; of two in one flow, both runs could end at one moment."""
        if self.starts_runs:
            self.single(slug)
            return
        self.starts_runs = True
        payloads = ["flow.payload.n"]
        payloads += [f"{s.slug}.result" for s in self.steps if s.type == "int"]
        result, returned = self.chance.choice([("first", "int"), ("last", "int | None")])
        options = [f"payload={self.chance.choice(payloads)}", f"result={result}"]
        options += [*self.conduct(), *self.on_failure(), *self.after()]
        self.lines.append(f'{slug} = flow.sub_flow("{slug}", inner, {", ".join(options)})')
        self.add(slug, returned, options)

    def failure_handler(self) -> None:
        """Write what runs once the run has failed."""
        completed = [
            f"{s.slug}: {s.type.removesuffix(' | None')} | None = {s.slug}.if_completed"
            for s in self.steps
            if s.type != "None" and self.chance.random() < 0.5
        ]
        names = "".join(f", {argument.split(':')[0]}" for argument in completed)
        arguments = ", ".join(["error: RunError = flow.error", *completed])
        self.lines.append(
            f"@flow.on_failure\ndef tell({arguments}) -> str:\n"
            f'    return str(error.code) + str(error.step) + str(work("tell"{names}))'
        )

    def handler(
        self, slug: str, decorator: str, options: list[str], arguments: list[str], returned: str
    ) -> None:
        """Write a handler and its decorator."""
        said = ", ".join([*options, *self.after()])
        names = "".join(f", {argument.split(':')[0]}" for argument in arguments)
        self.lines.append(
            f"@flow.{decorator}({said})\ndef {slug}({', '.join(arguments)}) -> {returned}:\n"
            f'    return work("{slug}"{names})'
        )

    def options(self, slug: str) -> list[str]:
        """Return delays and attempts, and let the handler have trouble."""
        most = self.chance.randint(1, 3)
        if self.chance.random() < 0.5:
            first = self.chance.randint(0, most)
            self.troubles[slug] = Trouble(
                always=self.chance.choice([None, self.chance.randint(0, 9)]),
                first=first,
                retry_after=self.seconds() if first < most and self.chance.random() < 0.3 else None,
            )
        backoff = self.chance.choice(["exponential", "fixed"])
        return [
            f"start_delay={self.seconds()}",
            f"max_attempts={most}",
            f"base_delay={self.seconds()}",
            f'backoff="{backoff}"',
        ]

    def arguments(self) -> list[str]:
        """Return some arguments, each with its type and source."""
        sources = ["int = flow.payload.n", "list[int] = flow.payload.ns"]
        sources += [f"{s.type} = {s.slug}.result" for s in self.steps]
        chosen = self.chance.sample(sources, self.chance.randint(0, min(2, len(sources))))
        return [f"x{number}: {source}" for number, source in enumerate(chosen)]

    def after(self) -> list[str]:
        """Return what else must end first."""
        slugs = [step.slug for step in self.steps if self.chance.random() < 0.25]
        return [f"after=({', '.join(slugs)},)"] if slugs else []

    def on_failure(self) -> list[str]:
        """Return a policy, or none."""
        policy = self.chance.choice(["fail", "skip", "skip", "skip_cascade"])
        return [] if policy == "fail" else [f'on_failure="{policy}"']

    def conduct(self) -> list[str]:
        """Return a condition and what follows when it does not hold, or neither."""
        if self.chance.random() < 0.6:
            return []
        unmet = self.chance.choice(["skip", "skip", "skip_cascade", "fail"])
        return [f"when={self.condition()}", f'when_unmet="{unmet}"']

    def condition(self, depth: int = 0) -> str:
        """Return what may hold or not."""
        if depth < 2 and self.chance.random() < 0.3:
            sign = self.chance.choice(["&", "|"])
            return f"({self.condition(depth + 1)}) {sign} ({self.condition(depth + 1)})"
        digit, among = self.chance.randint(1, 8), self.chance.sample(range(10), 5)
        asked = [
            f"flow.payload.n > {digit}",
            "flow.payload.flag",
            "is_null(flow.payload.text)",
            'contains(or_else(flow.payload.text, ""), "b")',
            f"contains(flow.payload.ns, {digit})",
            "length(flow.payload.ns) > 1",
            f"one_of(flow.payload.n, {among})",
            f"not_(flow.payload.n == {digit})",
        ]
        for step in self.steps:
            if step.type in ("int", "int | None"):
                asked += [f"{step.slug}.result <= {digit}", f"not_({step.slug}.result > {digit})"]
            if step.is_list:
                asked.append(f"length({step.slug}.result) > {digit % 3}")
            if step.is_nullable:
                asked.append(f"is_null({step.slug}.result)")
        return self.chance.choice(asked)

    def add(self, slug: str, returned: str, options: list[str], *, is_list: bool = False) -> None:
        """Remember a step for those that follow."""
        said = dict(option.split("=", 1) for option in options if "=" in option)
        is_skippable = said.get("on_failure") == '"skip"' or (
            "when" in said and said["when_unmet"] == '"skip"'
        )
        if is_skippable and not returned.endswith("None"):
            returned += " | None"
        self.steps.append(Step(slug, is_list, returned))

    def seconds(self, most: int = 20_000) -> int:
        """Return a time that hardly comes twice, nor within what handlers really take."""
        return self.chance.randint(1, most)


def random_flow(seed: int) -> RandomFlow:
    """Return the flow of a seed, always the same."""
    return Maker(seed).flow()


def flows_of(names: Mapping[str, Any]) -> tuple[Flow[Any], Flow[Any]]:
    """Return the flow of a loaded module, and the one that it starts runs of."""
    return names["flow"], names["inner"]
