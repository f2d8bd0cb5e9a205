"""What a process pays for naming the client: nothing that it does not use yet.

By loaded modules and not by the clock, so that a busy machine cannot decide it. A process that
imports the client and starts no run is common: a web server whose worker processes start afresh, a
command line that only prints its help, the collection of somebody's tests.
"""

import os
import subprocess
import sys

import pytest

import pgflow_client

# Each takes longer to load than all of the client that stays: psycopg with libpq, pydantic with its
# core, asyncio with ssl and sockets. The two small ones go with what needs them.
HEAVY = {"asyncio", "jsonschema_rs", "orjson", "psycopg", "pydantic", "pydantic_core"}

NEW_CLIENT = "client = Client('postgresql://app@localhost/app', manifest={manifest!r})"


def loaded_after(code: str) -> set[str]:
    """Return which of the heavy modules a fresh interpreter has loaded after *code*."""
    told = f"{code}\nimport sys\nprint(*sys.modules)"
    return HEAVY & set(run(told).stdout.split())


def run(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **env},
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize(
    "code",
    [
        "import pgflow_client",
        "from pgflow_client import Client",
        "from pgflow_client import AsyncClient",
        f"from pgflow_client import {', '.join(pgflow_client.__all__)}",
        "from pgflow_client import *",
        "from pgflow_client import FlowRef; FlowRef('voice_memo')",
        "from pgflow_client import *; import pgflow_client; dir(pgflow_client)",
    ],
)
def test_naming_the_client_loads_nothing_heavy(code: str) -> None:
    assert loaded_after(code) == set()


def test_a_client_loads_psycopg_and_leaves_the_manifest_for_later() -> None:
    loaded = loaded_after(f"from pgflow_client import *\n{NEW_CLIENT.format(manifest='nowhere')}")

    assert loaded == {"asyncio", "psycopg"}  # psycopg has use for asyncio itself


def test_plain_payload_is_encoded_without_pydantic() -> None:
    code = "import uuid\nfrom pgflow_client.payload import encode_payload\nencode_payload({})"

    assert loaded_after(code.format("{'memo': [1, 'b', None]}")) == set()
    assert "pydantic" in loaded_after(code.format("uuid.uuid4()"))


def test_psycopg_that_cannot_be_loaded_is_told_in_its_own_words_by_the_first_client() -> None:
    code = f"""
from pgflow_client import AsyncClient, Client
for Client in (Client, AsyncClient):
    try:
        {NEW_CLIENT.format(manifest="nowhere")}
    except ImportError as error:
        print(error)
"""
    told = run(code, PSYCOPG_IMPL="missing").stdout.splitlines()

    assert len(told) == 2
    assert all("psycopg implementation 'missing'" in line for line in told)
