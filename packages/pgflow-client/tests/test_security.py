"""What a client may do as the role `pgflow_client`, and as nobody."""

from collections.abc import Callable

import pytest

from pgflow_client import Client
from pgflow_manifest import ForbiddenError, Manifest, RunNotFoundError

UrlFor = Callable[[str], str]


def test_the_run_of_another_owner_does_not_exist(
    deployed: object, url_for: UrlFor, manifest: Manifest
) -> None:
    with (
        Client(url_for("pgflow_client"), manifest=manifest) as mine,
        Client(url_for("pgflow_client"), manifest=manifest) as other,
    ):
        run_id = mine.start("anything", 1).run_id

        assert mine.get(run_id).status == "started"
        assert [run.run_id for run in mine.list()] == [run_id]
        assert other.list() == ()
        for call in (other.get, other.cancel, other.wait, lambda run: list(other.watch(run))):
            with pytest.raises(RunNotFoundError) as caught:
                call(run_id)
            assert caught.value.code == "PF102"
        assert mine.cancel(run_id) == "cancelled"


def test_only_flows_for_clients_can_be_started(
    deployed: object, url_for: UrlFor, manifest: Manifest
) -> None:
    with Client(url_for("pgflow_client"), manifest=manifest) as client:
        with pytest.raises(ForbiddenError) as caught:
            client.start("internal", 1)
        with pytest.raises(ForbiddenError):
            client.start_many("internal", [1])

        assert caught.value.code == "PF401"
        assert caught.value.hint is not None
        assert client.list() == ()


@pytest.mark.parametrize("role", ["", "pgflow_worker"])
def test_a_role_without_grants_can_do_nothing(
    deployed: object, url_for: UrlFor, manifest: Manifest, role: str
) -> None:
    with (
        Client(url_for(role), manifest=manifest) as client,
        pytest.raises(ForbiddenError, match="permission denied") as caught,
    ):
        client.start("anything", 1)

    assert caught.value.hint is not None
