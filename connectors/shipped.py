"""The services that come with Tandem: five small descriptions of our own, imported like any other."""

from __future__ import annotations

from pathlib import Path

from connectors import imports
from connectors.manifest_rows import Source
from connectors.models import Manifest, ManifestVersion
from departments.access import SYSTEM, Actor

FOLDER = Path(__file__).with_name("manifests") / "shipped"


def ensure_services(*, actor: Actor = SYSTEM) -> list[Manifest]:
    """Import what is missing, and what this version of Tandem describes anew. Gives what was imported.

    One that an administrator has removed stays removed; a name that somebody has taken stays theirs.
    """
    known = set(ManifestVersion.objects.values_list("sha256", flat=True))
    sources = [Source(path.read_bytes(), path.name) for path in sorted(FOLDER.glob("*.yaml"))]
    return [_imported(source, actor) for source in sources if source.sha256 not in known]


def _imported(source: Source, actor: Actor) -> Manifest:
    name = Path(source.name).stem
    there = Manifest.objects.filter(name=name, department=None).first()
    if there is None:
        return imports.import_new(source, None, actor=actor, name=name, choose=True)
    imports.import_anew(there, source, actor=actor)
    there.refresh_from_db()
    return there
