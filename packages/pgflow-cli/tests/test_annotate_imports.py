"""Types go by the names that a module has; others are imported, in the right place."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.annotating import (
    annotated,
    listed,
    named,
    obj,
    scalar,
    tiny,
    typed,
    union,
)

from pgflow_cli.annotating.plan import plan_annotations

INT, TEXT, DAY, NONE = scalar("int"), scalar("str"), scalar("date"), {"kind": "none"}


@pytest.mark.parametrize(
    ("imports", "shape", "annotation", "imported"),
    [
        ("", NONE, "None", ""),
        ("", listed(TEXT), "list[str]", ""),
        (
            "",
            {"kind": "map", "keys": TEXT, "values": union(INT, NONE)},
            "dict[str, int | None]",
            "",
        ),
        ("", {"kind": "tuple", "items": INT}, "tuple[int, ...]", ""),
        ("", {"kind": "fixed_tuple", "items": [INT, TEXT]}, "tuple[int, str]", ""),
        ("", {"kind": "fixed_tuple", "items": []}, "tuple[()]", ""),
        (
            "import datetime as dt\nimport uuid\nfrom decimal import Decimal as D\n",
            listed({"kind": "fixed_tuple", "items": [DAY, scalar("uuid"), scalar("decimal")]}),
            "list[tuple[dt.date, uuid.UUID, D]]",
            "",
        ),
        (
            "import os.path\nimport collections.abc\nimport datetime\n\n",
            listed(DAY),
            "list[datetime.date]",
            "",
        ),
        (
            "from datetime import timedelta\n\n",
            {"kind": "fixed_tuple", "items": [DAY, scalar("time")]},
            "tuple[date, time]",
            "from datetime import date, time, timedelta\n",
        ),
        (
            "import sys\n\n",
            named("Path", module="pathlib"),
            "Path",
            "import sys\nfrom pathlib import Path\n\nfrom pgflow_dsl",
        ),
        (
            "",
            {"kind": "literal", "values": ["small", 1, True]},
            'Literal["small", 1, True]',
            "from typing import Literal\n\nfrom pgflow_dsl",
        ),
        (
            "import typing as t\n",
            {"kind": "literal", "values": ["small"]},
            't.Literal["small"]',
            "",
        ),
        (
            "from pydantic import BaseModel\n",
            union(named("JsonValue", module="pydantic.types"), NONE),
            "JsonValue | None",
            "from pydantic import BaseModel, JsonValue\n",
        ),
    ],
)
def test_names_that_are_there_are_used_and_others_imported(
    tmp_path: Path, imports: str, shape: Any, annotation: str, imported: str
) -> None:
    source = tiny(imports=imports)
    after = annotated(tmp_path, source, pack=shape)
    assert f"def pack() -> {annotation}:" in after
    if imported:
        assert imported in after
    else:
        assert after.replace(f" -> {annotation}", "") == source


def test_names_that_the_module_has_are_not_taken(tmp_path: Path) -> None:
    source = tiny(
        before="""
            date = "today"


            class Pack:
                def date(self): return UUID, date


        """,
    )
    folder = tmp_path / "flows"
    folder.mkdir()
    (folder / "parcels.py").write_text(source.replace("import Flow", "import Flow\nUUID = int"))
    shape = obj(day=DAY, id=scalar("uuid"))
    # A TypedDict of another name has another title, so the schemas differ in that.
    (change,) = plan_annotations(typed(folder, {"pack": shape}), folder).changes
    after = change.after.decode()
    assert "class Pack2(TypedDict):\n    day: date_\n    id: UUID_\n" in after
    assert "from datetime import date as date_\nfrom uuid import UUID as UUID_\n" in after
    assert "def pack() -> Pack2:" in after
    (folder / "parcels.py").write_text(after)
    (flow,) = typed(folder, {})
    assert flow.compile().steps[0].result_schema["properties"] == {
        "day": {"format": "date", "title": "Day", "type": "string"},
        "id": {"format": "uuid", "title": "Id", "type": "string"},
    }


def test_a_name_that_only_checkers_have_is_imported_for_the_run_too(tmp_path: Path) -> None:
    imports = """
        from typing import TYPE_CHECKING

        if TYPE_CHECKING:
            from datetime import date

    """
    after = annotated(tmp_path, tiny(imports=imports), pack=listed(DAY))
    assert "from datetime import date\nfrom typing import TYPE_CHECKING\n" in after
    assert "def pack() -> list[date]:" in after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "from pgflow_dsl import (\n    Flow,\n    StepDecorator,\n)\n",
            "from pgflow_dsl import (\n    Flow,\n    StepContext,\n    StepDecorator,\n)\n",
        ),
        (
            "from pgflow_dsl import (\n    Flow\n)\n",
            "from pgflow_dsl import (\n    Flow,\n    StepContext\n)\n",
        ),
        (
            "from pgflow_dsl import (\n    Flow,  # why\n)\n",
            "from pgflow_dsl import (\n    Flow,  # why\n)\nfrom pgflow_dsl import StepContext\n",
        ),
        (
            "from pgflow_dsl import Flow; x = 1  # one line\n",
            "from pgflow_dsl import Flow, StepContext; x = 1  # one line\n",
        ),
        (
            "from pgflow_dsl import *\n",
            "from pgflow_dsl import *\n",
        ),
        (
            "import pgflow_dsl\n\nFlow = pgflow_dsl.Flow\n",
            "import pgflow_dsl\n\nFlow = pgflow_dsl.Flow\n",
        ),
        (
            "from pgflow_dsl import Flow, StepContext as Context\n",
            "from pgflow_dsl import Flow, StepContext as Context\n",
        ),
        (
            "from pgflow_dsl \\\n    import Flow\n",
            "from pgflow_dsl \\\n    import Flow\nfrom pgflow_dsl import StepContext\n",
        ),
    ],
)
def test_an_import_joins_the_line_of_its_module(tmp_path: Path, before: str, after: str) -> None:
    source = tiny().replace("from pgflow_dsl import Flow\n", before)
    source = source.replace("def pack()", "def pack(ctx=flow.context)")
    name = "Context" if "Context\n" in before else "StepContext"
    name = "pgflow_dsl.StepContext" if "import pgflow_dsl" in before else name
    assert annotated(tmp_path, source, pack=INT) == source.replace(before, after).replace(
        "def pack(ctx=flow.context):", f"def pack(ctx: {name} = flow.context) -> int:"
    )
