"""The build page: the column of the draft, and the one way by which it is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from workflows.engine import strict
from workflows.models import SavedStep, Workflow
from workflows.pages.build import answers, clipboard
from workflows.pages.build.bar import bar_context
from workflows.pages.build.clash import clashed
from workflows.pages.build.column import column_of
from workflows.pages.build.draft import drafted, to_build
from workflows.pages.build.menu import INSERT, offered, saved_offers
from workflows.pages.page import Request, page, whole_number
from workflows.services import drafting, library
from workflows.services.drafting import StaleDraft
from workflows.services.refusals import Conflict

Edit = Mapping[str, Any]


@page
@require_GET
def build(request: Request, pk: UUID) -> HttpResponse:
    """The whole page. `?step=` names the card that is open from the beginning."""
    shown = to_build(request, pk)
    definition = drafted(shown)
    context = {
        "workflow": shown,
        "column": column_of(definition),
        **menu_context(request, shown),
        **bar_context(request, shown, definition),
    }
    return render(request, "workflows/build/build.html", context)


@page
@require_GET
def menu(request: Request, pk: UUID) -> HttpResponse:
    """What the “+” offers, asked for whenever it opens: the library may have grown."""
    shown = to_build(request, pk)
    return render(request, "workflows/build/_offers.html", menu_context(request, shown))


def menu_context(request: Request, shown: Workflow) -> dict[str, Any]:
    return {"groups": offered(shown.department), "saved_offers": saved_offers(request.actor, shown.department)}


@page
@require_POST
def edit(request: Request, pk: UUID) -> HttpResponse:
    """One change, as plain data in `edit`, of the draft at `revision`."""
    shown = to_build(request, pk)
    try:
        wanted = strict.loads(request.POST.get("edit", ""))
    except strict.NotStrict:
        return answers.refused(request, [_("This change could not be read. Load the page again.")])
    if isinstance(wanted, dict) and wanted.get("do") == INSERT:
        return _inserted(request, shown, wanted)
    return made(request, shown, [wanted])


def _inserted(request: Request, shown: Workflow, wanted: Edit) -> HttpResponse:
    """A copy of a saved step, which the page knows by name only."""
    slug, place = str(wanted.get("saved", "")), wanted.get("place") or {}
    if not isinstance(place, dict):
        return answers.refused(request, [_("This change could not be read. Load the page again.")])
    try:
        return made(request, shown, [library.insertion(request.actor, shown.department, slug, place)])
    except SavedStep.DoesNotExist:
        return answers.refused(request, [_("The library holds no such step any more. Open the menu again.")])


@page
@require_POST
def paste(request: Request, pk: UUID) -> HttpResponse:
    """Steps from the clipboard, as text, at a `place`."""
    shown = to_build(request, pk)
    try:
        nodes = clipboard.read(request.POST.get("text", ""))
        place = strict.loads(request.POST.get("place", "{}"))
    except (clipboard.NoSteps, strict.NotStrict) as error:
        return answers.refused(request, [str(error)])
    return made(request, shown, [{"do": "paste", "nodes": nodes, "place": place}])


@page
@require_GET
def text(request: Request, pk: UUID) -> HttpResponse:
    """The chosen steps as text for the clipboard."""
    shown = to_build(request, pk)
    written = clipboard.write(drafted(shown), request.GET.getlist("step"))
    return HttpResponse(written, content_type="text/plain; charset=utf-8")


@page
@require_POST
def undo(request: Request, pk: UUID) -> HttpResponse:
    return _turned(request, pk, drafting.undo, _("Undone: %(what)s"))


@page
@require_POST
def redo(request: Request, pk: UUID) -> HttpResponse:
    return _turned(request, pk, drafting.redo, _("Done again: %(what)s"))


def _turned(request: Request, pk: UUID, turn: Callable[..., drafting.Drafted], said: str) -> HttpResponse:
    shown = to_build(request, pk)
    since = revision_of(request, shown)
    try:
        turned = turn(shown, actor=request.actor, revision=shown.draft_revision)
    except ValidationError as refused:
        return answers.refused(request, refused.messages)
    except Conflict as nothing:
        return answers.refused(request, [str(nothing)])
    return answers.changed(request, turned.workflow, since, said=said % {"what": turned.edit.said})


@page
@require_GET
def news(request: Request, pk: UUID) -> HttpResponse:
    """What has changed since the `revision` that the page shows; 204 when nothing has."""
    shown = to_build(request, pk)
    since = revision_of(request, shown)
    if since == shown.draft_revision and "marks" not in request.GET:
        return HttpResponse(status=204)
    return answers.changed(request, shown, since, said=_heard(request, shown, since))


def _heard(request: Request, shown: Workflow, since: int) -> str:
    """What others did meanwhile, in a sentence for everybody to hear."""
    others = drafting.history(shown).filter(revision__gt=since).exclude(by_id=request.actor.id)[:3]
    return " ".join(f"{one.by}: {one.said}." for one in reversed(others))


@page
@require_GET
def history(request: Request, pk: UUID) -> HttpResponse:
    """Who changed what, the newest first."""
    shown = to_build(request, pk)
    return render(request, "workflows/build/_history.html", {"workflow": shown, "edits": drafting.history(shown)[:200]})


def made(request: Request, shown: Workflow, edits: Iterable[Edit], *, loads: str = "") -> HttpResponse:
    """Make the edits, and answer with what looks different. 409 shows both sides, 422 says why it cannot be."""
    revision, last, now = revision_of(request, shown), None, shown
    since = revision_of(request, shown, "shown")
    for wanted in edits:
        try:
            done = drafting.edit_draft(now, wanted, actor=request.actor, revision=revision)
        except StaleDraft as stale:
            return clashed(request, wanted, stale)
        except ValidationError as refused:
            return answers.refused(request, refused.messages)
        except Conflict as taken:
            return answers.refused(request, [str(taken)])
        now, last, revision = done.workflow, done.edit, done.workflow.draft_revision
    return answers.changed(request, now, since, said=last.said if last else "")


def revision_of(request: Request, shown: Workflow, name: str = "revision") -> int:
    """The revision that an edit builds on, or that the page has `shown`; the present one where nothing is said."""
    said = request.POST.get(name) or request.GET.get(name) or request.POST.get("revision") or ""
    number = whole_number(said)
    return shown.draft_revision if number is None else number
