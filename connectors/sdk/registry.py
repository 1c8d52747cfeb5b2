"""Which step kinds and connectors exist: found by looking into the given packages, one class for each."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator, Mapping

from connectors.sdk.actions import Action, Flow
from connectors.sdk.connector import Connector


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
    return Registry(
        found
        for found in _classes_in(packages)
        if issubclass(found, Action) and found not in (Action, Flow) and hasattr(found, "kind")
    )


def discover_connectors(*packages: str) -> dict[str, type[Connector]]:
    """Name → every connector in the modules of these packages, by title."""
    found = [each for each in _classes_in(packages) if issubclass(each, Connector) and hasattr(each, "name")]
    named = {each.name: each for each in sorted(found, key=lambda each: each.title)}
    if len(named) < len(found):
        raise ValueError(f"two connectors have one name among {sorted(each.name for each in found)}")
    return named


def _classes_in(packages: Iterable[str]) -> Iterator[type]:
    """Those that the modules define themselves."""
    for package in packages:
        root = importlib.import_module(package)
        for info in pkgutil.iter_modules(root.__path__):
            module = importlib.import_module(f"{package}.{info.name}")
            for _, found in inspect.getmembers(module, inspect.isclass):
                if found.__module__ == module.__name__:
                    yield found
