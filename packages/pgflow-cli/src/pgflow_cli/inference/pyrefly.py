"""Ask pyrefly's type server (`pyrefly tsp`, Type Server Protocol 0.4) for the types of expressions.

It is told of a file's content by `didOpen`, so nothing is written where the user has files; its
own configuration, which says where modules are, is a temporary file. Requests are sent in one go:
the server works through them while we read. The protocol is young, so the version is pinned, and
what it leaves out shapes `engine.py`: integers are cut off at 32 bits, members of enums and keys of
TypedDicts without a class are not told, and `tuple[T]` looks like `tuple[T, ...]`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit

from pgflow_cli.inference.engine import (
    Answer,
    ClassObject,
    Constant,
    Either,
    EngineError,
    Function,
    Instance,
    Never,
    Span,
    TupleOf,
    Unknown,
)

_PROTOCOL: Final = "0.4."
_INSTANTIABLE: Final = 1
_INSTANCE: Final = 2
_TYPE_VARIABLE: Final = 6
_BUNDLED: Final = "pyrefly_bundled_typeshed_"
_MOST_TRIES: Final = 20
_PATIENCE_SECONDS: Final = 300.0
"""A hundred flows take it two seconds; should it hang, `compile` in CI must not hang for ever."""


def is_installed() -> bool:
    """Whether the optional dependency is there, in this environment."""
    try:
        importlib.metadata.version("pyrefly")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


class Pyrefly:
    """A type server of its own process, from `with` to the end of the block.

    Args:
        search_path: folders of the user's modules.
        late_search_path: the same, for modules that the standard library and `search_path` lack.
    """

    def __init__(self, search_path: Sequence[Path], late_search_path: Sequence[Path]) -> None:
        self._config = _config(search_path, late_search_path)
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog = threading.Timer(_PATIENCE_SECONDS, self._lose_patience)
        self._watchdog.daemon = True
        self._hangs = False
        self._number = 0
        self._snapshot = 0

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="pgflow-infer-")
        try:
            self._start(Path(self._directory.name))
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _start(self, folder: Path) -> None:
        config = folder / "pyrefly.toml"
        config.write_text(self._config)
        try:
            self._process = subprocess.Popen(  # noqa: S603
                [_executable(), "tsp", "--indexing-mode", "none", "--config", str(config)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                # There it unpacks the stubs of the standard library, 50 ms. In the folder that all
                # users share, those of another user would be in the way, or believed.
                env={**os.environ, "TMPDIR": str(folder), "TMP": str(folder), "TEMP": str(folder)},
            )
        except OSError as error:
            raise EngineError(f"pyrefly cannot be started: {error}") from error
        self._watchdog.start()
        folders = [{"uri": folder.as_uri(), "name": "pgflow"}]
        self._call(
            "initialize",
            {
                "processId": None,
                "rootUri": folder.as_uri(),
                "capabilities": {},
                "workspaceFolders": folders,
            },
        )
        self._send({"method": "initialized", "params": {}})
        spoken = self._call("typeServer/getSupportedProtocolVersion", None)
        if not str(spoken).startswith(_PROTOCOL):
            raise EngineError(f"this pyrefly speaks version {spoken} of its protocol")

    def _lose_patience(self) -> None:
        self._hangs = True
        if self._process is not None:
            self._process.kill()

    def _stop(self) -> None:
        self._watchdog.cancel()
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        if self._directory is not None:
            self._directory.cleanup()

    def types_of(self, texts: Mapping[str, str], spans: Sequence[Span]) -> list[Answer]:
        """Return the type of every span; see `Engine`."""
        for file, text in texts.items():
            document = {"uri": _uri(file), "languageId": "python", "version": 1, "text": text}
            self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        self._snapshot = self._call("typeServer/getSnapshot", None)
        answers: dict[int, Answer] = {}
        for _ in range(_MOST_TRIES):
            open_questions = [number for number in range(len(spans)) if number not in answers]
            if not open_questions:
                return [answers[number] for number in range(len(spans))]
            self._ask(spans, open_questions, answers)
        raise EngineError("pyrefly does not come to rest")

    def _ask(self, spans: Sequence[Span], numbers: list[int], answers: dict[int, Answer]) -> None:
        """Put the answers into *answers*, except where files were still being taken in."""
        first = self._number + 1
        requests = [
            self._framed(
                "typeServer/getComputedType",
                {"arg": _range(spans[number]), "snapshot": self._snapshot},
            )
            for number in numbers
        ]
        requests.append(self._framed("typeServer/getSnapshot", None))
        # By another thread: with both pipes full, server and client would wait for each other.
        writer = threading.Thread(target=self._write, args=(b"".join(requests),), daemon=True)
        writer.start()
        waiting = {first + index: number for index, number in enumerate(numbers)}
        last = self._number
        while True:
            message = self._receive()
            if message.get("id") == last:
                self._snapshot = message["result"]
                break
            number = waiting.get(message.get("id", 0))
            if number is not None and "result" in message:
                answers[number] = _answer(message["result"])
        writer.join()

    def _call(self, method: str, params: Any) -> Any:
        self._write(self._framed(method, params))
        while (message := self._receive()).get("id") != self._number or "method" in message:
            continue
        if "error" in message:
            raise EngineError(f"pyrefly refuses {method}: {message['error'].get('message')}")
        return message.get("result")

    def _framed(self, method: str, params: Any) -> bytes:
        self._number += 1
        message = {"jsonrpc": "2.0", "id": self._number, "method": method}
        return _frame(message if params is None else {**message, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        self._write(_frame({"jsonrpc": "2.0", **message}))

    def _write(self, text: bytes) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(text)
            self._process.stdin.flush()
        except OSError:
            # It ended: whoever reads next says so.
            return

    def _receive(self) -> dict[str, Any]:
        """Return the next message, having answered those in which the server asks us."""
        assert self._process is not None
        assert self._process.stdout is not None
        while True:
            length = 0
            while (line := self._process.stdout.readline()) not in (b"\r\n", b""):
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            if line == b"":
                if self._hangs:
                    raise EngineError(f"pyrefly has no answer after {_PATIENCE_SECONDS:g} s")
                raise EngineError(f"pyrefly ended, with code {self._process.wait()}")
            message: dict[str, Any] = json.loads(self._process.stdout.read(length))
            if "id" not in message or "method" not in message:
                return message
            # Such as for its settings: it has them from the file.
            params: dict[str, Any] = message.get("params") or {}
            asked: list[Any] | None = params.get("items")
            result = None if asked is None else [None] * len(asked)
            self._send({"id": message["id"], "result": result})


def _executable() -> str:
    # Its own `python -m pyrefly` starts it by this path, as a child that we could not end.
    module: Any = importlib.import_module("pyrefly.__main__")
    return str(module.get_pyrefly_bin())


def _config(search_path: Sequence[Path], late_search_path: Sequence[Path]) -> str:
    paths = sysconfig.get_paths()
    standard = [Path(paths["stdlib"]), Path(paths["platstdlib"])]
    given = [Path(entry or ".").absolute() for entry in sys.path]
    own = [
        entry
        for entry in given
        if entry.is_dir() and not any(entry.is_relative_to(folder) for folder in standard)
    ]
    installed = [e for e in given if e.name in ("site-packages", "dist-packages") and e.is_dir()]
    settings = {
        "search-path": _texts([*search_path, *(e for e in own if e not in installed)]),
        "site-package-path": _texts([*late_search_path, *installed]),
        "python-version": f"{sys.version_info.major}.{sys.version_info.minor}",
        "python-platform": sys.platform,
        "skip-interpreter-query": True,
        "disable-search-path-heuristics": True,
        "untyped-def-behavior": "check-and-infer-return-type",
    }
    # JSON texts, lists and truth are TOML as well.
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())


def _texts(paths: Sequence[Path]) -> list[str]:
    return list(dict.fromkeys(str(path) for path in paths))


def _uri(file: str) -> str:
    return Path(file).as_uri()


def _range(span: Span) -> dict[str, Any]:
    start, end = ({"line": line, "character": unit} for line, unit in (span.start, span.end))
    return {"uri": _uri(span.file), "range": {"start": start, "end": end}}


def _frame(message: dict[str, Any]) -> bytes:
    text = json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(text), text)


def _answer(found: dict[str, Any] | None) -> Answer:
    if found is None:
        return Unknown("nothing")
    if (members := found.get("subTypes")) is not None:
        return Either(tuple(_answer(member) for member in members))
    if "returnType" in found:
        return Function(_answer(found["returnType"]))
    if (overloads := found.get("overloads")) is not None:
        return Either(tuple(_answer(overload) for overload in overloads))
    declaration = found.get("declaration")
    if declaration is None:
        name = found.get("name") or found.get("moduleName") or "nothing"
        return Never() if name == "never" else Unknown("`Any`" if name == "any" else f"`{name}`")
    if declaration.get("name") is None:
        return _nameless(found)
    if found["kind"] == _TYPE_VARIABLE:
        return Unknown(f"the type variable `{declaration['name']}`")
    return _named(found, declaration)


def _nameless(found: dict[str, Any]) -> Answer:
    """Return a tuple; all else without a name has no JSON form."""
    items = found.get("typeArgs")
    if found["flags"] != _INSTANCE:
        return Unknown("`bytes`")
    if items is None:
        return Unknown("a tuple whose items are not told")
    return TupleOf(tuple(_answer(item) for item in items))


def _named(found: dict[str, Any], declaration: dict[str, Any]) -> Answer:
    value = found.get("literalValue")
    if isinstance(value, str | bool):
        return Constant(value)
    node: dict[str, Any] = declaration["node"]
    uri: str = node["uri"]
    file = unquote(urlsplit(uri).path)
    instance = Instance(
        file="" if _BUNDLED in file else file,
        module=_module_of_stub(file),
        line=node["range"]["start"]["line"],
        name=declaration["name"],
        arguments=tuple(_answer(item) for item in found.get("typeArgs") or ()),
    )
    return ClassObject(instance) if found["flags"] == _INSTANTIABLE else instance


def _module_of_stub(file: str) -> str:
    _, is_bundled, rest = file.partition(_BUNDLED)
    if not is_bundled:
        return ""
    parts = list(Path(rest).with_suffix("").parts[1:])
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
