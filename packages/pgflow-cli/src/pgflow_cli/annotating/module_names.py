"""How a module calls what is defined elsewhere: by a name it has, or by one it has to import.

Annotations are read at run time, so a name counts only if the loaded module really holds it:
imports under `TYPE_CHECKING` do not. Next: `imports.py`, which writes the missing ones.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pgflow_cli.annotating.import_cycles import file_of_user, imports_in_circle
from pgflow_cli.annotating.module_scope import ModuleScope, scope_of
from pgflow_cli.annotating.source_file import SourceFile


class NotWritableError(Exception):
    """A type that cannot be written into this module; the text says why."""


@dataclass(frozen=True, slots=True)
class NewImport:
    """`from module import name as local`."""

    module: str
    name: str
    local: str


@dataclass(frozen=True, slots=True)
class Reference:
    """How something is called in a module."""

    text: str
    line: int = 0
    """The line from which on it is, 0 for everywhere."""
    new_import: NewImport | None = None


class ModuleNames:
    """The names of one module of the user's.

    Args:
        source: its file.
        namespace: the globals of the loaded module.
        folder: the flows folder, which holds it.
    """

    def __init__(self, source: SourceFile, namespace: Mapping[str, Any], folder: Path) -> None:
        self.source = source
        self.module: str = namespace["__name__"]
        self.scope: ModuleScope = scope_of(source)
        self._namespace = namespace
        self._folder = folder
        self._locals: dict[tuple[str, str], str] = {}

    def reserve(self, name: str) -> str:
        """Return *name*, with a number if the module has one like it, and keep it from others."""
        unused, number = name, 1
        while self._is_taken(unused):
            number += 1
            unused = f"{name}{number}"
        self.scope.used.add(unused)
        return unused

    def equal_to(self, value: Any) -> Reference | None:
        """Return a name for something without one, such as `Percent = Annotated[...]`."""
        for name, line in self._names():
            held = self._namespace[name]
            if type(held) is type(value) and held == value:
                return Reference(name, line)
        return None

    def of_object(self, found: Any) -> Reference:
        """Return how to call *found*, a class or something else that says where it is from.

        Raises:
            NotWritableError: its module does not hold it by its name, or cannot be imported here.
        """
        module = str(getattr(found, "__module__", None))
        qualname = str(getattr(found, "__qualname__", found.__name__))
        if "<locals>." in qualname:
            name = qualname.rpartition("<locals>.")[2]
            raise NotWritableError(
                f"`{name}` is defined inside a function: move it to the top of a module"
            )
        if lookup(module, qualname) is not found:
            raise NotWritableError(f"`{qualname}` is no name at the top level of {module}")
        return self.of_name(module, qualname)

    def of_name(self, module: str, qualname: str, *, is_new: bool = False) -> Reference:
        """Return how to call *qualname* of *module*.

        Args:
            module: the name of the module as it is loaded.
            qualname: the name there, inner classes after a dot.
            is_new: whether the module will only have it once it is written.
        """
        root, dot, inner = qualname.partition(".")
        homes = [module] if is_new or self._is_of_user(module) else _homes(module, root)
        bound = None if is_new else self._bound_object(lookup(module, root), root)
        bound = bound or self._bound_module(homes, root)
        if bound is not None:
            return Reference(f"{bound.text}{dot}{inner}", bound.line)
        if module == "builtins" and root not in self._namespace:
            return Reference(qualname)
        if module == self.module:
            raise NotWritableError(f"`{qualname}` is no name at the top level of this module")
        new = self._import(homes[0], root)
        return Reference(f"{new.local}{dot}{inner}", 0, new)

    def _names(self) -> Iterator[tuple[str, int]]:
        """Yield the names that the loaded module holds, and the line that binds each."""
        for name in self._namespace:
            line = self.scope.bound.get(name, self.scope.star)
            if line is not None and not name.startswith("__"):
                yield name, line

    def _bound_object(self, found: Any, root: str) -> Reference | None:
        names = [(name, line) for name, line in self._names() if self._namespace[name] is found]
        # Its own name before an alias, then the one that was there first.
        names.sort(key=lambda each: (each[0] != root, each[1]))
        return Reference(*names[0]) if names else None

    def _bound_module(self, homes: list[str], root: str) -> Reference | None:
        for home in homes:
            loaded = sys.modules.get(home)
            for name, line in self._names():
                if loaded is not None and self._namespace[name] is loaded:
                    return Reference(f"{name}.{root}", line)
            top = home.partition(".")[0]
            if home in self.scope.dotted and self._namespace.get(top) is sys.modules.get(top):
                return Reference(f"{home}.{root}", self.scope.dotted[home])
        return None

    def _import(self, home: str, root: str) -> NewImport:
        if imports_in_circle(home, self.module, self._folder):
            raise NotWritableError(
                f"`{root}` is defined in {home}, which imports this module: move it to a module "
                "that both can import"
            )
        local = self._locals.get((home, root))
        if local is None:
            local = root
            while self._is_taken(local) and not self._is_only_for_checkers(local, root):
                local += "_"
            self.scope.used.add(local)
            self._locals[home, root] = local
        return NewImport(self._as_written(home), root, local)

    def _is_taken(self, name: str) -> bool:
        return name in self.scope.used or name in self._namespace

    def _is_only_for_checkers(self, local: str, root: str) -> bool:
        return self.scope.for_checkers.get(local) == root and local not in self._namespace

    def _is_of_user(self, module: str) -> bool:
        return file_of_user(module, self._folder) is not None

    def _as_written(self, home: str) -> str:
        """Return the module as imports here name it, in the style that they have already."""
        relative = self.source.path.relative_to(self._folder).with_suffix("").parts
        own = [*self.module.split("."), *(["__init__"] if relative[-1] == "__init__" else [])]
        package = own[: len(own) - len(relative)]
        names = home.split(".")
        if names[: len(package)] != package or not package:
            return home
        match self._style(package):
            case "absolute":
                return home
            case "bare":
                return ".".join(names[len(package) :])
            case _:
                here = own[:-1]
                shared = 0
                while shared < min(len(here), len(names)) and here[shared] == names[shared]:
                    shared += 1
                return "." * (1 + len(here) - shared) + ".".join(names[shared:])

    def _style(self, package: list[str]) -> str:
        """Return how imports here name modules of the folder: relative when none tells."""
        for statement in self.scope.imports:
            if statement.startswith("."):
                return "relative"
            first = statement.split(".")[0]
            if first == package[0]:
                return "absolute"
            folder = self._folder / first
            if folder.with_name(f"{first}.py").is_file() or folder.is_dir():
                return "bare"
        return "relative"


def lookup(module: str, qualname: str) -> Any:
    """Return what a loaded module holds by that name, None when there is no such thing."""
    found: Any = sys.modules.get(module)
    for name in qualname.split("."):
        found = getattr(found, name, None)
    return found


def _homes(module: str, root: str) -> list[str]:
    """Return the modules that hold *root*, the one that is meant for users first.

    `pydantic.types.JsonValue` is `pydantic.JsonValue`, `pathlib._local.Path` is `pathlib.Path`.
    """
    found = lookup(module, root)
    parts = module.split(".")
    names = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
    homes = [name for name in names if isinstance(sys.modules.get(name), ModuleType)]
    return [home for home in homes if lookup(home, root) is found] or [module]
