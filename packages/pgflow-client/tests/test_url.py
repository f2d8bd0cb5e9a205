"""Where the database is, and that its password is never told. No database here."""

import pytest

from pgflow_client import AsyncClient, Client, DatabaseUnreachableError, DatabaseUrlError
from pgflow_client.url import database_url
from pgflow_manifest import mask_secrets


def test_the_given_url_wins_over_the_environment() -> None:
    environment = {"PGFLOW_DATABASE_URL": "postgresql://b", "DATABASE_URL": "postgresql://c"}

    assert database_url("postgresql://a", environment) == "postgresql://a"
    assert database_url(None, environment) == "postgresql://b"
    assert database_url(None, {"DATABASE_URL": "postgresql://c"}) == "postgresql://c"


@pytest.mark.parametrize("make", [Client, AsyncClient])
def test_no_url_at_all_says_what_to_set(make: type[Client] | type[AsyncClient]) -> None:
    with pytest.raises(DatabaseUrlError, match="PGFLOW_DATABASE_URL") as caught:
        make()

    assert caught.value.hint is not None


def test_a_malformed_url_is_refused_without_its_password() -> None:
    with pytest.raises(DatabaseUrlError) as caught:
        Client("postgresql:/me:s3cret@host/db password=s3cret")

    with pytest.raises(DatabaseUrlError) as caught:
        Client("postgresql://me:s3cret@host:x%/db?passwd=1")
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql://me:pw@host/db", "postgresql://me:****@host/db"),
        ("postgres://me:p%40w@h1,h2:5/db?a=b", "postgres://me:****@h1,h2:5/db?a=b"),
        ("postgresql://host/db?password=pw&user=me", "postgresql://host/db?password=****&user=me"),
        ("host=h password=pw user=me", "host=h password=**** user=me"),
        ("password = 'p w\\'x' user=me", "password = **** user=me"),
        ("sslpassword=pw", "sslpassword=****"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("failed for postgresql://a:b@c and d", "failed for postgresql://a:****@c and d"),
    ],
)
def test_passwords_are_masked(text: str, masked: str) -> None:
    assert mask_secrets(text) == masked


def test_an_unreachable_database_is_told_without_the_password() -> None:
    with (
        Client("postgresql://me:s3cret@127.0.0.1:1/db") as client,
        pytest.raises(DatabaseUnreachableError) as caught,
    ):
        client.list()

    assert "127.0.0.1" in caught.value.message
    assert "s3cret" not in str(caught.value)
    assert not caught.value.was_reachable


def test_waiting_for_a_database_that_was_never_there_fails_at_once() -> None:
    with (
        Client("postgresql://me@127.0.0.1:1/db") as client,
        pytest.raises(DatabaseUnreachableError),
    ):
        client.wait("0190a5a0-0000-7000-8000-000000000000", timeout=30)


@pytest.mark.parametrize("make", [Client, AsyncClient])
def test_something_that_is_no_connection_is_refused(make: type[Client] | type[AsyncClient]) -> None:
    with pytest.raises(DatabaseUrlError, match="not int"):
        make(3)  # type: ignore[arg-type]
