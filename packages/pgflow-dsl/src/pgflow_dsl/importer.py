"""Import the modules of a flows folder, each once, whatever name it is imported by.

Inside the folder, `import helpers`, `from . import helpers` and `from flows import helpers` all
give the same module, so that a flow imported from a sibling is not a second flow. Sources are read
anew on each discovery, past any byte code: an edit within the same second counts. Two folders with
the same name do not clash: the modules of the one discovered last are in `sys.modules`. Next:
`discover.py`.
"""

import importlib
import importlib.util
import keyword
import linecache
import re
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

PREFIX: Final = "pgflow_"
"""Before the name of a folder whose name somebody else has, or which is no identifier."""


class FolderImporter:
    """Import modules of *folder*; sees changed files, as each importer starts afresh."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        importlib.invalidate_caches()
        linecache.checkcache()
        for finder in [f for f in sys.meta_path if isinstance(f, _FolderFinder)]:
            finder.forget(folder)
        self.package = _package_name(folder)
        _evict(self.package, folder)
        sys.meta_path.insert(0, _FolderFinder(folder, self.package))

    def load(self, names: Sequence[str]) -> ModuleType:
        """Return the module *names* below the folder; raises whatever the module raises."""
        return importlib.import_module(".".join((self.package, *names)))


class _FreshLoader(SourceFileLoader):
    """Compile from source always: cached byte code is keyed by whole seconds and size."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class _AliasLoader(Loader):
    """Give a module that is known by another name."""

    def __init__(self, canonical: str) -> None:
        self._canonical = canonical
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:  # noqa: ARG002 - the loader protocol
        module = importlib.import_module(self._canonical)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just stamped the alias' spec on it.
        module.__spec__ = self._spec


class _FolderFinder(MetaPathFinder):
    """Find the modules of one folder by their full name and by their bare one."""

    def __init__(self, folder: Path, package: str) -> None:
        self._folder = folder
        self._package = package
        self._aliases: set[str] = set()

    def forget(self, new: Path) -> None:
        """Take the bare names back; the full ones too when *new* is the same folder or name."""
        for name in self._aliases:
            sys.modules.pop(name, None)
        self._aliases.clear()
        if new == self._folder or new.name == self._folder.name:
            _evict(self._package, self._folder)
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of *fullname* when it is a module of the folder."""
        del path, target
        if fullname == self._package:
            return _spec(fullname, self._folder)
        if fullname.startswith(self._package + "."):
            names = fullname.removeprefix(self._package + ".").split(".")
            return _spec(fullname, self._folder.joinpath(*names))
        if self._is_bare_name(fullname):
            self._aliases.add(fullname)
            return ModuleSpec(fullname, _AliasLoader(f"{self._package}.{fullname}"))
        return None

    def _is_bare_name(self, fullname: str) -> bool:
        top = fullname.split(".", 1)[0]
        if top in sys.stdlib_module_names or _spec(top, self._folder / top) is None:
            return False
        installed = PathFinder.find_spec(top)
        return installed is None or _is_at(installed, self._folder)


def _spec(fullname: str, path: Path) -> ModuleSpec | None:
    """Return the spec of the package or module at *path*, which has no suffix."""
    init, file = path / "__init__.py", path.with_name(path.name + ".py")
    if init.is_file():
        return importlib.util.spec_from_file_location(
            fullname,
            init,
            loader=_FreshLoader(fullname, str(init)),
            submodule_search_locations=[str(path)],
        )
    if file.is_file():
        loader = _FreshLoader(fullname, str(file))
        return importlib.util.spec_from_file_location(fullname, file, loader=loader)
    if path.is_dir():
        spec = ModuleSpec(fullname, None, is_package=True)
        spec.submodule_search_locations = [str(path)]
        return spec
    return None


def _package_name(folder: Path) -> str:
    """Return the name under which the modules of *folder* are imported.

    That by which the user's own code imports them, so that classes exist once; it must not depend
    on where the folder is, since schemas can hold it. Another name when somebody has that one.
    """
    names, root = [folder.name], folder.parent
    if (folder / "__init__.py").is_file():
        while (root / "__init__.py").is_file():
            names.insert(0, root.name)
            root = root.parent
    if str(root) not in sys.path:
        # Last, so that nothing installed is hidden: handlers import the project beside the folder.
        sys.path.append(str(root))
    top = root / names[0]
    if all(name.isidentifier() and not keyword.iskeyword(name) for name in names) and _is_free(top):
        return ".".join(names)
    return PREFIX + re.sub(r"\W", "_", folder.name)


def _is_free(top: Path) -> bool:
    name = top.name
    if name in sys.stdlib_module_names:
        return False
    if (loaded := sys.modules.get(name)) is not None:
        spec = loaded.__spec__
        return spec is not None and _is_at(spec, top)
    spec = PathFinder.find_spec(name)
    return spec is None or _is_at(spec, top)


def _is_at(spec: ModuleSpec, folder: Path) -> bool:
    places = [Path(place) for place in spec.submodule_search_locations or ()]
    if spec.origin is not None:
        places.append(Path(spec.origin))
    return any(
        place == folder or folder in place.parents for place in (p.resolve() for p in places)
    )


def _evict(package: str, folder: Path) -> None:
    """Forget the modules of *folder*, under their full names and under their bare ones."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        bare = folder.joinpath(*name.split("."))
        is_bare = file in (f"{bare}.py", str(bare / "__init__.py"))
        if name == package or name.startswith(package + ".") or is_bare:
            del sys.modules[name]
