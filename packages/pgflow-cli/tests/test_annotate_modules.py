"""Flows that are spread over modules: what is imported from where, and what is left alone."""

import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.annotating import folder_of, listed, named, obj, plan, scalar, typed

from pgflow_cli.annotating.plan import Plan, plan_annotations

INT, TEXT, DAY = scalar("int"), scalar("str"), scalar("date")
PACK = obj(number=INT, day=DAY)


def texts(made: Plan) -> dict[str, str]:
    return {change.path.name: change.after.decode() for change in made.changes}


FLOW = """
    from pgflow_dsl import Flow

    flow = Flow("parcels", payload=int)


    @flow.step
    def pack():
        return {}
    """


@pytest.mark.parametrize(
    ("imports", "imported", "annotation"),
    [
        (
            "from flows.parcels import flow, pack",
            "from flows.parcels import Pack, flow, pack",
            "Pack",
        ),
        ("from .parcels import flow, pack", "from .parcels import Pack, flow, pack", "Pack"),
        ("from parcels import flow, pack", "from parcels import Pack, flow, pack", "Pack"),
        (
            "from . import parcels\nflow, pack = parcels.flow, parcels.pack",
            "from . import parcels\nflow, pack = parcels.flow, parcels.pack",
            "parcels.Pack",
        ),
    ],
)
def test_the_typed_dict_of_another_module_is_imported_as_that_module_is(
    tmp_path: Path, imports: str, imported: str, annotation: str
) -> None:
    second = (
        f"{imports}\n\n\n@flow.step\ndef tell(whole=pack.result, day=pack.result['day']):\n"
        "    return 'x'\n"
    )
    folder = folder_of(tmp_path, {"parcels.py": FLOW, "tell.py": second})
    made = texts(plan(folder, {"pack": PACK, "tell": TEXT}))
    assert "class Pack(TypedDict):\n    number: int\n    day: date\n" in made["parcels.py"]
    assert imported in made["tell.py"]
    assert (
        f"def tell(whole: {annotation} = pack.result, day: date = pack.result['day']) -> str:"
        in made["tell.py"]
    )
    assert "TypedDict" not in made["tell.py"]


def test_modules_of_a_nested_package_are_imported_relatively(tmp_path: Path) -> None:
    files = {
        "shop/__init__.py": "from .parcels import flow\n",
        "shop/_models/__init__.py": "",
        "shop/_models/order.py": """
            from pydantic import BaseModel

            class Order(BaseModel):
                number: int
            """,
        "shop/parcels.py": """
            from pgflow_dsl import Flow

            from ._make import make

            flow = Flow("parcels", payload=int)


            @flow.step
            def pack():
                return make()
            """,
        "shop/_make.py": """
            from ._models import order

            def make(): return order.Order(number=1)
            """,
    }
    folder = folder_of(tmp_path, files)
    shape = named("Order", module="flows.shop._models.order")
    made = texts(plan(folder, {"pack": listed(shape)}))
    assert made["parcels.py"].startswith(
        "from pgflow_dsl import Flow\n\nfrom ._make import make\nfrom ._models.order import Order\n"
    )
    assert "def pack() -> list[Order]:" in made["parcels.py"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "from datetime import date\n\n"),
        ('"""What to pack."""\n\n\n', '"""What to pack."""\n\nfrom datetime import date\n\n\n'),
        ("#!/usr/bin/env python\n# No rights.\n\n", None),
        ("import enum\n\n\n", "import enum\nfrom datetime import date\n\n\n"),
    ],
)
def test_a_module_without_imports_gets_its_first_ones(
    tmp_path: Path, before: str, after: str | None
) -> None:
    main = """
        from pgflow_dsl import Flow

        from ._packing import pack as packing

        flow = Flow("parcels", payload=int)
        pack = flow.step(packing)
        """
    packing = f"{before}def pack():\n    return []\n"
    folder = folder_of(tmp_path, {"parcels.py": main, "_packing.py": packing})
    made = texts(plan(folder, {"pack": listed(DAY)}))
    after = after or before.replace("\n\n", "\nfrom datetime import date\n\n")
    assert made == {"_packing.py": f"{after}def pack() -> list[date]:\n    return []\n"}


CIRCLE = {
    "parcels.py": """
        from pgflow_dsl import Flow

        flow = Flow("parcels", payload=int)


        @flow.step
        def pack(number=flow.payload):
            from _models import Order
            return Order()
        """,
    "_models.py": """
        from pydantic import BaseModel

        from _more import names

        class Order(BaseModel):
            number: int = 1
        """,
    "_more.py": """
        def names():
            return []

        from parcels import flow
        """,
}


def test_an_import_that_would_go_in_a_circle_is_not_written(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, CIRCLE)
    shapes = {"pack": named("Order", module="flows._models")}
    made = plan(folder, shapes)
    (left,) = made.left_alone
    assert left.what == "the result"
    assert "`Order` is defined in flows._models, which imports this module" in left.why
    assert str(left.location).endswith("flows/parcels.py:6: step 'pack' of flow 'parcels'")
    assert "def pack(number: int = flow.payload):" in texts(made)["parcels.py"]


def test_imports_of_checkers_and_in_functions_make_no_circle(tmp_path: Path) -> None:
    more = """
        from typing import TYPE_CHECKING

        if TYPE_CHECKING:
            from parcels import flow

        def names():
            import parcels
            return [parcels]
        """
    folder = folder_of(tmp_path, {**CIRCLE, "_more.py": more})
    made = texts(plan(folder, {"pack": named("Order", module="flows._models")}))
    assert "from _models import Order\n\nflow =" in made["parcels.py"]
    assert "def pack(number: int = flow.payload) -> Order:" in made["parcels.py"]


def test_a_handler_of_an_installed_package_is_told_and_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "site-packages"
    installed.mkdir()
    (installed / "parcel_lib.py").write_text("def pack():\n    return {}\n")
    monkeypatch.syspath_prepend(str(installed))
    source = """
        from parcel_lib import pack as packing
        from pgflow_dsl import Flow

        flow = Flow("parcels", payload=int)
        pack = flow.step(packing)


        @flow.step
        def tell(whole=pack.result, day=pack.result["day"]):
            return "x"
        """
    folder = folder_of(tmp_path, {"parcels.py": source})
    made = plan(folder, {"pack": PACK, "tell": TEXT})
    sys.modules.pop("parcel_lib")
    handler, argument = made.left_alone
    assert (handler.what, handler.why) == ("the handler", "its file is not in flows/")
    assert handler.location.file == str(installed / "parcel_lib.py")
    assert argument.what == "argument 'whole'"
    (change,) = made.changes
    assert change.path == folder / "parcels.py"
    assert b"def tell(whole=pack.result, day: date = pack.result" in change.after


FACTORY = """
    from pgflow_dsl import Flow


    def make(slug, payload):
        flow = Flow(slug, payload=payload)

        @flow.step
        def pack(number=flow.payload):
            return {}

        @flow.step
        def tell(whole=pack.result):
            return {"day": whole["day"]}

        return flow


    first = make("first", int)
    second = make("second", {payload})
    """


def test_a_handler_of_several_flows_is_annotated_where_they_agree(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"parcels.py": FACTORY.replace("{payload}", "int")})
    made = texts(plan(folder, {"pack": PACK, "tell": obj(day=DAY)}))
    after = made["parcels.py"]
    assert after.count("class Pack(TypedDict):") == after.count("class Tell(TypedDict):") == 1
    assert "\n\n\nclass Tell(TypedDict):\n    day: date\n\n\ndef make(slug, payload):\n" in after
    assert "    def pack(number: int = flow.payload) -> Pack:\n" in after
    assert "    def tell(whole: Pack = pack.result) -> Tell:\n" in after


def test_a_handler_of_several_flows_is_left_alone_where_they_differ(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"parcels.py": FACTORY.replace("{payload}", "str")})
    first, second = typed(folder, {"pack": PACK, "tell": obj(day=DAY)})
    made = plan_annotations([first, second], folder)
    (left,) = made.left_alone
    assert left.what == "argument 'number'"
    assert left.why == "the handler makes several steps, with `int` and `str`"
    assert "    def pack(number=flow.payload) -> Pack:\n" in texts(made)["parcels.py"]


def test_a_class_made_inside_a_function_has_no_name_to_write(tmp_path: Path) -> None:
    source = """
        from pydantic import BaseModel

        from pgflow_dsl import Flow


        def make():
            class Order(BaseModel):
                number: int

            return Order


        flow = Flow("parcels", payload=make())


        @flow.step
        def pack(order=flow.payload, number=flow.payload.number):
            return number
        """
    made = plan(folder_of(tmp_path, {"parcels.py": source}), {"pack": INT})
    (left,) = made.left_alone
    assert left.what == "argument 'order'"
    assert left.why == "`Order` is defined inside a function: move it to the top of a module"
    after = texts(made)["parcels.py"]
    assert "def pack(order=flow.payload, number: int = flow.payload.number) -> int:" in after


def test_two_steps_of_one_module_share_an_equal_typed_dict_only_by_name(tmp_path: Path) -> None:
    source = """
        from pgflow_dsl import Flow

        one = Flow("one", payload=int)
        two = Flow("two", payload=int)


        @one.step(slug="pack")
        def pack_one():
            return {}


        @two.step(slug="pack")
        def pack_two():
            return {}


        @two.step
        def other():
            return {}
        """
    folder = folder_of(tmp_path, {"parcels.py": source})
    after = texts(plan(folder, {"pack": PACK, "other": PACK}))["parcels.py"]
    assert after.count("class Pack(TypedDict):") == 1
    assert after.count("class Other(TypedDict):") == 1
    assert "def pack_one() -> Pack:" in after
    assert "def pack_two() -> Pack:" in after


def test_annotated_flows_need_nothing(tmp_path: Path) -> None:
    source = FLOW.replace("def pack():", "def pack() -> int:")
    folder = folder_of(tmp_path, {"parcels.py": source})
    nothing: dict[str, Any] = {}
    assert plan(folder, nothing) == Plan(changes=(), left_alone=())
