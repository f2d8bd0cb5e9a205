"""The digest of a handler changes with what its source says, and with nothing else."""

import functools
import linecache
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pgflow_dsl import handler_digest
from pgflow_manifest import DefinitionError

PLAIN = """
def work(a=1, *, b="x"):
    c = [a, None, 1.5, b"y", f"{b!r:>{a}}"]
    return {"a": a, "c": c}
"""


@pytest.fixture
def digest(tmp_path: Path) -> Callable[[str], str]:
    """Return `digest(source)`: that of the function `work` in a module of its own."""
    count = iter(range(100))

    def digest(source: str) -> str:
        path = tmp_path / f"m{next(count)}.py"
        path.write_text(textwrap.dedent(source))
        names: dict[str, Any] = {}
        exec(compile(path.read_text(), path, "exec"), names)
        return handler_digest(names["work"])

    return digest


@pytest.mark.parametrize(
    "same",
    [
        "# a comment\n\n" + PLAIN,
        PLAIN.replace("):\n", '):\n    """What it does."""\n'),
        PLAIN.replace("    return", "\n    # a comment\n    return"),
        PLAIN.replace(
            '{"a": a, "c": c}',
            '(\n        {\n            "a": a,\n            "c": c,\n        }\n    )',
        ),
        "keep = lambda fn: fn\n\n@keep\n@keep\n" + PLAIN.strip(),
        PLAIN.replace('"x"', "'x'"),
        "if True:\n" + textwrap.indent(PLAIN, "    "),
    ],
)
def test_layout_comments_docstring_and_decorators_do_not_count(
    digest: Callable[[str], str], same: str
) -> None:
    assert digest(same) == digest(PLAIN)
    assert re.fullmatch("[0-9a-f]{64}", digest(PLAIN))


@pytest.mark.parametrize(
    "other",
    [
        PLAIN.replace("def", "async def"),
        PLAIN.replace("a=1", "a=2"),
        PLAIN.replace("a=1", "a=True"),
        PLAIN.replace("a=1", "a: int=1"),
        PLAIN.replace("1.5", "1"),
        PLAIN.replace("None", "0"),
        PLAIN.replace('b"y"', '"y"'),
        PLAIN.replace("!r", "!s"),
        PLAIN.replace('"c": c', '"c": a'),
        PLAIN + "    c.append(1)\n",
    ],
)
def test_every_other_change_counts(digest: Callable[[str], str], other: str) -> None:
    assert digest(other) != digest(PLAIN)


def test_it_is_the_same_under_every_version_of_python(digest: Callable[[str], str]) -> None:
    # Written down under 3.11; what only later versions write, such as type_params, is left out.
    assert digest(PLAIN) == "ef35849808d07d08e2f20e5294645fd03cc2cbbb80daa4c979f4d047689f5e1b"


def test_a_decorated_function_is_looked_up_through_its_wrapper() -> None:
    def plain(n: int = 1) -> int:
        return n

    @functools.wraps(plain)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return plain(*args, **kwargs)

    assert handler_digest(wrapper) == handler_digest(plain)


def test_functions_of_one_name_are_told_apart_by_their_line() -> None:
    def make(first: bool) -> Callable[[], int]:
        if first:

            def work() -> int:
                return 1
        else:

            def work() -> int:
                return 2

        return work

    assert handler_digest(make(True)) != handler_digest(make(False))


def test_what_has_no_source_is_refused(tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    exec("def work(): return 1", names)
    with pytest.raises(DefinitionError, match="no source of the handler 'work'") as caught:
        handler_digest(names["work"])
    assert "annotate" in (caught.value.hint or "")
    with pytest.raises(DefinitionError, match="<lambda>"):
        handler_digest(lambda: 1)


def test_a_file_that_is_being_edited_has_no_source(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_text("def work(): return 1\n")
    names: dict[str, Any] = {}
    exec(compile(path.read_text(), path, "exec"), names)
    path.write_text("def work(: return 1, 2\n")
    linecache.checkcache(str(path))
    with pytest.raises(DefinitionError, match="no source"):
        handler_digest(names["work"])
