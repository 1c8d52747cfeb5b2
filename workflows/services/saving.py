"""Putting steps and prompts into the library, and what happens to them there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.text import slugify

from audit.payloads import Words
from audit.services import record
from departments.access import Actor, Verb, require
from departments.models import Department
from workflows.engine import saved as copies
from workflows.engine.definition import Definition, Node
from workflows.models import SavedKind, SavedStep, SavedStepVersion
from workflows.runtime.kinds import kinds
from workflows.services.naming import clean_name, same_name
from workflows.services.refusals import Conflict, ValidationError

LONGEST_PROMPT = 20_000
LONGEST_NOTE = 1_000


def keep_steps(
    department: Department,
    steps: Sequence[Node],
    definition: Definition,
    *,
    title: str,
    actor: Actor,
    note: str = "",
) -> SavedStepVersion:
    """A new saved step, or sequence when there are several. `definition` names what the steps take from outside."""
    kind = SavedKind.SEQUENCE if len(steps) > 1 else SavedKind.STEP
    return _keep(department, kind, content_of(steps, definition), title=title, note=note, actor=actor)


def keep_prompt(department: Department, text: str, *, title: str, actor: Actor, note: str = "") -> SavedStepVersion:
    """A new prompt. Raises ValidationError naming the field, Conflict when the title is taken."""
    return _keep(department, SavedKind.PROMPT, {"text": good_text(text)}, title=title, note=note, actor=actor)


def add_version(
    saved: SavedStep, content: Mapping[str, Any], *, why: str, actor: Actor, known: int | None = None
) -> SavedStepVersion:
    """The next version. `known` is the newest one that was seen: else Conflict, and nothing is lost."""
    require(actor, Verb.EDIT, saved.department)
    with transaction.atomic():
        # The lock makes numbers dense when two people save at once.
        locked = SavedStep.objects.select_for_update().get(pk=saved.pk)
        if known is not None and locked.newest != known:
            raise Conflict(
                f"Somebody else saved version {locked.newest} of “{saved.title}” since you opened it. Look at that, "
                "then save again."
            )
        version = _insert_version(locked, locked.newest + 1, content, why, actor)
        SavedStep.objects.filter(pk=saved.pk).update(newest=version.number, archived_at=None, changed_at=Now())
        _record("saved_step.changed", locked, actor, version=version.number, note=Words(why.strip()[:LONGEST_NOTE]))
    saved.refresh_from_db()
    return version


def rewrite_prompt(
    saved: SavedStep, text: str, *, why: str, actor: Actor, known: int | None = None
) -> SavedStepVersion:
    """The next version of a prompt. Raises ValidationError, Conflict."""
    return add_version(saved, {"text": good_text(text)}, why=why, actor=actor, known=known)


def describe_saved(saved: SavedStep, *, title: str, note: str, actor: Actor) -> None:
    """Another title or purpose. Its short name stays, so that the copies still know it."""
    require(actor, Verb.EDIT, saved.department)
    title = good_title(title)
    with transaction.atomic():
        if same_name(title) != same_name(saved.title):
            _require_free_title(saved.department, title)
        SavedStep.objects.filter(pk=saved.pk).update(title=title, note=note.strip()[:LONGEST_NOTE], changed_at=Now())
        saved.refresh_from_db()
        _record("saved_step.described", saved, actor)


def archive_saved(saved: SavedStep, *, actor: Actor) -> None:
    """Take it out of the list and the menu; the copies in workflows stay as they are."""
    require(actor, Verb.EDIT, saved.department)
    with transaction.atomic():
        if SavedStep.objects.filter(pk=saved.pk, archived_at=None).update(archived_at=Now()):
            _record("saved_step.archived", saved, actor)


def bring_back_saved(saved: SavedStep, *, actor: Actor) -> None:
    """Out of the archive. Raises Conflict when its title is taken by now."""
    require(actor, Verb.EDIT, saved.department)
    with transaction.atomic():
        _require_free_title(saved.department, saved.title)
        if SavedStep.objects.filter(pk=saved.pk, archived_at__isnull=False).update(archived_at=None):
            _record("saved_step.brought_back", saved, actor)


def content_of(steps: Sequence[Node], definition: Definition) -> dict[str, Any]:
    """What a version keeps of the steps."""
    return {"steps": copies.content_of(steps), "needs": copies.needs_titled(steps, definition, kinds())}


def good_title(title: str) -> str:
    """Raises ValidationError at the field `title`."""
    try:
        return clean_name(title)
    except ValidationError:
        raise ValidationError({"title": "Give it a title by which your colleagues will find it."}) from None


def good_text(text: str) -> str:
    """A prompt as it is kept. Raises ValidationError at the field `text`."""
    clean = text.replace("\r\n", "\n").replace("\x00", "").strip()
    if not clean:
        raise ValidationError({"text": "Write the text of the prompt."})
    if len(clean) > LONGEST_PROMPT:
        raise ValidationError(
            {"text": f"The text has {len(clean):,} characters; a prompt has at most {LONGEST_PROMPT:,}. Shorten it."}
        )
    return clean


def _keep(
    department: Department, kind: SavedKind, content: Mapping[str, Any], *, title: str, note: str, actor: Actor
) -> SavedStepVersion:
    require(actor, Verb.EDIT, department)
    title = good_title(title)
    with transaction.atomic():
        _require_free_title(department, title)
        saved = SavedStep(
            department=department,
            kind=kind,
            slug=_free_slug(department, title),
            title=title,
            note=note.strip()[:LONGEST_NOTE],
        )
        _insert(saved)
        version = _insert_version(saved, 1, content, "", actor)
        _record("saved_step.created", saved, actor)
    return version


def _insert(saved: SavedStep) -> None:
    try:
        with transaction.atomic():
            saved.save(force_insert=True)
    except IntegrityError:
        raise Conflict(
            f"Somebody else saved “{saved.title}” at the same moment. Look at the library, then save again."
        ) from None


def _insert_version(
    saved: SavedStep, number: int, content: Mapping[str, Any], why: str, actor: Actor
) -> SavedStepVersion:
    return SavedStepVersion.objects.create(
        saved=saved,
        number=number,
        content=dict(content),
        note=why.strip()[:LONGEST_NOTE],
        saved_by=actor.label[:254],
    )


def _require_free_title(department: Department, title: str) -> None:
    taken = SavedStep.objects.filter(department=department, archived_at=None).values_list("title", flat=True)
    if same_name(title) in {same_name(other) for other in taken}:
        raise Conflict(f"The library of {department.name} has “{title}” already. Choose another title.")


def _free_slug(department: Department, title: str) -> str:
    base = slugify(title)[:50].strip("-_") or "saved"
    taken = set(SavedStep.objects.filter(department=department, slug__startswith=base).values_list("slug", flat=True))
    number, slug = 2, base
    while slug in taken:
        slug, number = f"{base}-{number}", number + 1
    return slug


def _record(verb: str, saved: SavedStep, actor: Actor, **detail: Any) -> None:
    record(verb, actor=actor, department=saved.department.slug, thing=saved, **detail)
