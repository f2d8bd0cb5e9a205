"""The thin client of pgflow: start, watch and cancel runs, typed from the manifest alone.

    with Client() as client:
        run = client.start("voice_memo", {"object_name": "memo.wav"})
        for event in run.watch():
            print(event)
        print(run.output())

Start with `Client` (client.py) or `AsyncClient`; `FlowRef` adds static types.
"""

from pgflow_client.client import Client
from pgflow_client.client_async import AsyncClient
from pgflow_client.errors import (
    ClientClosedError,
    DatabaseUnreachableError,
    DatabaseUrlError,
    InsideTransactionError,
    RunCancelledError,
    RunFailedError,
    RunNotCompletedError,
    StepNotCompletedError,
    WaitTimeoutError,
)
from pgflow_client.events import (
    RunCancelled,
    RunCompleted,
    RunEvent,
    RunFailed,
    RunStarted,
    StepCancelled,
    StepCompleted,
    StepFailed,
    StepProgressed,
    StepRetrying,
    StepRunning,
    StepSkipped,
    StepStarted,
)
from pgflow_client.flow_ref import FlowRef
from pgflow_client.handle import RunHandle
from pgflow_client.handle_async import AsyncRunHandle
from pgflow_client.json_value import Json
from pgflow_client.run import (
    ErrorReport,
    RunSnapshot,
    RunSummary,
    SchemaFault,
    SignalOutcome,
    StepReason,
    StepSnapshot,
    SubRun,
    TaskCounts,
)
from pgflow_client.signal_ref import SignalRef
from pgflow_client.url import database_url

__all__ = [
    "AsyncClient",
    "AsyncRunHandle",
    "Client",
    "ClientClosedError",
    "DatabaseUnreachableError",
    "DatabaseUrlError",
    "ErrorReport",
    "FlowRef",
    "InsideTransactionError",
    "Json",
    "RunCancelled",
    "RunCancelledError",
    "RunCompleted",
    "RunEvent",
    "RunFailed",
    "RunFailedError",
    "RunHandle",
    "RunNotCompletedError",
    "RunSnapshot",
    "RunStarted",
    "RunSummary",
    "SchemaFault",
    "SignalOutcome",
    "SignalRef",
    "StepCancelled",
    "StepCompleted",
    "StepFailed",
    "StepNotCompletedError",
    "StepProgressed",
    "StepReason",
    "StepRetrying",
    "StepRunning",
    "StepSkipped",
    "StepSnapshot",
    "StepStarted",
    "SubRun",
    "TaskCounts",
    "WaitTimeoutError",
    "database_url",
]
