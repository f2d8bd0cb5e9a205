"""A run belongs to who started it; to every other client it does not exist."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg
from tests.support.builders import (
    a_diamond,
    claim,
    column,
    complete,
    deploy,
    get_run,
    register_worker,
    scalar,
    start_run,
)
from tests.support.fix_pg import UrlFor
from tests.support.refusals import denied, refused

Conn = psycopg.Connection[Any]
ActingAs = Callable[[str], AbstractContextManager[str]]
OPEN = a_diamond(client_startable=True)


def set_claims(conn: Conn, **claims: str) -> None:
    conn.execute("select set_config('request.jwt.claims', %s, false)", [json.dumps(claims)])


def no_claims(conn: Conn) -> None:
    conn.execute("select set_config('request.jwt.claims', '', false)")


@contextmanager
def gateway(tx: Conn, *roles: str) -> Iterator[None]:
    """Let *tx* be the session of a gateway, as PostgREST would have it."""
    tx.execute("create role my_gateway login noinherit")
    tx.execute("insert into pgflow.gateways values ('my_gateway')")
    for role in roles:
        tx.execute(f"grant {role} to my_gateway".encode())
    tx.execute("set session authorization my_gateway")
    yield
    tx.execute("reset session authorization")
    no_claims(tx)


def test_owner_is_the_login_role(tx: Conn, acting_as: ActingAs) -> None:
    deploy(tx, OPEN)
    with acting_as("pgflow_client") as name:
        assert get_run(tx, start_run(tx))["owner"] == name


def test_owner_is_the_role_that_was_set(tx: Conn) -> None:
    deploy(tx, OPEN)
    tx.execute("set local role pgflow_client")
    owner = get_run(tx, start_run(tx))["owner"]
    tx.execute("reset role")
    assert owner == "pgflow_client"


def test_client_sees_and_cancels_its_own_run(tx: Conn, acting_as: ActingAs) -> None:
    deploy(tx, OPEN)
    with acting_as("pgflow_client"):
        run_id = start_run(tx)
        assert get_run(tx, run_id)["status"] == "started"
        assert column(tx, "select run_id from pgflow.list_runs()") == [run_id]
        tx.execute("select pgflow.watch_run(%s)", [run_id])
        assert scalar(tx, "select pgflow.cancel_run(%s)", [run_id]) == "cancelled"


def test_run_of_another_owner_does_not_exist(tx: Conn, acting_as: ActingAs) -> None:
    deploy(tx, OPEN)
    with acting_as("pgflow_client"):
        run_id = start_run(tx)
    with acting_as("pgflow_client"):
        for function in ("get_run", "cancel_run", "watch_run"):
            with refused(tx, "PF102") as refusal:
                tx.execute(f"select pgflow.{function}(%s)".encode(), [run_id])
            unknown = "00000000-0000-0000-0000-000000000001"
            with refused(tx, "PF102") as other:
                tx.execute(f"select pgflow.{function}(%s)".encode(), [unknown])
            said = refusal.message.replace(str(run_id), unknown)
            assert (said, refusal.hint) == (other.message, other.hint)
        assert column(tx, "select run_id from pgflow.list_runs()") == []
    assert get_run(tx, run_id)["status"] == "started"


def test_result_of_another_owners_run_cannot_be_read_from_tables(
    tx: Conn, acting_as: ActingAs
) -> None:
    deploy(tx, OPEN)
    with acting_as("pgflow_client"):
        start_run(tx)
    complete(tx, claim(tx, register_worker(tx, OPEN)))
    with acting_as("pgflow_client"):
        for table in ("runs", "step_states", "attempts"):
            with denied(tx):
                tx.execute(f"select * from pgflow.{table}".encode())


def test_client_with_select_sees_the_rows_of_its_own_runs_only(
    tx: Conn, acting_as: ActingAs
) -> None:
    deploy(tx, OPEN)
    tx.execute("grant select on pgflow.runs, pgflow.step_states, pgflow.attempts to pgflow_client")
    with acting_as("pgflow_client"):
        start_run(tx)
    with acting_as("pgflow_client"):
        own = start_run(tx)
        worker_rows = ("runs", "step_states")
        for table in worker_rows:
            assert column(tx, f"select run_id from pgflow.{table}") == [own]
        assert column(tx, "select run_id from pgflow.attempts") == []


def test_claims_that_a_session_sets_itself_are_not_believed(tx: Conn, acting_as: ActingAs) -> None:
    deploy(tx, OPEN)
    with acting_as("pgflow_client") as victim:
        run_id = start_run(tx)
    with acting_as("pgflow_client") as attacker:
        set_claims(tx, sub=victim, role="pgflow_admin")
        with refused(tx, "PF102"):
            get_run(tx, run_id)
        assert column(tx, "select run_id from pgflow.list_runs()") == []
        assert get_run(tx, start_run(tx))["owner"] == attacker
    no_claims(tx)


def test_claims_are_not_believed_after_set_role_either(conn: Conn, url_for: UrlFor) -> None:
    deploy(conn, OPEN)
    set_claims(conn, sub="alice")
    run_id = start_run(conn)
    with psycopg.connect(url_for("pgflow_client"), autocommit=True) as eve:
        set_claims(eve, sub="alice")
        for role in ("none", "pgflow_client"):
            eve.execute(f"set role {role}".encode())
            with refused(eve, "PF102"):
                get_run(eve, run_id)


def test_malformed_claims_do_no_harm_without_a_gateway(tx: Conn, acting_as: ActingAs) -> None:
    deploy(tx, OPEN)
    with acting_as("pgflow_client") as name:
        tx.execute("set request.jwt.claims = 'no json'")
        assert get_run(tx, start_run(tx))["owner"] == name
    no_claims(tx)


def test_claims_behind_a_gateway_are_the_owner(tx: Conn) -> None:
    deploy(tx, OPEN)
    with gateway(tx, "pgflow_client"):
        tx.execute("set role pgflow_client")
        set_claims(tx, sub="alice")
        alices = start_run(tx)
        set_claims(tx, sub="bob")
        bobs = start_run(tx)
        assert get_run(tx, bobs)["owner"] == "bob"
        assert column(tx, "select run_id from pgflow.list_runs()") == [bobs]
        with refused(tx, "PF102"):
            get_run(tx, alices)
        set_claims(tx, sub="alice")
        assert column(tx, "select run_id from pgflow.list_runs()") == [alices]


def test_gateway_without_a_subject_is_the_role_it_took(tx: Conn) -> None:
    deploy(tx, OPEN)
    with gateway(tx, "pgflow_client"):
        tx.execute("set role pgflow_client")
        for claims in ({}, {"role": "service"}):
            set_claims(tx, **claims)
            assert get_run(tx, start_run(tx))["owner"] == "pgflow_client"


def test_client_cannot_make_itself_a_gateway(tx: Conn, acting_as: ActingAs) -> None:
    for role in ("pgflow_client", "pgflow_worker", "pgflow_viewer", "pgflow_admin"):
        with acting_as(role) as name, denied(tx):
            tx.execute("insert into pgflow.gateways values (%s)", [name])


def test_two_logins_are_two_owners(conn: Conn, url_for: UrlFor) -> None:
    deploy(conn, OPEN)
    with (
        psycopg.connect(url_for("pgflow_client"), autocommit=True) as first,
        psycopg.connect(url_for("pgflow_client"), autocommit=True) as second,
    ):
        run_id = start_run(first)
        assert get_run(first, run_id)["owner"] == first.info.user
        with refused(second, "PF102"):
            get_run(second, run_id)
