"""The pages' files under names that carry a digest of their content, collected when one of them has changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import django
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from whitenoise.storage import CompressedManifestStaticFilesStorage

UNUSED = ["ext"]
"""htmx's extensions, of which we use none: one names a module in a comment that Django then looks for."""


class Storage(CompressedManifestStaticFilesStorage):
    """Also what a script imports has its digest: else a browser would mix the modules of two versions."""

    support_js_module_import_aggregation = True


def collect() -> bool:
    """Put everything in place; False when nothing was to do.

    By content: Django goes by times, and leaves an old file where the new version of it is older than the last start.
    """
    stamp, wanted = Path(settings.STATIC_ROOT) / "collected", _fingerprint()
    if stamp.exists() and stamp.read_text() == wanted:
        return False
    call_command("collectstatic", verbosity=0, interactive=False, clear=True, ignore_patterns=UNUSED)
    stamp.write_text(wanted)
    return True


def _fingerprint() -> str:
    found = hashlib.sha256(f"{django.__version__} {settings.STORAGES['staticfiles']}".encode())
    files = {(name, storage.path(name)) for finder in get_finders() for name, storage in finder.list([])}
    for name, path in sorted(files):
        found.update(f"{name}\0".encode())
        found.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return found.hexdigest()
