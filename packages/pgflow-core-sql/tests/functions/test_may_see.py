"""may_see: the one rule of visibility; its use by functions and tables is tested in security/."""

from typing import Any

import psycopg
import pytest
from psycopg import sql
from tests.support.builders import scalar

Conn = psycopg.Connection[Any]
SEE = "select pgflow.may_see(%s)"


@pytest.mark.parametrize(
    ("role", "sees_others"),
    [("pgflow_client", False), ("pgflow_viewer", True), ("pgflow_admin", True)],
)
def test_owner_sees_his_own_and_only_some_roles_see_others(
    tx: Conn, role: str, sees_others: bool
) -> None:
    tx.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
    assert scalar(tx, SEE, [role]) is True
    assert scalar(tx, SEE, ["somebody else"]) is sees_others
