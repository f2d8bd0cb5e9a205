"""Tell whether an import would go in a circle, which may fail or not as modules come first."""

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from pgflow_cli.annotating.module_scope import Import, imports_at_run_time


def imports_in_circle(module: str, importer: str, *, within: Path) -> bool:
    """Whether importing *module* into *importer* imports *importer* again, by whatever ways.

    Only files below *within* are looked into: what is installed does not import flows.
    """
    goal = _file_of(sys.modules[importer])
    pending = list(_with_packages(module, importer))
    seen: set[Path] = set()
    while pending:
        loaded = sys.modules.get(pending.pop())
        file = _file_of(loaded)
        if loaded is None or file is None or file in seen or within not in file.parents:
            continue
        if file == goal:
            return True
        seen.add(file)
        for statement in imports_at_run_time(ast.parse(file.read_bytes())):
            for name in _imported(statement, loaded):
                pending += _with_packages(name, importer)
    return False


def _file_of(module: ModuleType | None) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if file else None


def _imported(statement: Import, module: ModuleType) -> Iterator[str]:
    if isinstance(statement, ast.Import):
        yield from (alias.name for alias in statement.names)
        return
    name = statement.module or ""
    if statement.level:
        package = module.__package__ or ""
        name = importlib.util.resolve_name("." * statement.level + name, package)
    yield name
    yield from (f"{name}.{alias.name}" for alias in statement.names)


def _with_packages(name: str, importer: str) -> Iterator[str]:
    """Yield *name* and the packages around it, which are imported first, unless they are already.

    Those around *importer* are.
    """
    yield name
    while name := name.rpartition(".")[0]:
        if not f"{importer}.".startswith(f"{name}."):
            yield name
