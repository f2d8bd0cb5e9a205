"""The frame of the command: help, version, exit codes, errors, masks."""

import re
import subprocess
import sys

import pytest

from pgflow_cli import exit_codes, main
from pgflow_cli.interrupts import TerminatedError

COMMANDS = [
    ["install"],
    ["compile"],
    ["annotate"],
    ["codegen"],
    ["graph"],
    ["migrate"],
    ["deploy"],
    ["status"],
    ["run"],
    ["runs", "list"],
    ["runs", "show"],
    ["runs", "cancel"],
    ["runs", "explain"],
    ["runs", "upgrade"],
    ["demo"],
    ["dev"],
]
SCRIPTED = [command for command in COMMANDS if command not in (["codegen"], ["demo"], ["dev"])]


@pytest.fixture(autouse=True)
def no_database_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGFLOW_DATABASE_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_examples(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--help"]) == exit_codes.OK
    text = capsys.readouterr().out
    assert "examples:\n  pgflow " in text
    assert ("--json" in text) == (command in SCRIPTED)


@pytest.mark.parametrize("command", [[], *COMMANDS], ids=" ".join)
def test_help_fits_a_terminal_of_80_columns(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main([*command, "--help"]) == exit_codes.OK
    text = capsys.readouterr().out.split("examples:")[0]
    assert [line for line in text.splitlines() if len(line) > 80] == []


def test_help_of_the_program_names_all_commands_and_exit_codes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--help"]) == exit_codes.OK
    text = capsys.readouterr().out
    for name in {command[0] for command in COMMANDS} | {"worker"}:
        assert re.search(rf"^    {name} ", text, re.MULTILINE), name
    for code in (0, 1, 2, 3, 4, 5, 130):
        assert re.search(rf"^  {code} ", text, re.MULTILINE), code


def test_help_comes_without_importing_what_only_commands_need() -> None:
    script = (
        "import sys; from pgflow_cli import main; main(['--help']); "
        "print([m for m in ('psycopg', 'pydantic', 'pgflow_dsl', 'asyncio') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("[]\n"), done.stdout + done.stderr


def test_worker_is_handed_on_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worker", "--help"]) == exit_codes.OK
    assert "usage: pgflow-worker" in capsys.readouterr().out
    assert main(["worker", "--no-such-option"]) == exit_codes.USAGE


@pytest.mark.parametrize(
    ("interruption", "code"),
    [(KeyboardInterrupt, exit_codes.INTERRUPTED), (TerminatedError, exit_codes.TERMINATED)],
)
def test_an_interruption_stays_one_when_its_clean_up_fails(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    interruption: type[BaseException],
    code: int,
) -> None:
    def interrupted(args: object) -> int:
        try:
            raise interruption
        finally:
            raise OSError("something is left behind")

    monkeypatch.setattr("pgflow_cli.cmd_graph.run", interrupted)
    assert main(["graph", "voice_memo"]) == code
    assert "something is left behind" in capsys.readouterr().err


def test_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == exit_codes.OK
    assert re.fullmatch(r"pgflow \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["runs"],
        ["run", "hello"],
        ["run", "hello", "{}", "--watch", "--timeout", "-1"],
        ["run", "hello", "{}", "--watch", "--timeout", "nan"],
        ["run", "hello", "{}", "--run-id", "nonsense"],
        ["runs", "list", "--limit", "0"],
        ["runs", "show", "nonsense"],
        ["runs", "cancel", "nonsense"],
    ],
    ids=str,
)
def test_a_wrong_command_line_exits_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == exit_codes.USAGE
    assert "usage: pgflow" in capsys.readouterr().err


def test_without_a_database_the_error_says_how_to_name_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["status"]) == exit_codes.USAGE
    assert "--database-url" in capsys.readouterr().err


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:s3cr3t@127.0.0.1:1/app",
        "postgresql://ada:s3%63r3t@127.0.0.1:1/app",
        "host=127.0.0.1 port=1 user=ada password='s3cr3t'",
        "postgresql://127.0.0.1:1/app?user=ada&password=s3cr3t",
        "postgresql://ada:s3cr3t@127.0.0.1:1/app?no_such_option=1",
        "postgresql://ada:s3cr3t@bad host/app",
    ],
)
@pytest.mark.parametrize("variable", [None, "PGFLOW_DATABASE_URL", "DATABASE_URL"])
def test_passwords_never_reach_the_screen(
    url: str,
    variable: str | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if variable is None:
        code = main(["runs", "list", "--database-url", url])
    else:
        monkeypatch.setenv(variable, url)
        code = main(["runs", "list"])
    told = capsys.readouterr()
    assert code in (exit_codes.UNREACHABLE, exit_codes.USAGE)
    assert told.out == ""
    assert told.err.startswith("error: ")
    assert "s3cr3t" not in told.err
    assert "s3%63r3t" not in told.err
    assert "****" in told.err
    assert "Traceback" not in told.err


def test_an_unreachable_database_exits_with_4_and_says_which(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["status", "--database-url", "postgresql://127.0.0.1:1/app"]) == 4
    told = capsys.readouterr().err
    assert "cannot connect to postgresql://127.0.0.1:1/app" in told
    assert "mend:" in told


def test_a_database_without_pgflow_says_to_migrate(
    empty_database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["status"], ["runs", "list"], ["run", "hello", "{}"]):
        assert main([*command, "--database-url", empty_database_url]) == exit_codes.FAILED
        assert "pgflow migrate" in capsys.readouterr().err


def test_migrate_applies_once_and_then_has_nothing_to_do(
    empty_database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["migrate", "--database-url", empty_database_url]
    assert main(command) == exit_codes.OK
    assert capsys.readouterr().out.startswith("applied ")
    assert main(command) == exit_codes.OK
    assert capsys.readouterr().out.startswith("nothing to do")


def test_colours_are_left_out_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    main(["status"])
    assert "\x1b" not in capsys.readouterr().err
