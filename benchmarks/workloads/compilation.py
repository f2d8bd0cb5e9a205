"""What `pgflow compile` costs: flows with annotations, and with none at all.

One round compiles one un-annotated flow, a hundred of them (600 steps), and a hundred annotated
ones, each in a process that has imported pydantic before. Counted is processor time, of the process
and of the type checker that it starts: how long one waits for it depends on what else goes on.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Bench, Benchmark, Goal, Round

ONE = "compile 1 flow of 6 steps without annotations"
MANY = "compile 100 flows (600 steps) without annotations"
ANNOTATED = "compile 100 flows (600 steps) with annotations"
_MEASURE = """
import resource, sys, time
from pathlib import Path
import pydantic
began = time.process_time()
from pgflow_cli.compiling import compile_folder
compile_folder(Path(sys.argv[1]))
checker = resource.getrusage(resource.RUSAGE_CHILDREN)
print(time.process_time() - began + checker.ru_utime + checker.ru_stime)
"""
_HEAD = """
from datetime import datetime

from pydantic import BaseModel
from typing_extensions import TypedDict

from pgflow_dsl import Flow


class Memo(BaseModel):
    name: str
    owner: str
    made_at: datetime


class Text(BaseModel):
    text: str
    words: list[str]


class Summary(TypedDict):
    summary: str
    letters: int


class Report(TypedDict):
    owner: str
    day: str
    summary: str
    longest: str | None
    words: int


flow = Flow("flow_{number}", payload=Memo)


@flow.step
async def transcribe({memo}=flow.payload){to_text}:
    return Text(text=memo.name, words=memo.name.split())


@flow.step
def summarize({text}=transcribe.result){to_summary}:
    return {{"summary": text.text[:10], "letters": len(text.text)}}


@flow.step
def count({words}=transcribe.result.words){to_int}:
    total = 0
    for word in words:
        total += len(word)
    return total


@flow.step
def longest({words}=transcribe.result.words){to_word}:
    if not words:
        return None
    return max(words, key=len)


@flow.step
def tag({words}=transcribe.result.words, {summary}=summarize.result){to_tags}:
    return [word.lower() for word in words if word not in summary["summary"]]


@flow.step
def report(
    {memo}=flow.payload,
    {summary}=summarize.result,
    {word}=longest.result,
    {n}=count.result,
){to_report}:
    result = {{"owner": memo.owner, "day": memo.made_at.isoformat(), "summary": summary["summary"]}}
    result["longest"] = word
    result["words"] = n
    return result
"""
_NAMES = {
    "memo": "Memo",
    "text": "Text",
    "words": "list[str]",
    "summary": "Summary",
    "word": "str | None",
    "n": "int",
}
_RESULTS = {
    "to_text": "Text",
    "to_summary": "Summary",
    "to_int": "int",
    "to_word": "str | None",
    "to_tags": "list[str]",
    "to_report": "Report",
}


def run_round(bench: Bench) -> Round:
    """Compile each kind once."""
    many = 20 if bench.quick else 100
    return {
        ONE: _seconds(1, annotated=False),
        MANY: _seconds(many, annotated=False) * 100 / many,
        ANNOTATED: _seconds(many, annotated=True) * 100 / many,
    }


def _seconds(count: int, *, annotated: bool) -> float:
    """Return the processor time for *count* flows, each in a file of its own."""
    names = {name: f"{name}: {kind}" if annotated else name for name, kind in _NAMES.items()}
    results = {name: f" -> {kind}" if annotated else "" for name, kind in _RESULTS.items()}
    with tempfile.TemporaryDirectory(prefix="pgflow-bench-") as directory:
        folder = Path(directory, "flows")
        folder.mkdir()
        for number in range(count):
            text = _HEAD.format(number=number, **names, **results)
            (folder / f"flow_{number}.py").write_text(text)
        done = subprocess.run(
            [sys.executable, "-c", _MEASURE, str(folder)],
            capture_output=True,
            text=True,
            check=True,
        )
    return float(done.stdout)


BENCHMARK = Benchmark(
    slug="compile",
    about="compiling folders of flows, with a type checker where there are no annotations",
    figures={
        ONE: ("s", Goal(value=1, at_least=False)),
        MANY: ("s", Goal(value=5, at_least=False)),
        ANNOTATED: ("s", Goal(value=1, at_least=False)),
    },
    run_round=run_round,
)
