"""Imports of mmdet that load what is used and leave out the rest.

Fault of mmdet 3.3.0 and mmengine 0.10.7 that this mends: whoever imports one class of
`mmdet.models` imports all two hundred models, matplotlib, scikit-learn, the evaluators of every
data set and torch's sharded optimizers with them, and waits three seconds for a prediction that
takes a half. This can go when those packages import their modules on demand, as PEP 562 has made
possible.

Their packages hold nothing but `from .module import names`. Within `light_imports` such a package
is not run: it reads from its own source which name comes from where, and a name is imported when
somebody asks for it. The registries do ask, so `MODELS.build` finds everything it would find
otherwise. Afterwards these packages are forgotten, and the modules that were loaded are kept: the
next import of a package runs it in full, and finds them.
"""

import ast
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from threading import RLock
from types import ModuleType
from typing import Any

from mmengine.registry import Registry

from isic_mmdet.uncollected import uncollected

#: Packages that are taken lightly, with all packages inside of them.
PACKAGES = (
    'mmdet.datasets',
    'mmdet.engine',
    'mmdet.evaluation',
    'mmdet.models',
    'mmdet.utils',
    'mmdet.visualization',
    'mmengine._strategy',
    'mmengine.dataset',
    'mmengine.evaluator',
    'mmengine.hooks',
    'mmengine.model',
    'mmengine.optim',
    'mmengine.runner',
    'mmengine.visualization',
)

# What every Mask R-CNN asks for under a name that its module registers for a class of torch's.
_REGISTERED_IN = {'Linear': 'mmdet.models.layers.normed_predictor'}

_lock = RLock()


@contextmanager
def light_imports() -> Iterator[None]:
    """Run a block in which mmdet and mmengine import no more than is asked for.

    What was imported before stays as it is. Blocks may lie within each other.
    """
    with _lock, uncollected():
        if _finder.is_active:
            yield
            return
        if _finder not in sys.meta_path:
            sys.meta_path.insert(0, _finder)
        get = Registry.get
        Registry.get = _asking(get)
        _finder.is_active = True
        try:
            yield
        finally:
            Registry.get = get
            _finder.forget()


def _asking(get: Any) -> Any:
    """Return `Registry.get` that first looks a name up in the packages that fill the registry."""

    def asking(self: Registry, key: str) -> Any:
        name = key.rpartition('.')[2]
        if name in _REGISTERED_IN:
            import_module(_REGISTERED_IN[name])
        registry: Registry | None = self
        while registry is not None:
            for location in registry._locations:
                getattr(import_module(location), name, None)
            registry = registry.parent
        try:
            found = get(self, key)
        except RuntimeError:  # what mmengine raises instead of an answer
            found = None
        if found is not None:
            return found
        # Registered in a module that no package exports it from: then all of them are needed.
        _finder.forget()
        return get(self, key)

    return asking


class _Finder(MetaPathFinder):
    """Finds the light packages, and later the same ones in full.

    Attributes:
        is_active: whether packages are taken lightly.
    """

    def __init__(self) -> None:
        self.is_active = False
        self._forgotten: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec for a package that only hands names on, and for nothing else."""
        is_inside = any(f'{fullname}.'.startswith(f'{package}.') for package in PACKAGES)
        if not (self.is_active and is_inside) and fullname not in self._forgotten:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or not isinstance(spec.loader, SourceFileLoader):
            return None
        if not self.is_active:
            self._forgotten.discard(fullname)
            spec.loader = _FullLoader(spec.loader.name, spec.loader.path)
        elif spec.submodule_search_locations is None:
            return None
        else:
            exports = _Exports.of(fullname, Path(spec.loader.path))
            if exports is None:
                return None
            spec.loader = _LightLoader(exports)
        return spec

    def forget(self) -> None:
        """Let the next import of each light package run it in full."""
        self.is_active = False
        light = {name for name, each in sys.modules.items() if isinstance(each, _LightPackage)}
        for name in light:
            del sys.modules[name]
        self._forgotten |= light
        # Registries believe that these imports have filled them.
        for registry in _registries():
            if not light.isdisjoint(registry._locations):
                registry._imported = False


_finder = _Finder()


class _LightLoader(Loader):
    """Makes a light package."""

    def __init__(self, exports: '_Exports') -> None:
        self._exports = exports

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the package, whose names are found when they are asked for."""
        return _LightPackage(spec.name, self._exports)

    def exec_module(self, module: ModuleType) -> None:
        """Run nothing."""


class _FullLoader(SourceFileLoader):
    """Runs a package some modules of which were loaded before it."""

    def exec_module(self, module: ModuleType) -> None:
        """Put those modules into the package, as Python does when it loads them, and run it."""
        for name, each in list(sys.modules.items()):
            package, _, last = name.rpartition('.')
            if package == module.__name__:
                setattr(module, last, each)
        super().exec_module(module)


def _registries() -> Iterator[Registry]:
    for name in ('mmengine.registry', 'mmdet.registry'):
        module = sys.modules.get(name)
        yield from (each for each in vars(module or object).values() if isinstance(each, Registry))


class _Exports:
    """Which names a package hands on, and from where.

    Attributes:
        names: to the module and the name in it.
        stars: modules all public names of which are handed on.
    """

    def __init__(self) -> None:
        self.names: dict[str, tuple[str, str]] = {}
        self.stars: list[str] = []

    @classmethod
    def of(cls, package: str, source: Path) -> '_Exports | None':
        """Read the source of a package; None where it does more than handing names on."""
        exports = cls()
        pending = ast.parse(source.read_text(encoding='utf-8')).body
        while pending:
            statement = pending.pop(0)
            if isinstance(statement, ast.ImportFrom):
                exports._add(package, statement)
            elif isinstance(statement, ast.If):
                # mmengine asks for the version of torch; the pinned one has everything.
                pending += statement.body
            elif not _is_inert(statement):
                return None
        return exports

    def _add(self, package: str, statement: ast.ImportFrom) -> None:
        parents = package.split('.')
        base = parents[: len(parents) - statement.level + 1] if statement.level else []
        module = '.'.join([*base, *([statement.module] if statement.module else [])])
        for alias in statement.names:
            if alias.name == '*':
                self.stars.append(module)
            else:
                self.names[alias.asname or alias.name] = (module, alias.name)


def _is_inert(statement: ast.stmt) -> bool:
    """Tell a docstring, or the list of public names, which the names themselves tell as well."""
    node: ast.AST = statement
    if isinstance(node, ast.Expr):
        node = node.value
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            return _is_list_of_names(node.func.value)
        return isinstance(node, ast.Constant)
    return isinstance(node, ast.Assign) and all(map(_is_list_of_names, node.targets))


def _is_list_of_names(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == '__all__'


class _LightPackage(ModuleType):
    """A package whose names are imported when they are asked for."""

    def __init__(self, name: str, exports: _Exports) -> None:
        super().__init__(name)
        self._exports = exports

    def __setattr__(self, name: str, value: Any) -> None:
        # Python puts every imported module into its package. Where a package hands on a function
        # of the same name, that one is meant.
        is_module = isinstance(value, ModuleType) and value.__name__ == f'{self.__name__}.{name}'
        if not (is_module and name in self._exports.names):
            super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__') and name != '__all__':
            raise AttributeError(f'module {self.__name__!r} has no attribute {name!r}')
        if name == '__all__':
            stars = [import_module(star).__all__ for star in self._exports.stars]
            value: Any = [*self._exports.names, *(each for star in stars for each in star)]
        else:
            value = self._found(name)
        setattr(self, name, value)
        return value

    def _found(self, name: str) -> Any:
        if name in self._exports.names:
            source, original = self._exports.names[name]
            if source == self.__name__:
                return import_module(f'{source}.{original}')
            return getattr(import_module(source), original)
        for star in self._exports.stars:
            module = import_module(star)
            if name in module.__all__:
                return getattr(module, name)
        loaded = sys.modules.get(f'{self.__name__}.{name}')  # by an earlier block
        if loaded is not None:
            return loaded
        raise AttributeError(f'module {self.__name__!r} has no attribute {name!r}')
