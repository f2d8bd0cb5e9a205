"""Find the flows of a folder: what worker and CLI start from.

Every module of the folder is imported, and its module-level `Flow` objects are taken. Files whose
name starts with `_` are helpers: importable, but not searched. Next: `importer.py`, the imports.
"""

import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pgflow_dsl.flow import Flow
from pgflow_dsl.importer import FolderImporter
from pgflow_dsl.location import shown_path
from pgflow_manifest import DiscoveryError, Manifest, PgflowError


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveredFlow:
    """A flow, and the file it was found in."""

    flow: Flow[Any]
    file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    """A module, or a package with all its modules: at least one flow must be in it."""

    file: Path
    modules: tuple[tuple[str, ...], ...]


def discover_flows(path: Path, manifest: Manifest | None = None) -> list[DiscoveredFlow]:
    """Return the flows of a folder of modules, or of one file, sorted by slug.

    Files are read anew at each call. Every flow has been checked as `Flow.check` does, as far as
    the types are known.

    Args:
        path: the folder or file.
        manifest: where the result types of handlers without a return annotation are taken from.
            Without one, such flows have `steps_to_infer`.

    Raises:
        DiscoveryError: nothing at *path*, no flow in it or in one of its modules, two flows with
            one slug, or a module that cannot be imported (the cause is chained).
        DefinitionError: a flow is wrong; a subclass says how. Or *manifest* is older than a flow.
    """
    path = Path(path)
    resolved = path.resolve()
    units = _units_of(path, resolved)
    importer = FolderImporter(resolved.parent if resolved.is_file() else resolved)
    found: dict[int, DiscoveredFlow] = {}
    for unit in units:
        flows = [
            flow
            for names in unit.modules
            for flow in _flows_in(_load(importer, names, unit, resolved))
        ]
        if not flows:
            raise DiscoveryError(
                f"{shown_path(str(unit.file))} defines no flow",
                hint="write `flow = Flow(...)` at module level, or start the name of the file "
                "with an underscore when it only helps others",
                details={"file": str(unit.file)},
            )
        for flow in flows:
            is_home = Path(flow.location.file) == unit.file
            if is_home or id(flow) not in found:
                found[id(flow)] = DiscoveredFlow(flow=flow, file=unit.file)
    return _checked(list(found.values()), manifest)


def _units_of(path: Path, resolved: Path) -> list[_Unit]:
    if resolved.is_file():
        if resolved.suffix != ".py":
            raise DiscoveryError(
                f"{str(path)!r} is not a Python file",
                hint="name a folder of flow modules, or one `.py` file",
                details={"file": str(path)},
            )
        return [_Unit(file=resolved, modules=((resolved.stem,),))]
    if not resolved.is_dir():
        raise DiscoveryError(
            f"there is no folder {str(path)!r}",
            hint="name the folder of your flow modules; `pgflow install` creates a first one",
            details={"file": str(path)},
        )
    units = [unit for entry in sorted(resolved.iterdir()) if (unit := _unit(entry)) is not None]
    if not units:
        raise DiscoveryError(
            f"the folder {str(path)!r} holds no flow",
            hint="put a module with `flow = Flow(...)` into it; `pgflow install` creates a first "
            "one. Files whose name starts with an underscore are not searched",
            details={"file": str(path)},
        )
    return units


def _unit(entry: Path) -> _Unit | None:
    if entry.name.startswith(("_", ".")):
        return None
    if entry.is_file() and entry.suffix == ".py":
        if "." in entry.stem:
            raise DiscoveryError(
                f"{shown_path(str(entry))} cannot be imported: its name has a dot in it",
                hint="rename the file",
                details={"file": str(entry)},
            )
        return _Unit(file=entry, modules=((entry.stem,),))
    if (entry / "__init__.py").is_file():
        return _Unit(file=entry / "__init__.py", modules=tuple(_modules_of((entry.name,), entry)))
    return None


def _modules_of(names: tuple[str, ...], package: Path) -> Iterator[tuple[str, ...]]:
    yield names
    for entry in sorted(package.iterdir()):
        if entry.name.startswith(("_", ".")):
            continue
        if entry.suffix == ".py":
            yield (*names, entry.stem)
        elif (entry / "__init__.py").is_file():
            yield from _modules_of((*names, entry.name), entry)


def _load(importer: FolderImporter, names: tuple[str, ...], unit: _Unit, root: Path) -> ModuleType:
    try:
        return importer.load(names)
    except PgflowError:
        raise
    except (Exception, SystemExit) as error:
        file, line = _line_to_blame(error, unit.file, root)
        raise DiscoveryError(
            f"{shown_path(file)}:{line}: cannot import it: {type(error).__name__}: {error}",
            hint=_hint_for(error),
            details={"file": file, "line": line, "error": type(error).__name__},
        ) from error


def _line_to_blame(error: BaseException, module: Path, root: Path) -> tuple[str, int]:
    """Return the innermost line of the user's folder that led to *error*."""
    if isinstance(error, SyntaxError) and error.filename is not None:
        return error.filename, error.lineno or 1
    folder = root.parent if root.is_file() else root
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if folder in file.parents and "site-packages" not in file.parts:
            return frame.filename, frame.lineno or 1
    return str(module), 1


def _hint_for(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return (
            "install the module, or run from the folder it is in; heavy modules can be imported "
            "inside the handler that needs them"
        )
    if isinstance(error, SystemExit):
        return "a flow module is imported, not run: guard scripts by `if __name__ == '__main__'`"
    return "mend the module; `python -m` on it shows the whole traceback"


def _flows_in(module: ModuleType) -> list[Flow[Any]]:
    return [value for value in vars(module).values() if isinstance(value, Flow)]


def _checked(found: list[DiscoveredFlow], manifest: Manifest | None) -> list[DiscoveredFlow]:
    by_slug: dict[str, DiscoveredFlow] = {}
    for one in found:
        if (other := by_slug.setdefault(one.flow.slug, one)) is not one:
            first, second = (
                f"{shown_path(item.flow.location.file)}:{item.flow.location.line}"
                for item in (other, one)
            )
            raise DiscoveryError(
                f"two flows have the slug {one.flow.slug!r}: at {first} and at {second}",
                hint="give one of them another slug",
                details={"slug": one.flow.slug, "files": [str(other.file), str(one.file)]},
            )
    for one in found:
        if manifest is not None:
            one.flow.adopt_manifest(manifest)
        one.flow.check(uninferred_is_fine=True)
    return [by_slug[slug] for slug in sorted(by_slug)]
