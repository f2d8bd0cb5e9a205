"""What a type checker infers becomes the annotations that one would write, and checks clean."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.annotating import folder_of

from pgflow_cli import exit_codes, main
from pgflow_cli.annotating.source_file import Edit, Function, SourceFile
from pgflow_cli.example import find_example
from pgflow_manifest import FlowSpec, JsonSchema, read_manifest

REPOSITORY = Path(__file__).parents[3]
CORPUS = Path(__file__).parent / "inference" / "corpus"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def without_annotations(source: SourceFile) -> bytes:
    return source.edited(_removals(source)).replace(b", StepContext\n", b"\n")


def _removals(source: SourceFile) -> Iterator[Edit]:
    for function in source.tree.body:
        if not isinstance(function, Function) or not function.decorator_list:
            continue
        for argument in function.args.args:
            assert argument.annotation is not None
            start = source.offset(argument.lineno, argument.col_offset) + len(argument.arg)
            yield Edit(start, source.end_of(argument), "")
        assert function.returns is not None
        returns = source.offset(function.returns.lineno, function.returns.col_offset)
        yield Edit(source.text.rindex(")", 0, returns) + 1, source.end_of(function.returns), "")


def test_the_example_without_any_annotation_gets_its_own_back(project: Path) -> None:
    shutil.copytree(find_example().flows, project / "flows")
    file = project / "flows" / "voice_memo.py"
    original = file.read_bytes()
    bare = without_annotations(SourceFile(file))
    assert b"def merge(\n    short = summarize.result," in bare
    assert b"StepContext" not in bare
    file.write_bytes(bare)
    assert main(["annotate", "--write"]) == exit_codes.OK
    assert file.read_bytes() == original


PARCELS = """
    import enum
    from datetime import date
    from typing import Literal

    from pgflow_dsl import Flow, each
    from pydantic import BaseModel, Field


    class Order(BaseModel):
        number: int = Field(ge=1)
        items: list[str]


    class Parcel(BaseModel):
        label: str
        size: Literal["small", "large"]


    class Tree(BaseModel):
        children: list["Tree"] = []


    class Color(enum.StrEnum):
        RED = "red"
        BLUE = "blue"


    flow = Flow("parcels", payload=Order)


    @flow.step
    def pack(order=flow.payload):
        size: Literal["small", "large"] = "small" if len(order.items) < 3 else "large"
        return Parcel(label=f"order {order.number}", size=size)


    @flow.step
    def promise(parcel=pack.result):
        days = 1 if parcel.size == "small" else 3
        return {"label": parcel.label.upper(), "day": date(2026, 12, days), "days": days}


    @flow.step
    async def colors(order=flow.payload, ctx=flow.context):
        if ctx.attempt > 3:
            return None
        return {item: Color.RED for item in order.items}


    @flow.step
    def rows(items=flow.payload.items, told=promise.result):
        return [{"item": item, "told": told, "owner id": {"n": n}} for n, item in enumerate(items)]


    @flow.step
    def sizes(parcel=pack.result, day=promise.result["day"]):
        return parcel.size, Tree(), Later(n=day.year)


    @flow.step
    def last(rows=rows.result, day=promise.result["day"], sizes=sizes.result, c=colors.result):
        return {"date": day, "count": len(rows), "size": sizes[0], "colors": c or {}}


    @flow.map
    def priced(item=each[flow.payload.items], day=promise.result["day"]):
        return {"item": item, "due": day}


    @flow.map
    async def doubled(one=priced.each, due=priced.each["due"], color=colors.result):
        return None if color is None else (one, due, Color.BLUE)


    @flow.step
    def finished(told=doubled.result, first=priced.result[0]):
        return {"told": told, "first": first}


    class Later(BaseModel):
        n: int
    """


def test_after_writing_the_schemas_are_the_same_and_nothing_is_inferred(project: Path) -> None:
    folder_of(project, {"parcels.py": PARCELS})
    assert annotating_changes_no_schema() == 9


def test_the_schemas_of_all_that_can_be_inferred_stay_the_same(project: Path) -> None:
    shutil.copytree(CORPUS, project / "flows", ignore=shutil.ignore_patterns("__pycache__"))
    assert annotating_changes_no_schema() > 100


def annotating_changes_no_schema() -> int:
    """Return the number of handlers whose types are annotated instead of inferred now."""
    before = compiled()
    assert main(["annotate", "--write"]) == exit_codes.OK
    after = compiled()
    assert not any(step.inferred for flow in after for step in flow.steps)
    assert [flow.digest for flow in after] == [flow.digest for flow in before]
    assert schemas(after) == schemas(before)
    assert main(["annotate"]) == exit_codes.OK
    return sum(step.inferred is not None for flow in before for step in flow.steps)


def compiled() -> tuple[FlowSpec, ...]:
    assert main(["compile"]) == exit_codes.OK
    return read_manifest(Path("flows.manifest.json")).flows


def schemas(flows: tuple[FlowSpec, ...]) -> dict[str, JsonSchema]:
    return {f"{flow.slug}.{step.slug}": step.result_schema for flow in flows for step in flow.steps}


def test_what_is_written_checks_clean(project: Path) -> None:
    folder = folder_of(project, {"parcels.py": PARCELS})
    assert main(["annotate", "--write"]) == exit_codes.OK
    check = [sys.executable, "-m", "pyrefly", "check", "--preset", "strict"]
    done = subprocess.run(
        [*check, "--python-interpreter-path", sys.executable, str(folder / "parcels.py")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_show_prints_what_the_page_about_types_says(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (REPOSITORY / "docs" / "types.md").read_text(encoding="utf-8")
    module = re.search(
        r"^```python file=flows/parcels.py\n(.*?)^```$", page, re.DOTALL | re.MULTILINE
    )
    assert module is not None
    folder_of(project, {"parcels.py": module[1]})
    assert main(["compile", "--show"]) == exit_codes.OK
    assert f"```text\n{capsys.readouterr().out}```\n" in page
