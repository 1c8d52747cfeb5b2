"""Files that people bring and take along."""

from __future__ import annotations

from django.db import transaction

from audit.services import record
from connectors.sdk import FileRef
from departments.access import Actor, Verb, require
from departments.models import Department
from workflows.models import Run, StoredFile, Task, Workflow
from workflows.runtime import files, room
from workflows.services.deciders import require_decider
from workflows.services.refusals import NotKept, ValidationError
from workflows.services.sharing import require_reader, require_use


def store_file(
    department: Department, *, name: str, content: bytes, content_type: str = "", actor: Actor, run: Run | None = None
) -> StoredFile:
    """Raises ValidationError (empty), NotKept (too large, no room), PermissionDenied."""
    require(actor, Verb.RUN, department)
    return _store(department, name, content, content_type, actor, run)


def store_for_use(workflow: Workflow, *, name: str, content: bytes, actor: Actor) -> StoredFile:
    """A file for the start of a workflow: whoever may start it may bring it. Raises as `store_file` does."""
    require_use(actor, workflow)
    return _store(workflow.department, name, content, "", actor, None)


def store_for_task(task: Task, *, name: str, content: bytes, actor: Actor) -> StoredFile:
    """A file that belongs to an answer: whoever may decide may bring it. Raises as `store_file` does."""
    require_decider(task, actor)
    return _store(task.department, name, content, "", actor, task.run)


def _store(
    department: Department, name: str, content: bytes, content_type: str, actor: Actor, run: Run | None
) -> StoredFile:
    if not content:
        raise ValidationError(f"“{files.safe_name(name)}” is empty.")
    try:
        with transaction.atomic():
            stored = files.save(
                department.pk,
                name,
                content,
                content_type,
                run_id=run.pk if run else None,
                created_by=actor.label,
                is_brought=True,
            )
            _record("file.stored", stored, actor)
    except (files.TooLarge, room.NoRoom) as error:
        raise NotKept(error.message, 413 if isinstance(error, files.TooLarge) else 507) from None
    return stored


def download_file(stored: StoredFile, *, actor: Actor) -> bytes:
    """The bytes, for somebody outside; steps read them through their context. Raises PermissionDenied."""
    require_reader(actor, stored)
    content = files.read(stored)
    with transaction.atomic():
        _record("file.downloaded", stored, actor)
    return content


def reference(stored: StoredFile) -> FileRef:
    """The file as a value of a run."""
    return files.reference(stored)


def _record(verb: str, stored: StoredFile, actor: Actor) -> None:
    """Names of files are often names of people, so the ledger tells the content by its hash (rule A10)."""
    record(
        verb,
        actor=actor,
        department=stored.department.slug,
        thing=stored,
        run_id=stored.run_id,
        type=stored.content_type,
        bytes=stored.size,
        sha256=stored.sha256,
    )
