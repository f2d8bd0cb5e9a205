"""Handlers without annotations: what is known at once, what was inferred, what is missing."""

import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.support.dsl_flows import refused
from tests.support.inferred_types import infer

from pgflow_dsl import DiscoveredFlow, Flow, compile_flows, discover_flows
from pgflow_manifest import (
    DefinitionError,
    HandlerSignatureError,
    InferredResult,
    Manifest,
    ResultTypeError,
    dump_manifest,
    load_manifest,
)

VOICE_MEMO = '''
from pydantic import BaseModel
from pgflow_dsl import Flow

class VoiceMemo(BaseModel):
    object_name: str
    owner_id: str = "me"

class Transcription(BaseModel):
    transcription: str

flow = Flow("voice_memo", payload=VoiceMemo)

@flow.step
async def transcribe(memo=flow.payload):
    return Transcription(transcription=f"said in {memo.object_name}")

@flow.step
def summarize(t=transcribe.result, ctx=flow.context):
    """Shorten it."""
    return {"summary": t.transcription[:4], "attempt": ctx.attempt}

@flow.step(max_attempts=5)
def capitalize(text=transcribe.result.transcription):
    return text.upper()

@flow.step
def merge(summary=summarize.result["summary"], loud=capitalize.result, owner=flow.payload.owner_id):
    return {"summary": summary, "loud": loud, "owner": owner}
'''
SHAPES: dict[str, Any] = {
    "transcribe": {"kind": "class", "module": "flows.memo", "name": "Transcription"},
    "summarize": {
        "kind": "object",
        "fields": {
            "summary": {"type": {"kind": "scalar", "name": "str"}},
            "attempt": {"type": {"kind": "scalar", "name": "int"}},
        },
    },
    "capitalize": {"kind": "scalar", "name": "str"},
    "merge": {
        "kind": "object",
        "fields": {
            name: {"type": {"kind": "scalar", "name": "str"}}
            for name in ("summary", "loud", "owner")
        },
    },
}
MEMO = {"object_name": "a.wav"}


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """Return `write(source)`: puts the module `memo` into a folder `flows`, which it returns."""

    def write(source: str) -> Path:
        folder = tmp_path / "flows"
        folder.mkdir(exist_ok=True)
        (folder / "memo.py").write_text(textwrap.dedent(source))
        return folder

    return write


def only(found: list[DiscoveredFlow]) -> Flow[Any]:
    (one,) = found
    return one.flow


def compiled(folder: Path) -> Manifest:
    """Return the manifest of the voice memo, as `pgflow compile` makes it."""
    flow = only(discover_flows(folder))
    infer(flow, SHAPES)
    return load_manifest(dump_manifest(compile_flows([flow])))


def test_a_flow_without_any_annotation_says_which_steps_need_inference(
    write: Callable[[str], Path],
) -> None:
    folder = write(VOICE_MEMO)
    flow = only(discover_flows(folder))
    assert [step.slug for step in flow.steps_to_infer] == list(SHAPES)
    summarize = flow.steps["summarize"]
    assert summarize.location.file == str(folder / "memo.py")
    assert summarize.location.line == VOICE_MEMO.splitlines().index("@flow.step", 14) + 1
    assert {name: str(source) for name, source in summarize.sources.items()} == {
        "t": "transcribe.result"
    }
    assert summarize.context_parameter == "ctx"
    assert summarize.needs_inference
    assert not summarize.is_typed


def test_adopted_types_make_the_schemas_and_stand_in_the_manifest(
    write: Callable[[str], Path],
) -> None:
    spec = compiled(write(VOICE_MEMO)).flow("voice_memo")
    assert spec.step("transcribe").result_schema["required"] == ["transcription"]
    merge = spec.step("merge").result_schema
    assert merge["title"] == "Merge"
    assert merge["required"] == ["summary", "loud", "owner"]
    assert spec.step("merge").inputs["summary"].path == ("summary",)
    inferred = spec.step("summarize").inferred
    assert inferred is not None
    assert inferred.shape.kind == "object"


def test_the_inferred_type_is_no_part_of_the_contract(write: Callable[[str], Path]) -> None:
    inferred = compiled(write(VOICE_MEMO)).flow("voice_memo")
    annotated = VOICE_MEMO.replace("(memo=flow.payload):", "(memo=flow.payload) -> Transcription:")
    annotated = annotated.replace("def capitalize(", "def capitalize(").replace(
        "result.transcription):", "result.transcription) -> str:"
    )
    flow = only(discover_flows(write(annotated)))
    assert [step.slug for step in flow.steps_to_infer] == ["summarize", "merge"]
    infer(flow, SHAPES)
    spec = flow.compile()
    assert spec.digest == inferred.digest
    assert spec.step("transcribe").inferred is None


def test_a_worker_takes_the_types_from_the_manifest(write: Callable[[str], Path]) -> None:
    folder = write(VOICE_MEMO)
    manifest = compiled(folder)
    flow = only(discover_flows(folder, manifest))
    assert flow.steps_to_infer == ()
    assert flow.compile() == manifest.flow("voice_memo")
    transcription: Any = flow.steps["transcribe"].fn.__globals__["Transcription"]
    value = flow.steps["summarize"].decode_args(b'{"t":{"transcription":"a"}}')["t"]
    assert type(value) is transcription
    assert flow.steps["merge"].decode_args(b'{"summary":"a","loud":"b","owner":"c"}') == {
        "summary": "a",
        "loud": "b",
        "owner": "c",
    }


def test_a_run_in_memory_uses_adopted_types(write: Callable[[str], Path]) -> None:
    folder = write(VOICE_MEMO)
    flow = only(discover_flows(folder, compiled(folder)))
    run = flow.test(MEMO)
    assert run.output == {"merge": {"summary": "said", "loud": "SAID IN A.WAV", "owner": "me"}}
    flow.steps["capitalize"].handler.fn.__code__ = (lambda text=None: 1).__code__
    with pytest.raises(Exception, match="it is a `int` where `str` was declared"):
        flow.test(MEMO)


def test_without_types_a_run_in_memory_hands_results_on_as_they_are(
    write: Callable[[str], Path],
) -> None:
    flow = only(discover_flows(write(VOICE_MEMO)))
    run = flow.test(MEMO)
    assert run.output == {"merge": {"summary": "said", "loud": "SAID IN A.WAV", "owner": "me"}}
    assert type(run.results["transcribe"]).__name__ == "Transcription"


def test_a_changed_handler_makes_the_manifest_stale(write: Callable[[str], Path]) -> None:
    manifest = compiled(write(VOICE_MEMO))
    folder = write(VOICE_MEMO.replace("text.upper()", "len(text)"))
    with pytest.raises(DefinitionError, match="the manifest is stale: the handler was") as caught:
        discover_flows(folder, manifest)
    assert "memo.py:2" in str(caught.value)
    assert "step 'capitalize'" in str(caught.value)
    assert "pgflow compile" in (caught.value.hint or "")


def test_layout_comments_docstring_and_options_do_not_make_it_stale(
    write: Callable[[str], Path],
) -> None:
    manifest = compiled(write(VOICE_MEMO))
    changed = VOICE_MEMO.replace("max_attempts=5", "max_attempts=7").replace("Shorten", "Cut")
    changed = "# moved\n\n" + changed.replace(
        "text.upper()", "(\n        text.upper()  # loud\n    )"
    )
    discover_flows(write(changed), manifest)


def test_a_manifest_that_does_not_know_the_step_is_stale(write: Callable[[str], Path]) -> None:
    manifest = compiled(write(VOICE_MEMO))
    folder = write(VOICE_MEMO + "\n@flow.step\ndef more(loud=capitalize.result):\n    return 1\n")
    with pytest.raises(DefinitionError, match=r"step 'more'.* does not say what the handler"):
        discover_flows(folder, manifest)
    with pytest.raises(DefinitionError, match="does not say what the handler"):
        discover_flows(write(VOICE_MEMO), Manifest())


def test_a_class_that_is_gone_is_named(write: Callable[[str], Path]) -> None:
    manifest = compiled(write(VOICE_MEMO))
    lost = VOICE_MEMO.replace("class Transcription(", "class Other(") + "\ndel merge\n"
    with pytest.raises(
        ResultTypeError, match=r"returns `flows\.memo\.Transcription`, which is not"
    ):
        discover_flows(write(lost), manifest)


def test_adopting_for_a_step_that_is_gone_is_refused(write: Callable[[str], Path]) -> None:
    flow = only(discover_flows(write(VOICE_MEMO)))
    one = InferredResult.model_validate({"shape": {"kind": "none"}, "handler_digest": "0" * 64})
    with pytest.raises(DefinitionError, match="no step 'gone'"):
        flow.adopt_types({"gone": one})


def test_a_missing_type_names_line_step_and_what_to_write() -> None:
    flow = Flow("plain", payload=int)

    @flow.step
    async def first(n=flow.payload, ctx=flow.context):  # type: ignore[no-untyped-def]
        return n

    @flow.step
    def second(n: int = first.result) -> int:
        return n

    for needing in (flow.compile, flow.check, lambda: second.encode_result(1)):
        error = refused(
            ResultTypeError,
            needing,
            "step 'first' of flow 'plain': the handler does not say what it returns",
            "`async def first(n=flow.payload, ctx=flow.context) -> T`",
            'pip install "pgflow-cli[infer]"',
        )
        assert error.details["line"] == first.location.line


def test_an_annotated_argument_of_a_known_source_is_checked_although_the_result_is_unknown() -> (
    None
):
    flow = Flow("plain", payload=dict[str, int])

    def work(n: str = flow.payload["a"]):  # type: ignore[no-untyped-def, assignment]
        return n

    refused(HandlerSignatureError, lambda: flow.step(work), "annotated `str`, but")


def test_an_argument_that_can_be_absent_needs_an_annotation_that_says_so(
    write: Callable[[str], Path],
) -> None:
    source = """
        from typing_extensions import NotRequired, TypedDict
        from pgflow_dsl import Flow

        class Order(TypedDict):
            note: NotRequired[str]

        flow = Flow("orders", payload=Order)

        @flow.step
        def work(note=flow.payload["note"]) -> str:
            return note
    """
    with pytest.raises(HandlerSignatureError, match="the JSON need not have") as caught:
        discover_flows(write(source))
    assert "note: str | None" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("returned", "text"),
    [
        ("object()", "is or holds a `object`"),
        ("[{'a': b'x'}]", "is or holds a `bytes`"),
        ("{(1, 2): 3}", "is or holds a `tuple`"),
        ("float('nan')", "inf or nan"),
        ("'a\\0'", "u0000"),
        ("(x for x in 'ab')", "is or holds a `generator`"),
        ("int", "is or holds a `type`"),
    ],
)
def test_without_a_type_a_result_still_needs_a_json_form(
    write: Callable[[str], Path], returned: str, text: str
) -> None:
    source = f"""
        from pgflow_dsl import Flow

        flow = Flow("plain", payload=int, max_attempts=1)

        @flow.step
        def work(n=flow.payload):
            return {returned}
    """
    flow = only(discover_flows(write(source)))
    with pytest.raises(Exception, match=text) as caught:
        flow.test(1)
    assert "step 'work' of flow 'plain'" in str(caught.value)


def test_without_types_each_dependent_gets_a_copy_and_a_wrong_part_is_told(
    write: Callable[[str], Path],
) -> None:
    source = """
        from pgflow_dsl import Flow

        flow = Flow("plain", payload=int, max_attempts=1)

        @flow.step
        def numbers(n=flow.payload):
            return {"list": [n], 3: {n}}

        @flow.step
        def one(whole=numbers.result):
            whole["list"].append(5)
            return len(whole)

        @flow.step
        def two(part=numbers.result["list"], n: int = one.result):
            return part

        @flow.step
        def three(part=numbers.result[KEY]):
            return part
    """
    flow = only(discover_flows(write(source.replace("KEY", "3"))))
    assert flow.test(1).output == {"two": [1], "three": {1}}
    flow = only(discover_flows(write(source.replace("KEY", "4"))))
    with pytest.raises(Exception, match=r"takes `numbers\.result\[4\]`, which the result does"):
        flow.test(1)


def test_a_payload_part_without_annotation_is_decoded(module: ModuleType) -> None:
    flow = module.flow
    assert flow.test({"when": "2026-01-02", "tags": ["a", "a"]}).results["work"] == [
        "date",
        "frozenset",
    ]


@pytest.fixture
def module(write: Callable[[str], Path]) -> ModuleType:
    """Return a module with a flow whose only annotation is that of a result."""
    folder = write(
        """
        import datetime as dt
        from pydantic import BaseModel
        from pgflow_dsl import Flow

        class Order(BaseModel):
            when: dt.date
            tags: frozenset[str]

        flow = Flow("orders", payload=Order)

        @flow.step
        def work(when=flow.payload.when, tags=flow.payload.tags) -> list[str]:
            return [type(when).__name__, type(tags).__name__]
        """
    )
    import importlib

    flow = only(discover_flows(folder))
    assert flow.steps_to_infer == ()
    return importlib.import_module("flows.memo")
