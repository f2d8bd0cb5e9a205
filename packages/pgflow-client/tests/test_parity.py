"""The synchronous and the asynchronous client are the same to their callers."""

import inspect
import re

import pytest

from pgflow_client import AsyncClient, AsyncRunHandle, Client, RunHandle
from pgflow_client.link import Link
from pgflow_client.link_async import AsyncLink
from pgflow_client.session import CallersSession, OwnSession
from pgflow_client.session_async import CallersAsyncSession, OwnAsyncSession

TWINS = [
    (Client, AsyncClient),
    (RunHandle, AsyncRunHandle),
    (Link, AsyncLink),
    (OwnSession, OwnAsyncSession),
    (CallersSession, CallersAsyncSession),
]


def public(kind: type) -> dict[str, object]:
    return {name: thing for name, thing in vars(kind).items() if not name.startswith("_")}


def shape(method: object) -> str:
    """The signature without what has to differ: the names of the twins."""
    assert callable(method)
    return re.sub(r"Async|_async", "", str(inspect.signature(method)))


@pytest.mark.parametrize(("sync", "asynchronous"), TWINS)
def test_twins_have_the_same_methods_with_the_same_signatures(
    sync: type, asynchronous: type
) -> None:
    ours, theirs = public(sync), public(asynchronous)

    assert ours.keys() == theirs.keys()
    for name, method in ours.items():
        if inspect.isfunction(method):
            assert shape(method) == shape(theirs[name]), name
            doc, other = inspect.getdoc(method), inspect.getdoc(theirs[name])
            assert doc is not None
            assert other is not None
            assert doc.split(".")[0] == other.split(", for a thread")[0].split(".")[0], name


def test_everything_public_is_exported_in_order() -> None:
    import pgflow_client

    assert pgflow_client.__all__ == sorted(
        pgflow_client.__all__, key=lambda name: (name[0].islower(), name)
    )
    assert all(hasattr(pgflow_client, name) for name in pgflow_client.__all__)
