"""Which step kinds and connectors exist: found by looking into the given packages, one class for each."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping

from connectors.sdk.actions import Action, Flow
from connectors.sdk.connector import Connector
from connectors.sdk.triggers import Trigger


class UnknownKind(KeyError):
    """No step kind of that name is installed."""


def nowhere(kind: str) -> type[Action]:
    raise UnknownKind(kind)


class Registry(Mapping[str, type[Action]]):
    """Kind → class. Immutable once made; two classes of one kind are a programming error.

    `elsewhere` is asked for what is not installed, and raises UnknownKind for what it does not know either: kinds that
    are data. They are found by name, and not listed: nobody knows them all.
    """

    def __init__(self, kinds: Iterable[type[Action]], elsewhere: Callable[[str], type[Action]] = nowhere) -> None:
        self._elsewhere = elsewhere
        self._kinds: dict[str, type[Action]] = {}
        for kind in kinds:
            if kind.kind in self._kinds:
                raise ValueError(f"two step kinds are called {kind.kind}")
            self._kinds[kind.kind] = kind

    def __getitem__(self, kind: str) -> type[Action]:
        found = self._kinds.get(kind)
        return found if found is not None else self._elsewhere(kind)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._kinds))

    def __len__(self) -> int:
        return len(self._kinds)


def discover(*packages: str, elsewhere: Callable[[str], type[Action]] = nowhere) -> Registry:
    """Every class with a `kind` in the modules of these packages."""
    found = (
        each
        for each in _classes_in(packages)
        if issubclass(each, Action) and each not in (Action, Flow) and hasattr(each, "kind")
    )
    return Registry(found, elsewhere)


def discover_connectors(*packages: str) -> dict[str, type[Connector]]:
    """Name → every connector in the modules of these packages, by title."""
    found = [each for each in _classes_in(packages) if issubclass(each, Connector) and hasattr(each, "name")]
    named = {each.name: each for each in sorted(found, key=lambda each: each.title)}
    if len(named) < len(found):
        raise ValueError(f"two connectors have one name among {sorted(each.name for each in found)}")
    return named


def discover_triggers(*packages: str) -> dict[str, type[Trigger]]:
    """Kind → every trigger kind in the modules of these packages, by title."""
    found = [each for each in _classes_in(packages) if issubclass(each, Trigger) and hasattr(each, "kind")]
    named = {each.kind: each for each in sorted(found, key=lambda each: each.title)}
    if len(named) < len(found):
        raise ValueError(f"two trigger kinds have one name among {sorted(each.kind for each in found)}")
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
