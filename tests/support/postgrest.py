"""PostgREST's RPC contract over a real database: what browsers and supabase-js talk to.

Written after PostgREST 12 to 14. Only `POST /rpc/NAME` with a JSON object of named arguments is
there. What is done as PostgREST does it: the token is verified, the role and the claims are set in
the transaction of the call, arguments become values by `json_to_record` (so that JSON null is SQL
null, and an array of arrays is one array of two dimensions), functions that change nothing run read
only, and answers and errors have the same bodies and HTTP statuses.
"""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, cast
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from tests.support.postgrest_calls import find_routine

_SCHEMAS: Final = ("public", "pgflow")
_BEARER: Final = "bearer "


class ApiError(Exception):
    """An error with PostgREST's body and HTTP status."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "details": details, "hint": hint, "message": message}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back to the caller."""

    status: int
    body: str


class Postgrest:
    """A server on a port of its own, for one database.

    Args:
        gateway_url: the database, as the login role that may become the other two.
        signed_in: the role of callers with a token.
        anybody: the role of callers without.
    """

    def __init__(self, gateway_url: str, *, signed_in: str, anybody: str) -> None:
        self.requests: list[str] = []
        """The functions that were asked for, in order."""
        self._gateway_url = gateway_url
        self._signed_in = signed_in
        self._anybody = anybody
        self._secret = secrets.token_bytes(32)
        self._idle: list[psycopg.Connection] = []
        self._port = 0
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where it listens; the same after a restart."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        double = self

        class Handler(_Handler):
            postgrest = double

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._server.daemon_threads = False  # so that closing waits for what is under way
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        while self._idle:
            self._idle.pop().close()

    @property
    def anon_key(self) -> str:
        """The key that Supabase gives to browsers: a JWT of those who are not signed in."""
        return self._jwt(role=self._anybody)

    def token(self, subject: str, *, seconds: float = 600.0) -> str:
        """Return a token for a user who is signed in: a JWT, as this server accepts it."""
        return self._jwt(role=self._signed_in, sub=subject, seconds=seconds)

    def _jwt(self, *, seconds: float = 600.0, **facts: str) -> str:
        claims = {**facts, "exp": int(time.time() + seconds)}
        parts = [_base64(json.dumps(part).encode()) for part in ({"alg": "HS256"}, claims)]
        signed = ".".join(parts)
        return f"{signed}.{_base64(self._signature(signed))}"

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Do one call in a transaction of its own; *headers* have lower-case names."""
        is_signed_in = False
        try:
            claims = self._claims(headers.get("authorization"))
            is_signed_in = "role" in claims
            request = _request(path, headers.get("content-profile") or _SCHEMAS[0], body)
            self.requests.append(request.name)
            with self._connection() as conn:
                return self._call(conn, request, {"role": self._anybody, **claims})
        except ApiError as error:
            return Answer(status=error.status, body=json.dumps(error.body))
        except psycopg.Error as error:
            told = {
                "code": error.sqlstate,
                "details": error.diag.message_detail,
                "hint": error.diag.message_hint,
                "message": error.diag.message_primary,
            }
            status = http_status(error.sqlstate or "08000", is_signed_in=is_signed_in)
            return Answer(status=status, body=json.dumps(told))

    def _call(
        self, conn: psycopg.Connection, request: "_Request", claims: Mapping[str, Any]
    ) -> Answer:
        names = list(request.arguments)
        routine = find_routine(conn, request.schema, request.name, set(names))
        if routine is None:
            of = f"{request.schema}.{request.name}"
            raise ApiError(
                404,
                "PGRST202",
                f"Could not find the function {of}({', '.join(names)}) in the schema cache",
                details=f"Searched for the function {of} with parameters {', '.join(names)}, "
                "but no matches were found in the schema cache.",
            )
        with conn.transaction():
            if not routine.is_volatile:
                conn.execute("set transaction read only")
            conn.execute(
                "select set_config('search_path', %s, true), set_config('role', %s, true), "
                "set_config('request.jwt.claims', %s, true)",
                (f'"{request.schema}"', claims["role"], json.dumps(claims)),
            )
            row = conn.execute(routine.query(names), [request.body]).fetchone()
        assert row is not None
        return Answer(status=200, body=cast("str", row[0]))

    def _claims(self, authorization: str | None) -> Mapping[str, Any]:
        if authorization is None or not authorization.lower().startswith(_BEARER):
            return {}
        signed, _, signature = authorization[len(_BEARER) :].rpartition(".")
        if not hmac.compare_digest(signature, _base64(self._signature(signed))):
            raise ApiError(401, "PGRST301", "No suitable key or wrong key type")
        encoded = signed.partition(".")[2]
        claims = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
        if claims["exp"] < time.time():
            raise ApiError(401, "PGRST303", "JWT expired")
        return cast("Mapping[str, Any]", claims)

    def _signature(self, signed: str) -> bytes:
        return hmac.digest(self._secret, signed.encode(), hashlib.sha256)

    @contextmanager
    def _connection(self) -> Generator[psycopg.Connection]:
        # taken from and given back to the list in one step each, so that threads may share it
        try:
            conn = self._idle.pop()
        except IndexError:
            conn = psycopg.connect(self._gateway_url, autocommit=True)
        try:
            yield conn
        finally:
            if conn.info.transaction_status == TransactionStatus.IDLE:
                self._idle.append(conn)
            else:
                conn.close()


class _Handler(BaseHTTPRequestHandler):
    postgrest: Postgrest

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.postgrest.answer(self.path, headers, body)
        sent = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: tests look at `requests`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    schema: str
    name: str
    arguments: Mapping[str, Any]
    body: str


def _request(path: str, schema: str, body: bytes) -> _Request:
    # Supabase puts PostgREST below /rest/v1
    start, found, name = path.partition("?")[0].removeprefix("/rest/v1").partition("/rpc/")
    if start or not found:
        raise ApiError(404, "PGRST125", "Invalid path specified in request URL")
    if schema not in _SCHEMAS:
        hint = f"Only the following schemas are exposed: {', '.join(_SCHEMAS)}"
        raise ApiError(406, "PGRST106", f"Invalid schema: {schema}", hint=hint)
    try:
        arguments: object = json.loads(body)
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        raise ApiError(400, "PGRST102", "Empty or invalid json")
    return _Request(
        schema=schema, name=name, arguments=cast("dict[str, Any]", arguments), body=body.decode()
    )


def http_status(sqlstate: str, *, is_signed_in: bool) -> int:
    """Return the HTTP status that PostgREST gives to an error of PostgreSQL."""
    if sqlstate == "42501":
        return 403 if is_signed_in else 401
    if sqlstate.startswith("PT"):
        return int(sqlstate[2:])
    for start, status in _STATUSES.items():
        if sqlstate.startswith(start):
            return status
    return 400


# the first that fits counts, so whole codes stand before their classes
_STATUSES: Final = {
    **dict.fromkeys(("42883", "42P01"), 404),
    **dict.fromkeys(("23503", "23505"), 409),
    "25006": 405,
    "P0001": 400,
    **dict.fromkeys(("53400", "42P17", "21000"), 500),
    **dict.fromkeys(("08", "53", "57P01"), 503),
    **dict.fromkeys(("0L", "0P", "28"), 403),
    **dict.fromkeys(("09", "25", "2D", "38", "39", "3B", "40", "54", "55", "57", "58"), 500),
    **dict.fromkeys(("F0", "HV", "P0", "XX"), 500),
}


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@contextmanager
def serving(database_url: str) -> Generator[Postgrest]:
    """Serve a database of tests until the end of the block.

    Three roles are made for it, as a project of users has them: the gateway, whose word the engine
    takes for who is calling; those who are signed in, members of pgflow_client; and anybody.
    """
    mark = secrets.token_hex(4)
    gateway, signed_in, anybody = (
        sql.Identifier(f"{name}_{mark}") for name in ("gateway", "signed_in", "anybody")
    )
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(sql.SQL("create role {} login noinherit").format(gateway))
        for role in (signed_in, anybody):
            conn.execute(sql.SQL("create role {} nologin").format(role))
            conn.execute(sql.SQL("grant {} to {}").format(role, gateway))
        conn.execute(sql.SQL("grant pgflow_client to {}").format(signed_in))
        conn.execute("insert into pgflow.gateways (role_name) values (%s)", [f"gateway_{mark}"])
        url = urlunsplit(urlsplit(database_url)._replace(netloc=f"gateway_{mark}@"))
        server = Postgrest(url, signed_in=f"signed_in_{mark}", anybody=f"anybody_{mark}")
        server.start()
        try:
            yield server
        finally:
            server.stop()
            for role in (gateway, signed_in, anybody):
                conn.execute(sql.SQL("drop role {}").format(role))
