"""The SQL sources keep the house rules: headers that are true, words that Python knows too."""

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.support.builders import scalar

from pgflow_core_sql.sources import SCHEMA_DIRECTORY, source_files
from pgflow_manifest import (
    ATTEMPT_OUTCOMES,
    ERRORS_BY_CODE,
    RUN_STATUSES,
    SKIP_REASONS,
    STEP_STATUSES,
    WORKER_STATUSES,
    slug_problem,
)

Conn = psycopg.Connection[Any]
TESTS = Path(__file__).parent.parent

FUNCTIONS = {
    path.stem: path.read_text(encoding="utf-8")
    for path in source_files()
    if "create or replace function" in path.read_text(encoding="utf-8")
}
PUBLIC = sorted(name for name in FUNCTIONS if not name.startswith("_"))
FIELDS = ("Called by:", "Locks:", "Raises:", "Returns:")

_CODE = re.compile(r"(?:errcode = |_raise_manifest_invalid\(\s*)'(PF\d{3})'")
_CALL = re.compile(r"pgflow\.(\w+)\(")


def header(name: str) -> str:
    return FUNCTIONS[name].split("create or replace function")[0]


def body(name: str) -> str:
    text = FUNCTIONS[name].split("create or replace function")[1]
    return re.sub(r"--.*", "", text)


def called(name: str) -> set[str]:
    return set(_CALL.findall(body(name).split("$$", 1)[1])) & FUNCTIONS.keys() - {name}


def raised(name: str, *, through_public: bool) -> set[str]:
    """Return the codes that *name* and the functions it calls can raise and nobody catches."""
    codes = set(_CODE.findall("".join(map(body, FUNCTIONS))))
    return {code for code in codes if _reaches(name, code, through_public=through_public)}


def _reaches(name: str, code: str, *, through_public: bool) -> bool:
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        seen.add(current)
        if f"when sqlstate '{code}'" in body(current):
            continue
        if code in _CODE.findall(body(current)):
            return True
        waiting += [
            other for other in called(current) - seen if through_public or other.startswith("_")
        ]
    return False


def field(name: str, label: str) -> str:
    """Return the text of one field of the header, its further lines included."""
    match = re.search(
        rf"-- {label}(.*?)(?=\n-- (?:{'|'.join(FIELDS)})|\Z)", header(name), re.DOTALL
    )
    assert match is not None, f"{name} has no line {label!r}"
    return match[1]


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_function_has_its_header_in_order(name: str) -> None:
    text = header(name)
    assert text.startswith(f"-- {name}: ")
    positions = [text.find(f"-- {label}") for label in FIELDS]
    assert positions == sorted(positions)
    assert -1 not in positions
    assert all(field(name, label).strip() for label in FIELDS)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_codes_in_the_header_are_those_that_can_be_raised(name: str) -> None:
    said = set(re.findall(r"PF\d{3}", field(name, "Raises:")))
    assert said >= raised(name, through_public=False)
    assert said <= raised(name, through_public=True)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_callers_in_the_header_exist_and_call(name: str) -> None:
    """A name of a function under "Called by" must be that of one that calls this one."""
    callers = set(re.findall(r"\w+", field(name, "Called by:"))) & FUNCTIONS.keys() - {name}
    assert {caller for caller in callers if name not in called(caller)} == set()
    if name.startswith("_"):
        direct = {other for other in FUNCTIONS if name in called(other)}
        text = field(name, "Called by:")
        assert direct <= callers or "every function" in text


@pytest.mark.parametrize("name", [name for name in sorted(FUNCTIONS) if name.startswith("_")])
def test_private_function_is_called(name: str) -> None:
    everything = "".join(
        path.read_text(encoding="utf-8") for path in source_files() if path.stem != name
    )
    assert f"pgflow.{name}(" in everything


@pytest.mark.parametrize("path", source_files(), ids=lambda path: path.stem)
def test_file_is_short_and_names_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    assert text.startswith("-- ")


@pytest.mark.parametrize("name", PUBLIC)
def test_public_function_has_its_file_of_tests(name: str) -> None:
    assert (TESTS / "functions" / f"test_{name}.py").exists()


def test_codes_in_sql_are_codes_of_the_table() -> None:
    used = {
        code
        for path in SCHEMA_DIRECTORY.rglob("*.sql")
        for code in re.findall(r"PF\d{3}", path.read_text(encoding="utf-8"))
    }
    assert used <= ERRORS_BY_CODE.keys()


def test_every_refusal_has_message_detail_and_hint() -> None:
    for name, text in FUNCTIONS.items():
        raises = re.findall(r"raise exception using.*?;\n", text, re.DOTALL)
        assert len(raises) == text.count("raise exception"), name
        for part in raises:
            for word in ("errcode =", "message =", "detail =", "hint ="):
                assert word in part, name


@pytest.mark.parametrize(
    ("table", "constraint", "words"),
    [
        ("runs", "status_is_known", RUN_STATUSES),
        # A step that waits for its deps has no row: `created` is never stored.
        ("step_states", "status_is_known", [s for s in STEP_STATUSES if s != "created"]),
        ("step_states", "skip_reason_is_known", SKIP_REASONS),
        ("attempt_log", "outcome_is_known", ATTEMPT_OUTCOMES),
        ("workers", "status_is_known", WORKER_STATUSES),
    ],
)
def test_statuses_are_those_of_python(
    tx: Conn, table: str, constraint: str, words: list[str]
) -> None:
    definition = scalar(
        tx,
        "select pg_get_constraintdef(oid) from pg_constraint"
        " where conrelid = %s::regclass and conname = %s",
        [f"pgflow.{table}", constraint],
    )
    assert set(re.findall(r"'(\w+)'", definition)) == set(words)


SLUGS = [
    *("", "a", "A", "_", "a1", "_1", "__", "1a", "run", "Run", "RUN", "run_", "runs", "_run"),
    *("x" * 128, "x" * 129, "null", "a-b", "a.b", "a$", "a^", "$", "a\\", "a b", " a", "a "),
    *("a\n", "\na", "a\nb", "a\r", "a\tb", "a\x0b", "a\x85", "a\u2028", "a\u200b"),
    # Letters and digits of other scripts, some of which fold to ASCII: dotless i, long s, Kelvin.
    *("\u00e9", "a\u00e9", "a\u0301", "\u00df", "\ufb01", "\u0130", "\u0131", "\u017f"),
    *("\u212a", "\u0430", "\uff21", "\u0663", "a\u0663"),
]


@pytest.mark.parametrize("slug", SLUGS, ids=ascii)
def test_slug_rule_is_the_same_in_sql_and_python(tx: Conn, slug: str) -> None:
    assert scalar(tx, "select pgflow._is_slug(%s)", [slug]) is (slug_problem(slug) is None)
