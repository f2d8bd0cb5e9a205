# mypy: ignore-errors
"""Functions that handlers call."""

from pathlib import Path


def describe(name):
    return {"name": name, "letters": len(name)}


async def describe_later(name):
    return describe(name)


async def text():
    return "text"


async def number():
    return 3


def walk(path: Path):
    return sorted(path.parents)
