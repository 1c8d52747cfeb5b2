"""Which step kinds exist: found by looking into the given packages, one class per kind."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator, Mapping

from connectors.sdk.actions import Action, Flow


class UnknownKind(KeyError):
    """No step kind of that name is installed."""


class Registry(Mapping[str, type[Action]]):
    """Kind → class. Immutable once made; two classes of one kind are a programming error."""

    def __init__(self, kinds: Iterable[type[Action]]) -> None:
        self._kinds: dict[str, type[Action]] = {}
        for kind in kinds:
            if kind.kind in self._kinds:
                raise ValueError(f"two step kinds are called {kind.kind}")
            self._kinds[kind.kind] = kind

    def __getitem__(self, kind: str) -> type[Action]:
        try:
            return self._kinds[kind]
        except KeyError:
            raise UnknownKind(kind) from None

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._kinds))

    def __len__(self) -> int:
        return len(self._kinds)


def discover(*packages: str) -> Registry:
    """Every class with a `kind` in the modules of these packages."""
    return Registry(kind for package in packages for kind in _kinds_in(package))


def _kinds_in(package: str) -> Iterator[type[Action]]:
    root = importlib.import_module(package)
    for info in pkgutil.iter_modules(root.__path__):
        module = importlib.import_module(f"{package}.{info.name}")
        yield from (
            found
            for _, found in inspect.getmembers(module, inspect.isclass)
            if issubclass(found, Action)
            and found not in (Action, Flow)
            and found.__module__ == module.__name__
            and hasattr(found, "kind")
        )
