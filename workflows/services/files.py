"""Files that people bring."""

from __future__ import annotations

from connectors.sdk import BadParams, FileRef
from departments.access import Actor, Verb, require
from departments.models import Department
from workflows.models import Run, StoredFile
from workflows.runtime import files
from workflows.services.refusals import ValidationError


def store_file(
    department: Department, *, name: str, content: bytes, content_type: str = "", actor: Actor, run: Run | None = None
) -> StoredFile:
    """Raises ValidationError (empty, too large), PermissionDenied."""
    require(actor, Verb.RUN, department)
    if not content:
        raise ValidationError(f"“{files.safe_name(name)}” is empty.")
    try:
        return files.save(
            department.pk, name, content, content_type, run_id=run.pk if run else None, created_by=actor.label
        )
    except BadParams as error:
        raise ValidationError(error.message) from None


def read_file(stored: StoredFile) -> bytes:
    return files.read(stored)


def reference(stored: StoredFile) -> FileRef:
    """The file as a value of a run."""
    return files.reference(stored)
