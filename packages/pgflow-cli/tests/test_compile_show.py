"""`pgflow compile --show`: the type of every step, and where it comes from."""

import json
from pathlib import Path

import pytest
from tests.support.annotating import folder_of, listed, obj, scalar, typed

from pgflow_cli import exit_codes, main
from pgflow_cli.rules_text import rules_of
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


RULES = """
    from pydantic import BaseModel

    from pgflow_dsl import Flow, contains, each, is_null, length, not_, one_of, or_else


    class Trip(BaseModel):
        city: str
        price: float
        notes: list[str]
        ends: float


    labels = Flow("labels", payload=str)


    @labels.step
    def frame(text: str = labels.payload) -> str:
        return text


    trips = Flow("trips", payload=Trip)
    approval = trips.signal("approval", bool, timeout=90)
    pause = trips.sleep("pause", seconds=0.5)
    wait = trips.sleep("wait", until=trips.payload.ends, after=(approval,))
    label = trips.sub_flow("label", labels, payload=trips.payload.city, result=frame)


    @trips.map(when=length(trips.payload.notes) > 2, on_failure="skip")
    def shrink(note: str = each[trips.payload.notes]) -> str:
        return note[:3]


    @trips.step(when=(trips.payload.price > 9.5) & not_(is_null(shrink.result)), start_delay=60)
    def book() -> str:
        return "booked"


    @trips.step(
        when=one_of(label.result, ["a", "b"]) | (or_else(book.result, "") == "x"),
        when_unmet="skip_cascade",
        on_failure="skip_cascade",
    )
    def praise() -> None: ...


    @trips.step(when=contains(trips.payload.notes, 'a "b"; c'), when_unmet="fail")
    def note() -> None: ...


    @trips.on_failure
    def tell() -> None: ...
    """
PRAISED = 'one_of(label.result, ["a", "b"]) | (or_else(book.result, "") == "x")'
RULES_OF = {
    "approval": ("signal, for at most 90 s",),
    "pause": ("sleep for 0.5 s",),
    "wait": ("sleep until flow.payload.ends",),
    "label": ("flow labels, takes frame",),
    "shrink": ("when length(flow.payload.notes) > 2, else skip", "on failure skip"),
    "book": (
        "when (flow.payload.price > 9.5) & not_(is_null(shrink.result)), else skip",
        "starts 60 s later",
    ),
    "praise": (
        f"when {PRAISED}, else skip_cascade",
        "on failure skip_cascade",
    ),
    "note": ('when contains(flow.payload.notes, "a \\"b\\"; c"), else fail',),
    "tell": ("failure handler",),
}


def test_rules_of_steps_are_shown_as_they_were_written(tmp_path: Path) -> None:
    flows = typed(folder_of(tmp_path, {"trips.py": RULES}), {})
    spec = flows[1].compile()
    assert {step.slug: rules_of(step) for step in spec.steps} == RULES_OF
    labels, trips = types_text(flows).split("\n\n")
    assert "RULES" not in labels
    for line, (slug, rules) in zip(trips.splitlines()[2:], RULES_OF.items(), strict=True):
        assert line.startswith(f"{slug} ")
        assert line.endswith(f"annotated  {'; '.join(rules)}")


def test_scripts_get_the_rules_by_name(tmp_path: Path) -> None:
    flows = typed(folder_of(tmp_path, {"trips.py": RULES}), {})
    plain = {"slug", "kind", "over", "result", "origin"}
    told = {
        step["slug"]: {name: fact for name, fact in step.items() if name not in plain}
        for step in types_document(flows)[1]["steps"]
    }
    assert told == {
        "approval": {"timeout_seconds": 90},
        "pause": {"seconds": 0.5},
        "wait": {"until": "flow.payload.ends"},
        "label": {"flow": "labels", "flow_step": "frame"},
        "shrink": {
            "when": "length(flow.payload.notes) > 2",
            "when_unmet": "skip",
            "on_failure": "skip",
        },
        "book": {
            "when": "(flow.payload.price > 9.5) & not_(is_null(shrink.result))",
            "when_unmet": "skip",
            "start_delay_seconds": 60,
        },
        "praise": {
            "when": PRAISED,
            "when_unmet": "skip_cascade",
            "on_failure": "skip_cascade",
        },
        "note": {
            "when": 'contains(flow.payload.notes, "a \\"b\\"; c")',
            "when_unmet": "fail",
        },
        "tell": {},
    }
