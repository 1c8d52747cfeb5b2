"""The rows of a manifest: a version and its operations are written once, and the next ones beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from connectors.manifests.manifest import Level, Operation, Service
from connectors.manifests.manifest import Manifest as Found
from connectors.models import Manifest, ManifestOperation, ManifestVersion
from departments.access import Actor


@dataclass(frozen=True, slots=True)
class Source:
    """A document as it was given; `address` where it was found. `known` is its SHA-256 where the content is gone."""

    content: bytes
    name: str
    address: str = ""
    known: str = ""

    @property
    def sha256(self) -> str:
        return self.known or hashlib.sha256(self.content).hexdigest()


def locked(manifest: Manifest) -> tuple[Manifest, ManifestVersion]:
    """The row and its latest version; nobody else makes another one meanwhile."""
    locked = Manifest.objects.select_for_update(of=("self",)).select_related("department").get(pk=manifest.pk)
    return locked, locked.versions.get(number=locked.latest)


def kept(before: ManifestVersion) -> tuple[set[str], dict[tuple[str, str], Level]]:
    """Names of what was chosen, and the level of each operation by name and method."""
    rows = list(before.operations.values_list("name", "method", "chosen", "level"))
    levels = {(name, method): Level(level) for name, method, _chosen, level in rows}
    return {name for name, _method, chosen, _level in rows if chosen}, levels


def at_level(operation: Operation, level: Level | None) -> Operation:
    return operation if level in (None, operation.level) else operation.model_copy(update={"level": level})


def copied(
    manifest: Manifest, before: ManifestVersion, service: Service, levels: Mapping[str, Level], *, actor: Actor
) -> ManifestVersion:
    """The next version with another service, or other levels by name."""
    chosen, _levels = kept(before)
    rows = [Operation.model_validate(content) for content in before.operations.values_list("content", flat=True)]
    operations = tuple(at_level(each, levels.get(each.name)) for each in rows)
    found = Found(service=service, operations=operations, notes=tuple(before.notes))
    return following(manifest, found, Source(b"", "", before.address, before.sha256), chosen, actor=actor)


def following(
    manifest: Manifest, found: Found, source: Source, chosen: Collection[str], *, actor: Actor
) -> ManifestVersion:
    """The next version, which is offered from now on."""
    manifest.latest += 1
    manifest.title = found.service.title
    manifest.save(update_fields=["latest", "title"])
    return write(manifest, found, source, chosen, actor=actor)


def write(
    manifest: Manifest, found: Found, source: Source, chosen: Collection[str], *, actor: Actor
) -> ManifestVersion:
    """The version that the manifest says is its latest."""
    version = ManifestVersion.objects.create(
        manifest=manifest,
        number=manifest.latest,
        service=found.service.model_dump(mode="json"),
        notes=list(found.notes),
        address=source.address[:2_000],
        sha256=source.sha256,
        made_by=actor.label[:254],
    )
    rows = [_row(version, place, each, each.name in chosen) for place, each in enumerate(found.operations)]
    ManifestOperation.objects.bulk_create(rows, batch_size=500)
    return version


def _row(version: ManifestVersion, place: int, operation: Operation, is_chosen: bool) -> ManifestOperation:
    return ManifestOperation(
        version=version,
        position=place,
        name=operation.name,
        method=operation.method,
        path=operation.path[:2_000],
        title=operation.title[:80],
        tag=operation.tag[:60],
        level=operation.level.value,
        problem=operation.problem[:300],
        chosen=is_chosen and not operation.problem,
        content=operation.model_dump(mode="json", exclude_defaults=True),
    )
