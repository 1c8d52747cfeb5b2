"""The library: what the department keeps to use again, one saved step with its versions, and prompts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from departments.access import Actor, Verb, require, visible
from departments.models import Department
from workflows.engine import saved as copies
from workflows.engine.definition import BadDefinition, Definition
from workflows.models import SavedKind, SavedStep, SavedStepVersion
from workflows.pages.cards import Card, Names, card_of
from workflows.pages.changes_said import Said, steps_said, text_said
from workflows.pages.page import Request, page, words
from workflows.pages.saved_deeds import said as said_of
from workflows.services import library as kept
from workflows.services.copies import update_everywhere
from workflows.services.refusals import Conflict
from workflows.services.saving import (
    archive_saved,
    bring_back_saved,
    describe_saved,
    keep_prompt,
    rewrite_prompt,
)

MOST_ROWS = 500


@dataclass(frozen=True, slots=True)
class Row:
    """A saved step in the list. `used` counts the workflows that hold it."""

    saved: SavedStep
    used: int = 0

    @property
    def kind(self) -> SavedKind:
        return SavedKind(self.saved.kind)


# ── the list ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@page
@require_GET
def library(request: Request) -> HttpResponse:
    """The list; typing into the search asks for its fragment alone."""
    wanted, kind = words(request, "q"), request.GET.get("kind", "")
    archived = request.GET.get("archived") == "1"
    found = kept.found(request.actor, wanted, kind, archived=archived)[:MOST_ROWS]
    used = kept.use_counts(request.actor)
    context = {
        "rows": [Row(saved, used[saved.department_id, saved.slug]) for saved in found],
        "q": wanted,
        "kind": kind,
        "archived": archived,
        "kinds": SavedKind.choices,
        "may_edit": bool(request.actor.departments(Verb.EDIT)),
    }
    return render(
        request, "workflows/library/_list.html" if request.htmx else "workflows/library/library.html", context
    )


# ── one saved step ───────────────────────────────────────────────────────────────────────────────────────────────────


@page
@require_GET
def saved(request: Request, pk: UUID) -> HttpResponse:
    return render(request, "workflows/library/saved.html", saved_context(request, find(request, pk)))


@page
@require_GET
def saved_version(request: Request, pk: UUID, number: int) -> HttpResponse:
    """One version as it was, and what is other in it than in the one before."""
    shown = find(request, pk)
    version = get_object_or_404(shown.versions, number=number)
    before = shown.versions.filter(number=number - 1).first()
    context = {
        "saved": shown,
        "version": version,
        "before": before,
        **content_context(version),
        "differences": differences_of(before, version) if before else None,
    }
    return render(request, "workflows/library/version.html", context)


@page
@require_POST
def describe(request: Request, pk: UUID) -> HttpResponse:
    shown = find(request, pk)
    given = {name: request.POST.get(name, "") for name in ("title", "note")}
    try:
        describe_saved(shown, actor=request.actor, **given)
    except (ValidationError, Conflict) as refused:
        shown.refresh_from_db()
        context = saved_context(request, shown, describing=given, refused=said_of(refused))
        return render(request, "workflows/library/saved.html", context, status=422)
    messages.success(request, _("“%(title)s” has been changed.") % {"title": shown.title})
    return redirect("saved", shown.pk)


@page
@require_POST
def rewrite(request: Request, pk: UUID) -> HttpResponse:
    """A prompt's text becomes its next version. What is refused comes back as it was typed."""
    shown = find(request, pk)
    require(request.actor, Verb.EDIT, shown.department)
    if not shown.is_prompt:
        raise Conflict(_("Only a prompt is written here. Change a saved step in a workflow, and save it from there."))
    text, why = request.POST.get("text", ""), request.POST.get("why", "")
    try:
        version = rewrite_prompt(shown, text, why=why, actor=request.actor, known=number_of(request))
    except (ValidationError, Conflict) as refused:
        shown.refresh_from_db()
        theirs = kept.newest_of(shown).content["text"] if isinstance(refused, Conflict) else text
        more = {"refused": said_of(refused), "clash": text_said(theirs, text)}
        context = saved_context(request, shown, typed=text, why=why, **more)
        return render(request, "workflows/library/saved.html", context, status=422)
    said = _("Saved as version %(number)d. Workflows keep theirs until they are updated.")
    messages.success(request, said % {"number": version.number})
    return redirect("saved", shown.pk)


@page
@require_POST
def update(request: Request, pk: UUID) -> HttpResponse:
    """Bring the copies in all drafts to the newest version."""
    shown = find(request, pk)
    done = update_everywhere(shown, actor=request.actor)
    good = [each for each in done if each.copies]
    if good:
        count = len(good)
        said = ngettext("%(count)d draft was updated.", "%(count)d drafts were updated.", count) % {"count": count}
        messages.success(request, _("%(said)s Publish them to put the change to work.") % {"said": said})
    for each in done:
        if each.refused:
            messages.warning(request, f"{each.workflow.name}: {each.refused}")
    if not done:
        messages.info(request, _("Every draft holds the newest version already."))
    return redirect("saved", shown.pk)


@page
@require_POST
def archive(request: Request, pk: UUID) -> HttpResponse:
    shown = find(request, pk)
    archive_saved(shown, actor=request.actor)
    said = _("“%(title)s” is archived. Workflows that hold it go on as before.")
    messages.success(request, said % {"title": shown.title})
    return redirect("library")


@page
@require_POST
def bring_back(request: Request, pk: UUID) -> HttpResponse:
    shown = find(request, pk)
    bring_back_saved(shown, actor=request.actor)
    messages.success(request, _("“%(title)s” is in the library again.") % {"title": shown.title})
    return redirect("saved", shown.pk)


# ── prompts ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@page
@require_http_methods(["GET", "POST"])
def prompt_new(request: Request) -> HttpResponse:
    """Write a prompt and keep it; what is refused comes back as it was typed (422)."""
    departments = editable(request.actor)
    typed = {name: request.POST.get(name, "") for name in ("title", "text", "note", "department")}
    context: dict[str, Any] = {"departments": departments, "typed": typed}
    if request.method == "GET":
        return render(request, "workflows/library/prompt_new.html", context)

    department = chosen(departments, typed["department"])
    try:
        made = keep_prompt(department, typed["text"], title=typed["title"], note=typed["note"], actor=request.actor)
    except (ValidationError, Conflict) as refused:
        context["refused"] = said_of(refused)
        return render(request, "workflows/library/prompt_new.html", context, status=422)
    messages.success(request, _("“%(title)s” is in the library.") % {"title": made.saved.title})
    return redirect("saved", made.saved_id)


def editable(actor: Actor) -> list[Department]:
    """The departments whose library the actor may change. Raises PermissionDenied when there is none."""
    found = list(visible(Department.objects.order_by("name"), actor, verb=Verb.EDIT, path="pk"))
    if not found:
        raise PermissionDenied(
            _("Your role does not let you change the library. A manager of your department can change that.")
        )
    return found


def chosen(departments: list[Department], slug: str) -> Department:
    """The department that was named, the first where none was. Raises Http404."""
    found = [each for each in departments if each.slug == slug or not slug]
    if not found:
        raise Http404
    return found[0]


# ── what the pages show ──────────────────────────────────────────────────────────────────────────────────────────────


def find(request: Request, pk: UUID) -> SavedStep:
    return get_object_or_404(kept.saved_steps(request.actor), pk=pk)


def number_of(request: Request) -> int | None:
    """The version that the page showed."""
    said = request.POST.get("known", "")
    return int(said) if re.fullmatch(r"[0-9]{1,6}", said) else None


def saved_context(request: Request, shown: SavedStep, **more: Any) -> dict[str, Any]:
    uses = kept.where_used(shown)
    newest = kept.newest_of(shown)
    return {
        "saved": shown,
        "kind": SavedKind(shown.kind),
        "newest": newest,
        **content_context(newest),
        "versions": shown.versions.defer("content")[:50],
        "uses": uses,
        "behind": [use for use in uses if use.is_behind(shown.newest)],
        "may_edit": request.actor.may(Verb.EDIT, shown.department_id),
        **more,
    }


def content_context(version: SavedStepVersion) -> dict[str, Any]:
    """The text of a prompt, or the steps as a column of cards with what they need."""
    content: Mapping[str, Any] = version.content
    return {"text": content.get("text", ""), "cards": cards_of_content(content), "needs": content.get("needs", [])}


def cards_of_content(content: Mapping[str, Any]) -> tuple[Card, ...]:
    try:
        steps = copies.loaded(content.get("steps", []))
    except (ValueError, BadDefinition):
        return ()
    names = Names(Definition(name="saved", steps=steps))
    return tuple(card_of(step, names) for step in steps)


def differences_of(before: SavedStepVersion, after: SavedStepVersion) -> list[Said]:
    if "text" in after.content:
        return text_said(before.content.get("text", ""), after.content["text"])
    return steps_said(copies.loaded(before.content["steps"]), copies.loaded(after.content["steps"]))
