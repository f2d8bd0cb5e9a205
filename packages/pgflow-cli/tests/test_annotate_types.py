"""Types are written in the names of the module, with the imports and TypedDicts they need."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.annotating import (
    annotated,
    listed,
    module,
    named,
    obj,
    plan,
    scalar,
    tiny,
    union,
)

INT, TEXT, DAY, NONE = scalar("int"), scalar("str"), scalar("date"), {"kind": "none"}


def test_a_flow_without_any_annotation_gets_all(tmp_path: Path) -> None:
    """The flow of the page "How types travel", in its plainest form."""
    source = '''
        """Parcels."""

        from datetime import date

        from pydantic import BaseModel

        from pgflow_dsl import Flow


        class Order(BaseModel):
            number: int
            items: list[str]


        flow = Flow("parcels", payload=Order)


        @flow.step
        def pack(order=flow.payload):
            return len(order.items)


        @flow.step(max_attempts=5)
        async def promise(count=pack.result, number=flow.payload.number, ctx=flow.context):
            """Say when it comes."""
            return {"label": str(number), "day": date(2026, 12, count), "days": ctx.attempt}


        @flow.step
        def tell(day=promise.result["day"], whole=promise.result):
            return f"{day}: {whole}"
        '''
    assert annotated(
        tmp_path, module(source), pack=INT, promise=obj(label=TEXT, day=DAY, days=INT), tell=TEXT
    ) == module(
        '''
        """Parcels."""

        from datetime import date

        from pydantic import BaseModel

        from pgflow_dsl import Flow, StepContext
        from typing_extensions import TypedDict


        class Order(BaseModel):
            number: int
            items: list[str]


        flow = Flow("parcels", payload=Order)


        @flow.step
        def pack(order: Order = flow.payload) -> int:
            return len(order.items)


        class Promise(TypedDict):
            label: str
            day: date
            days: int


        @flow.step(max_attempts=5)
        async def promise(
            count: int = pack.result,
            number: int = flow.payload.number,
            ctx: StepContext = flow.context,
        ) -> Promise:
            """Say when it comes."""
            return {"label": str(number), "day": date(2026, 12, count), "days": ctx.attempt}


        @flow.step
        def tell(day: date = promise.result["day"], whole: Promise = promise.result) -> str:
            return f"{day}: {whole}"
        '''
    )


CLASSES = """
    import enum
    from typing import Generic, NamedTuple, NewType, Optional, TypeVar

    from pydantic import BaseModel
    from typing_extensions import TypeAliasType

    T = TypeVar("T")
    Nested = TypeAliasType("Nested", "int | list[Nested]")
    Number = NewType("Number", int)


    class Size(enum.StrEnum):
        SMALL = "small"


    class Page(BaseModel, Generic[T]):
        items: list[T]

        class Mark(BaseModel):
            at: int


    class Tree(BaseModel):
        children: "list[Tree]"
        page: Page[int]
        parent: Optional[Size]


    class Pair(NamedTuple):
        a: int
        b: Number


"""


@pytest.mark.parametrize(
    ("shape", "annotation"),
    [
        (named("Page", named("Page", named("Tree"))), "Page[Page[Tree]]"),
        (named("Page.Mark"), "Page.Mark"),
        (union(named("Pair"), NONE), "Pair | None"),
        (union(named("Nested"), NONE), "Nested | None"),
        (
            {"kind": "enum_member", "module": "flows.parcels", "name": "Size", "member": "SMALL"},
            "Literal[Size.SMALL]",
        ),
    ],
)
def test_classes_of_all_kinds_go_by_their_names(
    tmp_path: Path, shape: Any, annotation: str
) -> None:
    source = tiny(
        before=CLASSES,
        after="""


        @flow.step
        def rest(tree=tree.result.children, page=tree.result.page, pair=pair.result.b):
            return None
        """,
    ).replace(
        "@flow.step\ndef pack",
        "@flow.step\ndef tree() -> Tree: ...\n\n\n@flow.step\ndef pair() -> Pair: ...\n\n\n"
        "@flow.step\ndef pack",
    )
    after = annotated(tmp_path, source, pack=shape, rest=NONE)
    assert f"def pack() -> {annotation}:" in after
    assert (
        "def rest(\n    tree: list[Tree] = tree.result.children,\n"
        "    page: Page[int] = tree.result.page,\n    pair: Number = pair.result.b,\n) -> None:\n"
        in after
    )


def test_every_dict_display_gets_a_typed_dict_before_its_handler(tmp_path: Path) -> None:
    shape = obj(
        ("note",),
        number=INT,
        note=union(TEXT, NONE),
        owner=obj(name=TEXT),
        rows=listed(obj(**{"run id": scalar("uuid"), "class": INT})),
        again=obj(name=TEXT),
        nothing=obj(),
    )
    after = annotated(tmp_path, tiny(), pack=shape)
    assert after == tiny(
        imports="from uuid import UUID\n\n",
    ).replace(
        "import Flow\n", "import Flow\nfrom typing_extensions import NotRequired, TypedDict\n"
    ).replace(
        "@flow.step\ndef pack()",
        module("""
            class PackOwner(TypedDict):
                name: str


            PackRowsItem = TypedDict(
                "PackRowsItem",
                {
                    "run id": UUID,
                    "class": int,
                },
            )


            class PackAgain(TypedDict):
                name: str


            class PackNothing(TypedDict):
                pass


            class Pack(TypedDict):
                number: int
                note: NotRequired[str | None]
                owner: PackOwner
                rows: list[PackRowsItem]
                again: PackAgain
                nothing: PackNothing


            @flow.step
            def pack() -> Pack"""),
    )


def test_a_key_that_would_hide_a_type_makes_it_a_call(tmp_path: Path) -> None:
    after = annotated(
        tmp_path, tiny(imports="from datetime import date\n"), pack=obj(date=DAY, days=INT)
    )
    assert 'Pack = TypedDict(\n    "Pack",\n    {\n        "date": date,\n' in after


def test_typed_dict_and_not_required_are_taken_as_they_are_imported(tmp_path: Path) -> None:
    imports = "import typing_extensions as te\nfrom typing import NotRequired as Maybe\n"
    after = annotated(tmp_path, tiny(imports=imports), pack=obj(("note",), note=TEXT))
    assert "class Pack(te.TypedDict):\n    note: Maybe[str]\n" in after


LATER = """


    class Later(BaseModel):
        n: int
"""


def test_a_class_further_down_is_named_in_quotes(tmp_path: Path) -> None:
    imports = "from pydantic import BaseModel\n"
    source = tiny(imports=imports, after=LATER)
    assert 'def pack() -> "Later | None":' in annotated(
        tmp_path, source, pack=union(named("Later"), NONE)
    )
    shape = obj(("b", "class"), b=named("Later"))
    assert 'class Pack(TypedDict):\n    b: NotRequired["Later"]\n' in annotated(
        tmp_path, source, pack=shape
    )
    shape["fields"]["class"] = {"type": listed(named("Later")), "required": False}
    assert '        "class": NotRequired["list[Later]"],\n' in annotated(
        tmp_path, source, pack=shape
    )
    both = union(named("Later"), {"kind": "literal", "values": ["none"]})
    assert """def pack() -> 'Later | Literal["none"]':""" in annotated(tmp_path, source, pack=both)


def test_postponed_annotations_need_no_quotes(tmp_path: Path) -> None:
    imports = "from __future__ import annotations\n\nfrom pydantic import BaseModel\n"
    source = tiny(imports=imports, after=LATER)
    shape = obj(("b",), a=DAY, b=named("Later"))
    after = annotated(tmp_path, source, pack=shape)
    assert "class Pack(TypedDict):\n    a: date\n    b: NotRequired[Later]\n" in after
    assert after.startswith(
        "from __future__ import annotations\n\nfrom datetime import date\n\nfrom pydantic import"
    )


def test_constraints_stay_with_the_field(tmp_path: Path) -> None:
    source = tiny(
        imports="""
            from typing import Annotated
            from pydantic import Base64Bytes, BaseModel, Field
        """,
        before="""
            Percent = Annotated[int, Field(le=100)]


            class Order(BaseModel):
                number: int = Field(ge=1)
                rebates: list[Percent]
                picture: Base64Bytes
                ids: list[Annotated[int, Field(ge=1)]]


        """,
    )
    source = source.replace("payload=int", "payload=Order").replace(
        "def pack()",
        "def pack(a=flow.payload.number, b=flow.payload.rebates, c=flow.payload.picture, "
        "d=flow.payload.ids)",
    )
    assert (
        "(\n    a: int = flow.payload.number,\n    b: list[Percent] = flow.payload.rebates,\n"
        "    c: Base64Bytes = flow.payload.picture,\n    d: list[int] = flow.payload.ids,\n)"
        in annotated(tmp_path, source, pack=INT)
    )
    folder = tmp_path / "flows"
    without = source.replace("Base64Bytes, ", "").replace("picture: Base64", "picture: p.Base64")
    (folder / "parcels.py").write_text(
        without.replace("from typing", "import pydantic as p\nfrom typing", 1)
    )
    made = plan(folder, {"pack": INT})
    (left,) = made.left_alone
    assert left.what == "argument 'c'"
    assert "`EncodedBytes` says, and has no name in this module" in left.why
    assert b"    c=flow.payload.picture,\n    d: list[int]" in made.changes[0].after
