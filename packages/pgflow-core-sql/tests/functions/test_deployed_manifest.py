"""deployed_manifest: the flows as they were deployed last."""

from typing import Any

import psycopg
from tests.support.builders import a_diamond, a_flow, a_mapped_list, a_step, deploy, scalar

from pgflow_manifest import FlowOptions, Manifest

Conn = psycopg.Connection[Any]


def deployed(conn: Conn, *slugs: str) -> Manifest:
    document = scalar(
        conn, "select pgflow.deployed_manifest(%s)::text", [list(slugs) if slugs else None]
    )
    return Manifest.model_validate_json(document)


def test_without_flows_it_is_empty(tx: Conn) -> None:
    assert deployed(tx) == Manifest()


def test_what_was_deployed_comes_back_whole(tx: Conn) -> None:
    deploy(tx, a_diamond(), a_mapped_list())
    assert deployed(tx) == Manifest(flows=(a_mapped_list(), a_diamond()))
    assert deployed(tx, "mapped", "unknown") == Manifest(flows=(a_mapped_list(),))


def test_it_is_the_current_version_with_the_options_of_now(tx: Conn) -> None:
    first = a_flow("f", a_step("a"))
    deploy(tx, first)
    deploy(tx, a_flow("f", a_step("a"), a_step("b")))
    assert [step.slug for step in deployed(tx).flow("f").steps] == ["a", "b"]
    patient = a_flow("f", a_step("a"), options=FlowOptions(max_attempts=9))
    assert deploy(tx, patient) == [("f", 1, "restored")]
    assert deployed(tx).flow("f") == patient
