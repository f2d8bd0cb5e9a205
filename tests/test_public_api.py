"""What packages export is what they mean to: sorted, typed, documented, and nothing by accident."""

import ast
import importlib
import inspect
from pathlib import Path
from types import ModuleType

import pytest

SOURCES = {path.name: path for path in Path(__file__).parent.parent.glob("packages/*/src/*")}
PACKAGES = sorted(name for name in SOURCES if name.startswith("pgflow_"))


@pytest.fixture(params=PACKAGES)
def package(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(request.param)


def test_all_packages_are_looked_at() -> None:
    assert [
        f"pgflow_{name}" for name in ("cli", "client", "core_sql", "dsl", "manifest", "worker")
    ] == PACKAGES


def test_all_is_sorted_and_complete(package: ModuleType) -> None:
    exported: list[str] = package.__all__
    # constants, then classes, then functions, as ruff sorts them
    assert exported == sorted(exported, key=_kind_and_name)
    public = {
        name
        # not vars(): what is imported when it is asked for counts as well
        for name in dir(package)
        if not name.startswith("_") and not inspect.ismodule(getattr(package, name))
    }
    assert public == set(exported)


def test_name_that_is_not_exported_is_an_error(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match=f"'{package.__name__}' has no attribute 'nothing'"):
        _ = package.nothing


def test_package_is_marked_as_typed(package: ModuleType) -> None:
    assert (SOURCES[package.__name__] / "py.typed").read_bytes() == b""


def test_package_and_every_export_have_a_docstring(package: ModuleType) -> None:
    assert package.__doc__
    undocumented = [
        name
        for name in package.__all__
        if (inspect.isclass(value := getattr(package, name)) or inspect.isroutine(value))
        and not inspect.getdoc(value)
    ]
    assert undocumented == []


@pytest.mark.parametrize("name", PACKAGES)
def test_every_module_says_why_it_exists(name: str) -> None:
    modules = [path for path in SOURCES[name].rglob("*.py") if "_templates" not in path.parts]
    silent = [path for path in modules if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
    assert silent == []


def _kind_and_name(name: str) -> tuple[int, str]:
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)
