"""Generated TypeScript runs flows in Node.js: PostgREST's contract, the engine, a worker."""

from typing import Any

import pytest
from tests.support import postgrest as double
from tests.support.every_type import PAYLOAD, RESULTS
from tests.support.fix_worker import Engine, Serve
from tests.support.postgrest import Postgrest
from tests.typescript.conftest import Play

from pgflow_dsl import Flow

PARCEL = {"label": "order 7", "weight": 1.0, "size": "small"}


async def only(told: Any) -> Any:
    """Return the one thing that is told."""
    [answer] = [answer async for answer in told]
    return answer


async def test_a_run_is_started_awaited_and_read(
    play: Play, serve: Serve, flows: list[Flow[Any]]
) -> None:
    async with serve(*flows):
        told = await only(play("completes"))
    assert told["output"] == {"promise": {"label": "ORDER 7", "days": 7}}
    assert told["packed"] == PARCEL
    assert told["steps"] == [["pack", "completed", None], ["promise", "completed", None]]
    assert told["isTheSame"]
    [summary] = told["listed"]
    assert summary["flow_slug"] == "parcels"
    assert summary["status"] == "completed"
    assert told["others"] == []


async def test_a_value_of_every_type_arrives_as_it_is(
    play: Play, serve: Serve, flows: list[Flow[Any]]
) -> None:
    async with serve(*flows):
        told = await only(play("everyType"))
    assert told == {"payload": PAYLOAD, "output": RESULTS, "uuid": RESULTS["uuid"]}


async def test_null_and_arrays_are_payloads_as_well(
    play: Play, serve: Serve, flows: list[Flow[Any]]
) -> None:
    async with serve(*flows):
        told, none = [answer async for answer in play("plainPayloads")]
    texts = ['"', "\\", "{,}", "ü"]
    assert none == []
    assert told == [[["a"], 1], [None, None], [["a", "b"], 2], [None, None], [[], 0], [texts, 4]]


async def test_refusals_have_code_reason_and_place(
    play: Play, engine: Engine, flows: list[Flow[Any]]
) -> None:
    engine.deploy(*flows)
    told = await only(play("isRefused"))
    assert {case: error["code"] for case, error in told.items()} == {
        "payload": "PF202",
        "notStartable": "PF401",
        "taken": "PF303",
        "unknown": "PF102",
        "noUuid": "22P02",
        "otherFlow": None,
        "noResult": None,
        "noStep": None,
    }
    assert {fault["at"] for fault in told["payload"]["errors"]} == {"/number", "/items"}
    assert told["taken"]["status"] == 400
    assert "is of flow parcels, not of labels" in told["otherFlow"]["message"]
    assert told["noResult"]["name"] == "NoResultError"
    assert "no result of step pack, which is started" in told["noResult"]["message"]
    assert told["noStep"]["hint"] == "its steps are pack, promise"


async def test_who_is_not_signed_in_is_told_to(
    play: Play, engine: Engine, flows: list[Flow[Any]]
) -> None:
    engine.deploy(*flows)
    told = await only(play("isForbidden", anonymous=True))
    assert told["code"] == "42501"
    assert told["status"] in {401, 403}
    assert told["hint"] == "sign in, or grant pgflow_client to the role of the caller"


async def test_a_schema_that_is_not_exposed_is_told(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(double, "_SCHEMAS", ("public",))
    told = await only(play("isForbidden"))
    assert told["code"] == "PGRST106"
    assert "schemas that PostgREST exposes" in told["hint"]


async def test_a_failed_run_says_which_step_and_why(
    play: Play, serve: Serve, flows: list[Flow[Any]]
) -> None:
    async with serve(*flows):
        told = await only(play("fails"))
    error = told["told"]
    assert error["name"] == "RunFailedError"
    assert error["code"] == "PF603"
    assert error["message"].endswith(
        "of flow parcels failed: step pack: [PF603] GiveUp: there is nothing to pack"
    )
    assert error["hint"].startswith("`pgflow runs show ")
    assert told["steps"] == [["pack", "failed"], ["promise", "cancelled"]]
    assert "no result of step pack, which is failed: [PF603]" in told["noResult"]["message"]
    assert told["cannotCancel"]["code"] == "PF302"


async def test_a_result_that_postgres_refused_says_where_it_is_wrong(
    play: Play, serve: Serve, flows: list[Flow[Any]]
) -> None:
    async with serve(*flows):
        told = await only(play("resultIsRefused"))
    assert told["code"] == "PF606"
    assert told["details"]["step"] == "promise"
    [fault] = told["errors"]
    assert (fault["at"], fault["keyword"]) == ("/days", "maximum")


async def test_a_cancelled_run_says_why(play: Play, engine: Engine, flows: list[Flow[Any]]) -> None:
    engine.deploy(*flows)
    told = await only(play("isCancelled"))
    assert told["name"] == "RunFailedError"
    assert told["message"].endswith("of flow parcels was cancelled: wrong address")


async def test_waiting_ends_when_the_time_is_up_or_the_caller_says_so(
    play: Play, engine: Engine, flows: list[Flow[Any]]
) -> None:
    engine.deploy(*flows)
    told = await only(play("timesOut"))
    assert told["timedOut"]["name"] == "WaitTimeoutError"
    assert told["timedOut"]["message"].endswith("has not ended after 200 ms: it is started")
    assert told["aborted"]["message"] == "changed my mind"
    assert told["abortedAtOnce"]["message"] == "never mind"


async def test_signals_are_sent_and_what_was_skipped_is_null(
    play: Play, serve: Serve, flows: list[Flow[Any]]
) -> None:
    async with serve(*flows):
        told = await only(play("waitsForSignals"))
    assert told["faults"]["code"] == "PF202"
    assert {fault["at"] for fault in told["faults"]["errors"]} == {"", "/approved"}
    assert told["sent"] == ["completed", "repeated", "completed"]
    assert told["other"]["code"] == "PF305"
    assert told["outputs"] == [
        {"book": "row 7, 0 wishes", "extra": None},
        {"book": None, "extra": None},
    ]
    assert told["skipped"] is None
    assert told["seat"] == {"row": 7}
    assert told["reasons"] == [[None] * 6, [*[None] * 5, "condition_unmet"]]
    assert told["subRuns"] == ["seat"]


async def test_a_server_that_goes_away_is_waited_for(
    play: Play, postgrest: Postgrest, serve: Serve, flows: list[Flow[Any]], engine: Engine
) -> None:
    engine.deploy(*flows)
    told = play("waitsForTheServer")
    assert await anext(told) == "started"
    postgrest.stop()
    async with serve(*flows):
        await engine.until("select status = 'completed' from pgflow.runs")
    postgrest.start()
    assert [answer async for answer in told] == [
        "completed",
        {"promise": {"label": "ORDER 7", "days": 7}},
    ]


async def test_a_server_that_was_never_there_is_an_error_at_once(
    play: Play, postgrest: Postgrest
) -> None:
    postgrest.stop()
    told = await only(play("findsNoServer"))
    assert told["name"] == "UnreachableError"


@pytest.mark.parametrize("play", ["fetch"], indirect=True)
async def test_gateways_without_json_are_understood(play: Play) -> None:
    told = await only(play("meetsGateways"))
    assert told["away"]["name"] == "UnreachableError"
    assert told["away"]["status"] == 502
    assert told["noJson"]["message"].endswith("answered with something else than JSON")
    assert told["silent"]["message"].endswith(
        "has not ended after 100 ms: its state could not be read"
    )
