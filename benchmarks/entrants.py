"""Ask every contender who it is, and let it make its schema in a template database of its own."""

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import psycopg
from benchmarks.child import ContenderFailedError, describe_contender, run_contender
from benchmarks.measure import create_database
from benchmarks.suite import Entrant, Say, told_by
from benchmarks.workloads.starts import SERVER

from pgflow_core_sql.embedded import EmbeddedPostgres


def enter(
    server: EmbeddedPostgres, names: Sequence[str], say: Say
) -> tuple[list[Entrant], dict[str, str], dict[str, Mapping[str, Any]]]:
    """Return who takes part, their templates, and what they say about themselves.

    The server itself is among them: some figures are its own.
    """
    entrants: list[Entrant] = []
    templates: dict[str, str] = {}
    described: dict[str, Mapping[str, Any]] = {}
    for name in names:
        # a name with a dot is a module elsewhere
        module, short = (name, name.rpartition(".")[2]) if "." in name else (_module(name), name)
        template = f"template_{short}"
        try:
            about = describe_contender(module)
            described[short] = {**about, "versions": _versions(about["packages"])}
            entrants.append(told_by(short, module, about))
            _install(server, template, module)
            templates[short] = template
        except ContenderFailedError as error:
            say(f"{short} could not be set up: {error}")
            described.setdefault(short, {"title": short})
            entrants = [one for one in entrants if one.name != short]
            entrants.append(Entrant(name=short, module=module, trouble=f"set-up: {error}"))
    entrants.append(Entrant(name=SERVER, module="", can=("commit",)))
    described[SERVER] = {"title": "this server"}
    return entrants, templates, described


def _module(name: str) -> str:
    return f"benchmarks.contenders.{name}"


def _install(server: EmbeddedPostgres, template: str, module: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as admin:
        create_database(admin, template, "template1")
    run_contender(module, "install", server.url(template), {})


def _versions(packages: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            # one of another language: its contender says which version it takes
            found[package] = "see configuration"
    return found
