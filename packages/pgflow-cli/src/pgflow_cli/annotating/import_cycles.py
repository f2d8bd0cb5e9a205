"""Tell whether an import would go in a circle, which may fail or not as modules come first."""

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from pgflow_cli.annotating.module_scope import Import, imports_at_run_time


def imports_in_circle(module: str, importer: str, folder: Path) -> bool:
    """Whether importing *module* into *importer* imports *importer* again, by whatever ways.

    Only the user's own files are looked into: what is installed does not import flows.
    """
    goal = file_of_user(importer, folder)
    pending = list(_with_packages(module, importer))
    seen: set[Path] = set()
    while pending:
        name = pending.pop()
        file = file_of_user(name, folder)
        if file is None or file in seen:
            continue
        if file == goal:
            return True
        seen.add(file)
        for statement in imports_at_run_time(ast.parse(file.read_bytes())):
            for imported in _imported(statement, sys.modules[name]):
                pending += _with_packages(imported, importer)
    return False


def file_of_user(module: str, folder: Path) -> Path | None:
    """Return the file of a loaded module if it is in the flows folder or in a folder beside it."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None or module.partition(".")[0] in sys.stdlib_module_names:
        return None
    path = Path(file).resolve()
    is_installed = "site-packages" in path.parts
    return path if folder.parent in path.parents and not is_installed else None


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
