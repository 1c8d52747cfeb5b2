"""Files of a department: bytes once per content in Django's storage, names and owners in rows."""

from __future__ import annotations

import hashlib
import mimetypes
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from audit import sql
from connectors.sdk import BadParams, FileRef
from workflows.engine import strict
from workflows.models import StoredFile
from workflows.runtime import room

MOST_BYTES = 25_000_000


class TooLarge(BadParams):
    """One file alone."""


def save(
    department_id: UUID,
    name: str,
    content: bytes,
    content_type: str,
    *,
    run_id: UUID | None = None,
    created_by: str = "",
    is_brought: bool = False,
) -> StoredFile:
    """Keep the bytes and make the row. `is_brought` by whoever `created_by` names. Raises TooLarge, NoRoom."""
    if len(content) > MOST_BYTES:
        raise TooLarge(f"“{name}” has {len(content):,} bytes; at most {MOST_BYTES:,} are allowed.")

    sha256 = hashlib.sha256(content).hexdigest()
    bringer = created_by[:254] if is_brought else ""
    room.demand(department_id, len(content), bringer)
    path = storage_name(department_id, sha256)
    if not default_storage.exists(path):
        default_storage.save(path, ContentFile(content))
    with transaction.atomic():
        _alone(path)
        made = StoredFile.objects.create(
            department_id=department_id,
            run_id=run_id,
            name=safe_name(name),
            content_type=content_type or guess_type(name),
            size=len(content),
            sha256=sha256,
            created_by=created_by[:254],
        )
        room.hold(department_id, bringer)
    if not default_storage.exists(path):
        default_storage.save(path, ContentFile(content))  # `forget` was faster than the row
    return made


def forget(department_id: UUID, sha256: str) -> None:
    """Take the bytes away, unless a file has them still."""
    path = storage_name(department_id, sha256)
    with transaction.atomic():
        _alone(path)
        if not StoredFile.objects.filter(department_id=department_id, sha256=sha256).exists():
            default_storage.delete(path)


def _alone(path: str) -> None:
    """Until the transaction ends nobody else makes a row for these bytes, or takes them away."""
    sql.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [path])


def read(stored: StoredFile) -> bytes:
    with default_storage.open(storage_name(stored.department_id, stored.sha256)) as file:
        return bytes(file.read())


def find(department_id: UUID, ref: FileRef) -> StoredFile:
    """Raises BadParams when the department has no such file."""
    try:
        return StoredFile.objects.get(department_id=department_id, pk=UUID(ref.file))
    except (StoredFile.DoesNotExist, ValueError):
        raise BadParams(f"There is no file “{ref.name}” in this department. Upload it again.") from None


def reference(stored: StoredFile) -> FileRef:
    return FileRef(
        file=str(stored.pk), name=stored.name, type=stored.content_type, size=stored.size, sha256=stored.sha256
    )


def safe_name(name: str) -> str:
    """A name to show and to offer for download: no path, no control characters, 200 characters at most."""
    last = strict.legible(name, 1_000).replace("\\", "/").rpartition("/")[2]
    visible = "".join(letter for letter in last if letter.isprintable()).strip(" .")
    if len(visible) <= 200:
        return visible or "file"
    stem, dot, ending = visible.rpartition(".")
    return f"{stem[: 199 - len(ending)]}{dot}{ending}" if dot and len(ending) < 20 else visible[:200]


def guess_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def storage_name(department_id: UUID, sha256: str) -> str:
    """One folder per department: erasing one department's files never touches another's."""
    return f"files/{department_id}/{sha256[:2]}/{sha256}"
