"""A flow compiles to the same manifest, byte for byte, in every process."""

import dataclasses
import enum
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from pgflow_dsl import Flow, compile_flows
from pgflow_manifest import (
    DuplicateStepError,
    FlowOptions,
    PayloadInput,
    ResultInput,
    StepOptions,
    dump_manifest,
    load_manifest,
)


class Memo(BaseModel):
    """What was recorded."""

    model_config = ConfigDict(alias_generator=to_camel)
    object_name: str
    owner_id: str = "me"


class Text(BaseModel):
    text: str = Field(serialization_alias="words", validation_alias=AliasChoices("words", "text"))


def voice_memo() -> Flow[Memo]:
    flow = Flow(
        "voice_memo",
        payload=Memo,
        description="Turn speech into text.\n\nMore.",
        timeout=60,
        client_startable=True,
    )

    @flow.step
    def transcribe(memo: Memo = flow.payload) -> Text:
        """Write down\n        what was said.

        In detail.
        """
        return Text(words=memo.object_name)  # type: ignore[call-arg]

    @flow.step(max_attempts=5, base_delay=2, max_delay=30.5, jitter=0, timeout=10)
    async def summarize(t: Text = transcribe.result, owner: str = flow.payload.owner_id) -> str:
        return t.text + owner

    @flow.step
    def clean() -> None:
        return None

    @flow.step
    def capitalize(text: str = transcribe.result.text) -> str:
        return text.upper()

    @flow.step(slug="merge", after=(clean, capitalize))
    def join(s: str = summarize.result, again: str = summarize.result) -> list[str]:
        return [s, again]

    return flow


def test_a_flow_compiles_to_its_graph_its_schemas_and_its_options() -> None:
    spec = voice_memo().compile()
    assert spec.slug == "voice_memo"
    assert spec.description == "Turn speech into text."
    assert spec.client_startable
    assert spec.options == FlowOptions(timeout_seconds=60)
    assert [s.slug for s in spec.steps] == [
        "transcribe",
        "clean",
        "summarize",
        "capitalize",
        "merge",
    ]
    assert spec.leaf_slugs == ("merge",)
    assert set(spec.payload_schema["properties"]) == {"objectName", "ownerId"}
    assert spec.payload_schema["required"] == ["objectName"]
    transcribe = spec.step("transcribe")
    assert transcribe.description == "Write down what was said."
    assert transcribe.deps == ()
    assert transcribe.inputs == {"memo": PayloadInput()}
    assert transcribe.result_schema["required"] == ["words"]
    assert transcribe.options == StepOptions()
    summarize = spec.step("summarize")
    assert summarize.inputs == {
        "t": ResultInput(step="transcribe"),
        "owner": PayloadInput(path=("ownerId",)),
    }
    assert summarize.options == StepOptions(
        max_attempts=5,
        base_delay_seconds=2,
        max_delay_seconds=30.5,
        jitter=0,
        timeout_seconds=10,
    )
    assert spec.step("clean").result_schema == {"type": "null"}
    assert spec.step("capitalize").inputs == {
        "text": ResultInput(step="transcribe", path=("words",))
    }
    assert spec.step("merge").deps == ("capitalize", "clean", "summarize")
    assert spec.step("merge").inputs == {
        "s": ResultInput(step="summarize"),
        "again": ResultInput(step="summarize"),
    }


def test_a_compiled_manifest_passes_its_own_checks_and_can_be_read_back() -> None:
    other = Flow("another", payload=Memo)

    @other.step
    def only(memo: Memo = other.payload) -> str:
        return memo.object_name

    manifest = compile_flows([voice_memo(), other])
    assert [flow.slug for flow in manifest.flows] == ["another", "voice_memo"]
    assert load_manifest(dump_manifest(manifest)) == manifest


def test_two_flows_with_one_slug_are_refused() -> None:
    first, second = voice_memo(), voice_memo()
    with pytest.raises(DuplicateStepError, match=r"another flow has this slug, at .*test_compile"):
        compile_flows([first, second])
    assert len(compile_flows([first, first]).flows) == 1


def test_options_and_docstrings_do_not_change_digests_and_types_do() -> None:
    def flow_with(result: type[Any], **options: Any) -> Flow[Any]:
        flow = Flow("f", payload=Memo)

        def work(memo: Memo = flow.payload) -> object:
            return memo

        work.__annotations__["return"] = result
        work.__doc__ = str(options)
        flow.step(**options)(cast("Callable[[], str]", work))
        return flow

    plain = flow_with(str).compile()
    assert flow_with(str, max_attempts=7).compile().digest == plain.digest
    assert flow_with(int).compile().digest != plain.digest


MODULE = """
import dataclasses, enum, typing
from pydantic import BaseModel
from pgflow_dsl import Flow, compile_flows
from pgflow_manifest import dump_manifest

class Color(enum.StrEnum):
    RED = "red"
    BLUE = "blue"

@dataclasses.dataclass
class Part:
    tags: frozenset[str] = frozenset({"one", "two", "three", "four"})
    colors: "set[Color] | None" = None

class Memo(BaseModel):
    parts: dict[str, list[Part]] = {}
    tags: set[str] = {"alpha", "beta", "gamma", "delta"}
    either: typing.Literal["x", "y"] | Color | int = 1

flow = Flow("seeds", payload=Memo)

@flow.step
def first(memo: Memo = flow.payload) -> Memo:
    return memo

@flow.step
def second(tags: set[str] = first.result.tags, memo: Memo = first.result) -> dict[str, Part]:
    return {}

@flow.step(after=(second, first))
def third() -> None:
    return None

import sys
sys.stdout.buffer.write(dump_manifest(compile_flows([flow])))
"""


def test_the_bytes_are_the_same_in_every_process_and_for_every_hash_seed(tmp_path: Path) -> None:
    module = tmp_path / "seeds.py"
    module.write_text(MODULE)
    outputs = {
        subprocess.run(
            [sys.executable, module],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(outputs) == 1


class Level(enum.Enum):
    HIGH = "high"
    LOW = "low"


@dataclasses.dataclass
class Order:
    level: Level = Level.HIGH
    late: "Later | None" = None


class Later(BaseModel):
    n: int


def test_any_json_type_can_be_a_payload() -> None:
    payloads: list[Any] = [Order, list[Later], dict[str, int], str, Level, int | None]
    for payload in payloads:
        flow: Flow[Any] = Flow("any_json", payload=payload)

        def work(it: Any = flow.payload) -> int:
            return 1

        work.__annotations__["it"] = payload
        flow.step(work)
        assert flow.compile().payload_schema


class Tagged(BaseModel):
    tags: frozenset[str] = frozenset(["b", "c", "a"])
    levels: set[Level] = {Level.LOW, Level.HIGH}


def test_the_default_of_a_set_is_written_in_order() -> None:
    flow = Flow("tagged", payload=Tagged)

    @flow.step
    def work(tags: frozenset[str] = flow.payload.tags) -> int:
        return len(tags)

    assert flow.compile().payload_schema["properties"]["tags"]["default"] == ["a", "b", "c"]
    assert flow.compile().payload_schema["properties"]["levels"]["default"] == ["high", "low"]
    assert flow.test(Tagged()).results["work"] == 3
