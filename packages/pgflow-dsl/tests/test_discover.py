"""Flows are found in folders, files and packages, and what is wrong is said by file and line."""

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from pgflow_dsl import compile_flows, discover_flows
from pgflow_dsl.importer import FolderImporter
from pgflow_manifest import DefinitionError, DiscoveryError, HandlerSignatureError, dump_manifest

FLOW = """
from pgflow_dsl import Flow

{name} = Flow("{slug}", payload=str)

@{name}.step
def work(text: str = {name}.payload) -> str:
    return text + {suffix!r}
"""


def flow_source(slug: str, suffix: str = "", name: str = "flow") -> str:
    return FLOW.format(slug=slug, suffix=suffix, name=name)


def write(folder: Path, **files: str) -> Path:
    """Write modules; `__` in a name stands for a folder."""
    for name, text in files.items():
        path = folder / (name.replace("_in_", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    return folder


@pytest.fixture(autouse=True)
def untouched_import_system() -> Iterator[None]:
    modules, path, finders = dict(sys.modules), list(sys.path), list(sys.meta_path)
    yield
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]
    sys.modules.update(modules)
    sys.path[:], sys.meta_path[:] = path, finders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "flows"


def refused(path: Path, *parts: str) -> DiscoveryError:
    with pytest.raises(DiscoveryError) as caught:
        discover_flows(path)
    for part in parts:
        assert part in str(caught.value)
    assert "\n  mend: " in str(caught.value)
    return caught.value


def test_flows_of_a_folder_are_sorted_by_slug(folder: Path) -> None:
    write(folder, a=flow_source("zebra"), b=flow_source("ant"))
    found = discover_flows(folder)
    assert [(one.flow.slug, one.file) for one in found] == [
        ("ant", folder / "b.py"),
        ("zebra", folder / "a.py"),
    ]
    assert [flow.slug for flow in compile_flows(one.flow for one in found).flows] == [
        "ant",
        "zebra",
    ]


def test_several_flows_may_be_in_one_module(folder: Path) -> None:
    write(folder, a=flow_source("one", name="one") + flow_source("two", name="two"))
    assert [one.flow.slug for one in discover_flows(folder)] == ["one", "two"]


def test_one_file_can_be_named_even_with_an_underscore(folder: Path) -> None:
    write(folder, _draft=flow_source("draft"), broken="1/0")
    assert [one.flow.slug for one in discover_flows(folder / "_draft.py")] == ["draft"]


def test_helpers_are_imported_in_three_ways_and_are_one_module(folder: Path) -> None:
    write(
        folder,
        _helpers="class Text(str): ...\nsuffix = '!'\n",
        a="import _helpers as h1\nfrom . import _helpers as h2\nfrom flows import _helpers as h3\n"
        "assert h1 is h2 is h3\nassert h1.__name__ == 'flows._helpers', h1.__name__\n"
        "assert h1.__spec__.name == 'flows._helpers'\n" + flow_source("a"),
        b="from _helpers import suffix\n" + flow_source("b"),
    )
    assert [one.flow.slug for one in discover_flows(folder)] == ["a", "b"]


def test_a_flow_imported_by_another_module_is_counted_once_at_its_home(folder: Path) -> None:
    write(
        folder,
        a="from z import flow\nfrom .z import flow as again\nassert flow is again\n",
        z=flow_source("only"),
    )
    (found,) = discover_flows(folder)
    assert found.file == folder / "z.py"


def test_a_flow_of_a_helper_is_found_where_it_is_imported(folder: Path) -> None:
    write(folder, _shared=flow_source("shared"), a="from _shared import flow")
    (found,) = discover_flows(folder)
    assert found.file == folder / "a.py"


def test_siblings_may_import_each_other_in_a_circle(folder: Path) -> None:
    write(folder, a="import b\n" + flow_source("a"), b="import a\n" + flow_source("b"))
    assert [one.flow.slug for one in discover_flows(folder)] == ["a", "b"]


def test_packages_inside_the_folder_are_searched_whole(folder: Path) -> None:
    write(
        folder,
        voice_in___init__="from .prompts import PROMPT",
        voice_in_prompts="PROMPT = 'p'",
        voice_in_main="import voice.prompts\nfrom voice import PROMPT\n" + flow_source("voice"),
        voice_in_deep_in___init__="",
        voice_in_deep_in_more=flow_source("deep"),
        voice_in__skipped="1/0",
        voice_in_data_in_readme="1/0",
        data_in_readme="1/0",
    )
    assert [one.flow.slug for one in discover_flows(folder)] == ["deep", "voice"]


def test_a_folder_that_is_a_package_keeps_its_full_name(tmp_path: Path) -> None:
    root = tmp_path / "project"
    write(
        root,
        myapp_in___init__="",
        myapp_in_services="NAME = 'x'",
        myapp_in_flows_in___init__="",
        myapp_in_flows_in__helpers="",
        myapp_in_flows_in_a="from myapp.services import NAME\nfrom ..services import NAME\n"
        "import myapp.flows._helpers\nimport _helpers\nassert myapp.flows._helpers is _helpers\n"
        "assert __name__ == 'myapp.flows.a'\n" + flow_source("a"),
    )
    assert [one.flow.slug for one in discover_flows(root / "myapp" / "flows")] == ["a"]


def test_the_project_beside_the_folder_can_be_imported(tmp_path: Path) -> None:
    write(tmp_path, services_of_mine="NAME = 'x'")
    write(tmp_path / "flows", a="from services_of_mine import NAME\n" + flow_source("a"))
    assert discover_flows(tmp_path / "flows")


@pytest.mark.parametrize("name", ["json", "pgflow_dsl", "my-flows", "class", "1st"])
def test_a_folder_whose_name_is_taken_or_no_name_works(tmp_path: Path, name: str) -> None:
    import json

    folder = write(
        tmp_path / name,
        _helpers="X = 1",
        a="from . import _helpers\nimport _helpers as again, json\n"
        "assert again is _helpers and json.dumps\n" + flow_source("a"),
    )
    assert discover_flows(folder)
    assert sys.modules["json"] is json


def test_a_module_called_like_one_of_the_standard_library_hides_nothing(folder: Path) -> None:
    write(
        folder,
        string="from pgflow_dsl import Flow\n" + flow_source("text"),
        a="import string\nassert string.ascii_letters\n" + flow_source("a"),
    )
    assert [one.flow.slug for one in discover_flows(folder)] == ["a", "text"]


def test_changed_files_are_seen_even_within_the_same_second(folder: Path) -> None:
    write(
        folder, _helpers="SUFFIX = 'a'", a="from _helpers import SUFFIX\n" + flow_source("a", "1")
    )
    (first,) = discover_flows(folder)
    write(
        folder, _helpers="SUFFIX = 'b'", a="from _helpers import SUFFIX\n" + flow_source("a", "2")
    )
    (second,) = discover_flows(folder)
    assert first.flow is not second.flow
    assert first.flow.test("x").results["work"] == "x1"
    assert second.flow.test("x").results["work"] == "x2"
    assert sys.modules["flows.a"].SUFFIX == "b"
    assert not list(folder.rglob("__pycache__"))


def test_an_error_does_not_stick(folder: Path) -> None:
    write(folder, a="1/0")
    refused(folder)
    write(folder, a=flow_source("a"))
    assert discover_flows(folder)


def test_two_folders_with_the_same_module_names_do_not_clash(tmp_path: Path) -> None:
    for place in ("one", "two"):
        write(
            tmp_path / place / "flows",
            _helpers=f"WHERE = {place!r}",
            a="from _helpers import WHERE\nfrom flows._helpers import WHERE as w\n"
            "from ._helpers import WHERE as v\nassert WHERE == w == v\n"
            "from pgflow_dsl import Flow\nflow = Flow(WHERE, payload=str)\n"
            "@flow.step\ndef work() -> str: return WHERE\n",
        )
    (one,) = discover_flows(tmp_path / "one" / "flows")
    (two,) = discover_flows(tmp_path / "two" / "flows")
    (again,) = discover_flows(tmp_path / "one" / "flows")
    assert (one.flow.slug, two.flow.slug, again.flow.slug) == ("one", "two", "one")
    assert [f.flow.test("").results["work"] for f in (one, two, again)] == ["one", "two", "one"]


def test_two_folders_of_other_names_stay_importable_side_by_side(tmp_path: Path) -> None:
    for place in ("red", "blue"):
        write(
            tmp_path / place,
            _helpers=f"WHERE = {place!r}",
            a="from pgflow_dsl import Flow\nflow = Flow('a', payload=str)\n@flow.step\n"
            "def work() -> str:\n    from ._helpers import WHERE\n    return WHERE\n",
        )
    red, blue = (discover_flows(tmp_path / place)[0].flow for place in ("red", "blue"))
    assert (red.test("").results["work"], blue.test("").results["work"]) == ("red", "blue")


def test_modules_outside_the_folder_are_left_alone(tmp_path: Path) -> None:
    folder = write(tmp_path / "flows", a=flow_source("a"))
    before = {name: module for name, module in sys.modules.items() if name.startswith("pydantic")}
    discover_flows(folder)
    assert all(sys.modules[name] is module for name, module in before.items())


def test_a_module_imported_before_by_its_bare_name_is_read_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, my_bare_flow=flow_source("bare"), b="import my_bare_flow\n" + flow_source("b"))
    monkeypatch.syspath_prepend(str(folder))
    import my_bare_flow  # type: ignore[import-not-found]

    found = discover_flows(folder)
    assert [one.flow.slug for one in found] == ["b", "bare"]
    assert found[1].flow is not my_bare_flow.flow


def test_a_relative_path_and_a_link_work(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, a=flow_source("a"))
    (folder.parent / "linked").symlink_to(folder)
    monkeypatch.chdir(folder.parent)
    assert discover_flows(Path("flows"))
    assert discover_flows(Path("linked"))
    monkeypatch.chdir(folder)
    assert discover_flows(Path())


def test_the_manifest_does_not_depend_on_where_the_folder_is(tmp_path: Path) -> None:
    source = """
        from pydantic import BaseModel
        from pgflow_dsl import Flow
        from _types import Text as Other
        class Text(BaseModel):
            a: int
        class Pair(BaseModel):
            one: Text
            two: Other
        flow = Flow("clash", payload=Pair)
        @flow.step
        def work(pair: Pair = flow.payload) -> Pair: return pair
    """
    types = "from pydantic import BaseModel\nclass Text(BaseModel):\n    b: int\n"
    manifests = set()
    for place in ("one", "two"):
        folder = write(tmp_path / place / "flows", a=source, _types=types)
        (found,) = discover_flows(folder)
        manifests.add(dump_manifest(compile_flows([found.flow])))
    (manifest,) = manifests
    assert b"flows___types__Text" in manifest


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "there is no folder", "nowhere", "pgflow install")


def test_a_file_that_is_not_python_is_told(tmp_path: Path) -> None:
    (tmp_path / "flows.txt").write_text("")
    refused(tmp_path / "flows.txt", "is not a Python file")


def test_a_folder_without_flows_is_told(folder: Path) -> None:
    write(folder, _only_helpers="")
    (folder / "notes.txt").write_text("")
    (folder / ".hidden.py").write_text("1/0")
    refused(folder, "holds no flow", "underscore")


def test_a_module_without_a_flow_is_told(folder: Path) -> None:
    write(folder, a=flow_source("a"), helper="X = 1")
    error = refused(folder, "helper.py defines no flow", "underscore")
    assert error.details == {"file": str(folder / "helper.py")}


def test_a_package_without_a_flow_is_told(folder: Path) -> None:
    write(folder, a=flow_source("a"), p_in___init__="", p_in_m="X = 1")
    refused(folder, "p/__init__.py defines no flow")


def test_a_module_whose_name_cannot_be_imported_is_told(folder: Path) -> None:
    write(folder, a=flow_source("a"))
    (folder / "b.old.py").write_text("")
    refused(folder, "b.old.py cannot be imported: its name has a dot", "rename")


def test_two_flows_with_one_slug_are_told_with_both_files(folder: Path) -> None:
    write(folder, a=flow_source("same"), b=flow_source("same"))
    error = refused(folder, "two flows have the slug 'same'", "a.py:4", "b.py:4")
    assert error.details["files"] == [str(folder / "a.py"), str(folder / "b.py")]


def test_an_import_error_is_told_with_the_users_own_line(folder: Path) -> None:
    write(folder, a="import _helpers\n", _helpers="\n\nimport no_such_module_at_all\n")
    error = refused(
        folder,
        "_helpers.py:3: cannot import it: ModuleNotFoundError: No module named "
        "'no_such_module_at_all'",
        "install the module",
    )
    assert isinstance(error.__cause__, ModuleNotFoundError)


def test_an_error_inside_a_library_is_told_with_the_line_that_called_it(folder: Path) -> None:
    write(folder, a="import json\n\njson.loads('{')\n")
    refused(folder, "a.py:3: cannot import it: JSONDecodeError")


def test_a_syntax_error_is_told_with_its_line(folder: Path) -> None:
    write(folder, a="x = 1\ny = = 2\n")
    error = refused(folder, "a.py:2: cannot import it: SyntaxError")
    assert isinstance(error.__cause__, SyntaxError)


def test_a_module_that_exits_is_told(folder: Path) -> None:
    write(folder, a="import sys\nsys.exit(3)\n")
    refused(folder, "a.py:2: cannot import it: SystemExit", "__main__")


def test_a_file_that_is_not_text_is_told(folder: Path) -> None:
    write(folder, a="")
    (folder / "a.py").write_bytes(b"x = '\xff'\n")
    refused(folder, "a.py", "cannot import it")
    (folder / "a.py").write_bytes(b"x = 1\n\0\n")
    refused(folder, "a.py:1: cannot import it", "null bytes")


def test_an_error_of_the_definition_is_passed_on_as_it_is(folder: Path) -> None:
    write(
        folder,
        a="from pgflow_dsl import Flow\nflow = Flow('a', payload=str)\n@flow.step\n"
        "def work(text: str) -> str: return text\n",
    )
    with pytest.raises(HandlerSignatureError, match=r"a\.py:3: step 'work' of flow 'a'"):
        discover_flows(folder)


def test_what_could_not_be_checked_at_import_is_checked(folder: Path) -> None:
    write(
        folder,
        a="from __future__ import annotations\nfrom pgflow_dsl import Flow\n"
        "flow = Flow('a', payload=str)\n@flow.step\ndef work() -> Later: return Later(n=1)\n"
        "from pydantic import BaseModel\nclass Later(BaseModel):\n    n: int\n",
        b="from pgflow_dsl import Flow\nflow = Flow('b', payload=str)\n",
    )
    with pytest.raises(DefinitionError, match=r"b\.py:2: flow 'b': the flow has no steps"):
        discover_flows(folder)
    (folder / "b.py").unlink()
    (found,) = discover_flows(folder)
    assert found.flow.test("").output["work"].n == 1


def test_a_name_that_the_folder_does_not_have_is_not_found(folder: Path) -> None:
    write(folder, a="import nothing_here\n")
    refused(folder, "No module named 'nothing_here'")
    importer = FolderImporter(folder)
    with pytest.raises(ModuleNotFoundError):
        importer.load(["nothing_here"])
