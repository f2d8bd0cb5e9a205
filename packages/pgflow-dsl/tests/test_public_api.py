"""What the package exports is sorted, documented and importable."""

import ast
from pathlib import Path

import pytest

import pgflow_dsl

SOURCES = sorted(Path(pgflow_dsl.__file__).parent.glob("*.py"))


def test_all_is_sorted_and_complete() -> None:
    names = pgflow_dsl.__all__
    assert names == sorted(names, key=lambda name: (name[0].islower(), name))
    public = {
        name
        for name, value in vars(pgflow_dsl).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("pgflow_dsl")
    }
    assert public <= set(names)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_a_module_is_short_and_says_why_it_exists(source: Path) -> None:
    text = source.read_text()
    assert len(text.splitlines()) < 400
    assert ast.get_docstring(ast.parse(text))
