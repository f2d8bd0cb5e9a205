"""One table of errors: every code has one class, every class says what it means and what to do."""

import re
from collections.abc import Iterator

import pytest

import pgflow_manifest
from pgflow_manifest import (
    ERRORS_BY_CODE,
    EngineError,
    FlowNotFoundError,
    ForbiddenError,
    NotStorableError,
    PgflowError,
    TaskError,
    error_from_sqlstate,
)


def subclasses(base: type[PgflowError]) -> Iterator[type[PgflowError]]:
    for child in base.__subclasses__():
        if child.__module__.startswith("pgflow_manifest"):
            yield child
            yield from subclasses(child)


CLASSES: list[type[PgflowError]] = [PgflowError, *subclasses(PgflowError)]


def test_table_holds_every_code_once_and_in_order() -> None:
    coded = [known for known in CLASSES if "code" in vars(known) and known.code is not None]
    assert len(coded) == len({known.code for known in coded})
    assert {known.code: known for known in coded} == dict(ERRORS_BY_CODE)
    assert list(ERRORS_BY_CODE) == sorted(ERRORS_BY_CODE)


@pytest.mark.parametrize("code", ERRORS_BY_CODE)
def test_code_is_one_that_psycopg_does_not_take_for_retryable(code: str) -> None:
    assert re.fullmatch(r"PF[1-6]\d{2}", code)


@pytest.mark.parametrize("known", CLASSES, ids=lambda known: known.__name__)
def test_class_is_exported_and_its_docstring_is_its_message(known: type[PgflowError]) -> None:
    assert getattr(pgflow_manifest, known.__name__) is known
    assert known.__name__.endswith("Error")
    message = (known.__doc__ or "").split("\n")[0]
    assert message.endswith(".")
    assert known().message == message
    assert str(known()) == (f"[{known.code}] {message}" if known.code else message)


def test_text_shows_code_message_and_mend() -> None:
    error = FlowNotFoundError("there is no flow 'x'", hint="deploy it", details={"flow": "x"})
    assert str(error) == "[PF101] there is no flow 'x'\n  mend: deploy it"
    assert (error.message, error.hint, error.details) == (
        "there is no flow 'x'",
        "deploy it",
        {"flow": "x"},
    )
    assert isinstance(error, LookupError)


@pytest.mark.parametrize(("code", "known"), ERRORS_BY_CODE.items())
def test_sqlstate_becomes_its_class_with_everything_that_came_along(
    code: str, known: type[PgflowError]
) -> None:
    error = error_from_sqlstate(code, "what happened", hint="do this", details={"n": 1})
    assert type(error) is known
    assert (error.message, error.hint, error.details) == ("what happened", "do this", {"n": 1})


@pytest.mark.parametrize("sqlstate", ["22P02", "22P05", "22003", "22021", "54000", "54001"])
def test_what_postgres_cannot_store_becomes_not_storable(sqlstate: str) -> None:
    error = error_from_sqlstate(sqlstate, "unsupported Unicode escape sequence")
    assert isinstance(error, NotStorableError)
    assert "unsupported Unicode escape sequence" in error.message
    assert error.details == {"sqlstate": sqlstate}
    assert error.hint


def test_missing_privilege_becomes_forbidden() -> None:
    error = error_from_sqlstate("42501", "permission denied for function deploy")
    assert isinstance(error, ForbiddenError)
    assert isinstance(error, PermissionError)


@pytest.mark.parametrize("sqlstate", [None, "23505", "40001", "PF999", "08006"])
def test_codes_that_are_not_ours_pass_through(sqlstate: str | None) -> None:
    assert error_from_sqlstate(sqlstate, "something else") is None


def test_each_family_of_codes_has_its_base() -> None:
    for code, known in ERRORS_BY_CODE.items():
        if code.startswith("PF6"):
            assert issubclass(known, TaskError)
        elif code not in {"PF206", "PF207"}:
            assert issubclass(known, EngineError)
