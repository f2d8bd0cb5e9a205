"""`pgflow compile --show`: the type of every step, and where it comes from."""

import json
from pathlib import Path

import pytest
from tests.support.annotating import folder_of, listed, obj, scalar, typed

from pgflow_cli import exit_codes, main
from pgflow_cli.showing import types_document, types_text
from pgflow_manifest import HandlerSignatureError

SOURCE = '''
    from typing import Literal

    from pydantic import BaseModel

    from pgflow_dsl import Flow


    class Order(BaseModel):
        items: list[str]


    class Parcel(BaseModel):
        label: str


    flow = Flow("parcels", payload=Order)


    @flow.step
    async def pack(order: Order = flow.payload) -> Parcel:
        """Pack it."""
        return Parcel(label="a")


    @flow.step
    def promise(parcel=pack.result):
        return [{"label": parcel.label, "note": None}]


    @flow.step
    def size(order: Order = flow.payload) -> Literal["small", "large"] | None:
        return None


    other = Flow("a_letter", payload=dict[str, int])


    @other.step
    def send(letter: dict[str, int] = other.payload) -> None: ...
    '''
SHOWN = """\
a_letter starts with dict[str, int]
STEP  RESULT  ORIGIN
send  None    annotated

parcels starts with Order
STEP     RESULT                                                        ORIGIN
pack     Parcel                                                        annotated
promise  list[{"label": str, "day": date, "note": NotRequired[None]}]  inferred
size     Literal['small', 'large'] | None                              annotated"""
PROMISE = listed(obj(("note",), label=scalar("str"), day=scalar("date"), note={"kind": "none"}))


def test_types_stand_in_a_table_for_each_flow(tmp_path: Path) -> None:
    flows = typed(folder_of(tmp_path, {"parcels.py": SOURCE}), {"promise": PROMISE})
    assert types_text(flows) == SHOWN


def test_scripts_get_the_same_as_json(tmp_path: Path) -> None:
    flows = typed(folder_of(tmp_path, {"parcels.py": SOURCE}), {"promise": PROMISE})
    assert types_document(flows)[1]["steps"][1] == {
        "slug": "promise",
        "kind": "single",
        "result": 'list[{"label": str, "day": date, "note": NotRequired[None]}]',
        "origin": "inferred",
    }


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return folder_of(tmp_path, {"parcels.py": SOURCE.replace("(parcel=pack.result)", "() -> None")})


def test_the_manifest_is_not_written(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "--show"]) == exit_codes.OK
    assert "promise  None" in capsys.readouterr().out
    assert main(["compile", "--show", "--json"]) == exit_codes.OK
    document = json.loads(capsys.readouterr().out)
    assert document[0] == {
        "slug": "a_letter",
        "payload": "dict[str, int]",
        "steps": [{"slug": "send", "kind": "single", "result": "None", "origin": "annotated"}],
    }
    assert [path.name for path in project.parent.iterdir()] == ["flows"]


@pytest.mark.parametrize("more", [["--check"], ["-o", "-"], ["-o", "some.json"]])
def test_it_goes_with_no_other_way_to_end(
    project: Path, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compile", "--show", *more]) == exit_codes.USAGE
    assert "neither --check nor -o" in capsys.readouterr().err


MAPS = """
    from pgflow_dsl import Flow, each


    flow = Flow("parcels", payload=dict[str, list[int]])


    @flow.map
    def twice(n: int = each[flow.payload["ns"]]) -> int:
        return 2 * n


    @flow.map
    def tell(n=twice.each):
        return {"n": n}


    @flow.step
    def count(told=tell.result) -> int:
        return len(told)
    """
MAPS_SHOWN = """\
parcels starts with dict[str, list[int]]
STEP   OVER                RESULT            ORIGIN
twice  flow.payload['ns']  list[int]         annotated
tell   twice.result        list[{"n": int}]  inferred
count                      int               annotated"""


def test_a_map_step_tells_its_list_and_its_whole_result(tmp_path: Path) -> None:
    flows = typed(folder_of(tmp_path, {"parcels.py": MAPS}), {"tell": obj(n=scalar("int"))})
    assert types_text(flows) == MAPS_SHOWN
    assert types_document(flows)[0]["steps"][1] == {
        "slug": "tell",
        "kind": "map",
        "over": "twice.result",
        "result": 'list[{"n": int}]',
        "origin": "inferred",
    }


def test_a_map_over_what_is_inferred_to_be_no_list_is_refused(tmp_path: Path) -> None:
    source = MAPS.replace("def count(told=tell.result) -> int:", "def count(told=tell.result):")
    source += """
    @flow.map
    def over(n=count.each):
        return n
    """
    folder = folder_of(tmp_path, {"parcels.py": source})
    shapes = {"tell": obj(n=scalar("int")), "count": scalar("int"), "over": scalar("int")}
    with pytest.raises(HandlerSignatureError, match=r"`count\.each`, but `int` is no list"):
        types_text(typed(folder, shapes))
