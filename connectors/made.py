"""Step kinds and connectors made of manifests. Found in the database by name, made once, and kept.

The name of a kind carries the version of its manifest (`jira.create_issue@3`), and a version never changes: so what a
process has made of it is right for good, and a new version or a newly chosen operation is a name that it has not asked
for yet. Nothing has to be told to other processes, or started anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db.models import F, Q

from connectors.manifests.connector_made import connector_of
from connectors.manifests.kinds_made import step_of
from connectors.manifests.manifest import Operation, Service
from connectors.manifests.steps_made import Step
from connectors.models import Connection, Manifest, ManifestOperation, ManifestVersion
from connectors.sdk import Connector
from connectors.sdk.registry import UnknownKind

KEPT = 4_096
_NAME = re.compile(r"[a-z0-9_-]+")
_KIND = re.compile(r"([a-z0-9_-]{1,24})\.([a-z][a-z0-9_]{0,28})@([1-9]\d{0,4})")


def kind_name(manifest: str, operation: str, version: int) -> str:
    return f"{manifest}.{operation}@{version}"


def kind(name: str) -> type[Step]:
    """Raises UnknownKind."""
    if _KIND.fullmatch(name) is None:
        raise UnknownKind(name)
    return _kind(name)


@lru_cache(maxsize=KEPT)
def _kind(name: str) -> type[Step]:
    match = _KIND.fullmatch(name)
    assert match is not None
    manifest, operation, version = match.groups()
    rows = ManifestOperation.objects.select_related("version__manifest").filter(problem="")
    row = rows.filter(name=operation, version__number=version, version__manifest__name=manifest).first()
    if row is None:
        raise UnknownKind(name)
    return _step(row, name)


def _step(row: ManifestOperation, name: str) -> type[Step]:
    manifest = row.version.manifest
    return step_of(
        Operation.model_validate(row.content),
        Service.model_validate(row.version.service),
        connector=manifest.name,
        kind=name,
        department=manifest.department_id,
    )


def visible_to(departments: Iterable[UUID]) -> Q:
    """Of manifests: those of these departments, and everybody's."""
    return Q(department=None) | Q(department__in=list(departments))


def offered(departments: Iterable[UUID]) -> dict[str, type[Step]]:
    """The kinds of all operations that were chosen, of the latest versions. One query, once they are made."""
    there = Manifest.objects.filter(visible_to(departments), removed_at=None)
    rows = ManifestOperation.objects.filter(
        chosen=True, problem="", version__manifest__in=there, version__number=F("version__manifest__latest")
    )
    found = rows.values_list("version__manifest__name", "name", "version__number").order_by("title")
    return {name: kind(name) for name in (kind_name(*each) for each in found)}


def usable_in(department: UUID) -> dict[str, type[Step]]:
    """Of `offered`, those of services that the department has for its own, or an account of."""
    kinds = offered([department])
    accounts = Connection.objects.filter(department=department, removed_at=None, connector__in=_connectors_of(kinds))
    connected = set(accounts.values_list("connector", flat=True)) if kinds else set()
    return {name: kind for name, kind in kinds.items() if kind.connector in connected or kind.department == department}


def _connectors_of(kinds: Mapping[str, type[Step]]) -> set[str]:
    return {kind.connector for kind in kinds.values()}


def is_removed(name: str) -> bool:
    """Whether a service of this name is offered no more: accounts of it go on, and no new one is made."""
    return Manifest.objects.filter(name=name, removed_at__isnull=False).exists()


def is_foreign(kind: Any, department: UUID) -> bool:
    """Whether a step kind, or a connector, is another department's own."""
    return getattr(kind, "department", None) not in (None, department)


def connectors(names: Iterable[str]) -> Mapping[str, type[Connector]]:
    """Of these names, those of manifests. One query, and one for each that was not made before."""
    asked = [name for name in names if _NAME.fullmatch(name)]
    rows = Manifest.objects.filter(name__in=asked).values_list("name", "latest")
    return {name: _connector(name, latest) for name, latest in rows}


def connectors_for(departments: Iterable[UUID]) -> Mapping[str, type[Connector]]:
    """All that these departments may connect to, by title."""
    rows = Manifest.objects.filter(visible_to(departments), removed_at=None).order_by("title")
    return {name: _connector(name, latest) for name, latest in rows.values_list("name", "latest")}


@lru_cache(maxsize=KEPT)
def _connector(name: str, version: int) -> type[Connector]:
    rows = ManifestVersion.objects.select_related("manifest__department")
    row = rows.get(manifest__name=name, number=version)
    department = row.manifest.department
    return connector_of(
        Service.model_validate(row.service),
        name=name,
        department=department.pk if department else None,
        whose=department.slug if department else "",
    )


def forget() -> None:
    """For tests, whose rows are gone afterwards."""
    _kind.cache_clear()
    _connector.cache_clear()
