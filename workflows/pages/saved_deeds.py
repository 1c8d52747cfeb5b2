"""What the panel of a step does with the library: save, update, put back, detach, use a prompt."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from workflows.engine import saved as copies
from workflows.engine.definition import BadDefinition, Definition, Node, load
from workflows.engine.disclosures import disclosures
from workflows.models import SavedStepVersion, Workflow
from workflows.pages.build.draft import node_of, node_or_404, to_build
from workflows.pages.cards import title_of
from workflows.pages.changes_said import Said, steps_said, text_said
from workflows.pages.page import Request, page
from workflows.pages.saved_bar import CopyView, copy_view, step_context, text_fields
from workflows.pages.workflows import sentences
from workflows.runtime.kinds import kinds
from workflows.services import copies as changes
from workflows.services import library
from workflows.services.refusals import Conflict

MOST_SIBLINGS = 50


# ── deeds without a form ─────────────────────────────────────────────────────────────────────────────────────────────


@page
@require_POST
def step_saved(request: Request, pk: UUID, step: str) -> HttpResponse:
    """Do what `deed` names to the copy or prompt of the step, and show the panel as it is then."""
    workflow = to_build(request, pk)
    deed = DEEDS.get(request.POST.get("deed", ""))
    if deed is None:
        raise Http404
    return _done(request, workflow, step, lambda: deed(request, workflow, step))


def _update_prompt(request: Request, workflow: Workflow, step: str) -> object:
    name = request.POST.get("field", "")
    mark = copies.read_mark(node_or_404(_definition(workflow), step).prompts.get(name))
    version = library.version_of(workflow.department, mark.slug, mark.number) if mark else None
    if version is None:
        raise Conflict(_("This text is not taken from the library any more."))
    return changes.use_prompt(workflow, step, name, library.newest_of(version.saved), actor=request.actor)


def _forget_prompt(request: Request, workflow: Workflow, step: str) -> object:
    return changes.forget_prompt(workflow, step, request.POST.get("field", ""), actor=request.actor)


def _update(request: Request, workflow: Workflow, step: str) -> object:
    return changes.update_copy(workflow, step, actor=request.actor)


def _put_back(request: Request, workflow: Workflow, step: str) -> object:
    return changes.put_back(workflow, step, actor=request.actor)


def _detach(request: Request, workflow: Workflow, step: str) -> object:
    return changes.detach_copy(workflow, step, actor=request.actor)


DEEDS: Mapping[str, Callable[[Request, Workflow, str], object]] = {
    "update": _update,
    "put_back": _put_back,
    "detach": _detach,
    "update_prompt": _update_prompt,
    "forget_prompt": _forget_prompt,
}


# ── forms ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@page
@require_http_methods(["GET", "POST"])
def step_keep(request: Request, pk: UUID, step: str) -> HttpResponse:
    """Save the step, or it and those after it, to the library: what goes in is shown before."""
    workflow = to_build(request, pk)
    definition = _definition(workflow)
    together = _following(definition, step)
    chosen = together[: _count(request, len(together))]
    if request.method == "GET":
        return _keep_form(request, workflow, definition, together, chosen)
    given = {name: request.POST.get(name, "") for name in ("title", "note")}
    try:
        changes.save_steps(workflow, [node.id for node in chosen], actor=request.actor, **given)
    except (ValidationError, Conflict) as refused:
        return _keep_form(request, workflow, definition, together, chosen, refused=refused)
    return _reloaded(request, workflow, step)


def _keep_form(
    request: Request,
    workflow: Workflow,
    definition: Definition,
    together: list[Node],
    chosen: list[Node],
    refused: Exception | None = None,
) -> HttpResponse:
    asked = request.POST if request.method == "POST" else request.GET
    context = {
        "workflow": workflow,
        "node": chosen[0],
        "spans": [(count, title_of(node)) for count, node in enumerate(together, 1)],
        "count": len(chosen),
        "needs": copies.needs_titled(chosen, definition, kinds()),
        "disclosures": disclosures(chosen),
        "title": asked.get("title", title_of(chosen[0])),
        "note": asked.get("note", ""),
        "refused": said(refused),
    }
    return render(request, "workflows/build/_saved_keep.html", context, status=422 if refused else 200)


@page
@require_http_methods(["GET", "POST"])
def step_version(request: Request, pk: UUID, step: str) -> HttpResponse:
    """Make what the copy has become here the next version in the library."""
    workflow = to_build(request, pk)
    if request.method == "POST":
        try:
            changes.save_copy(workflow, step, why=request.POST.get("why", ""), actor=request.actor)
        except (ValidationError, Conflict) as refused:
            return _done(request, workflow, step, None, refused)
        return _reloaded(request, workflow, step)
    view, version, copy = _copy(workflow, step)
    context = {
        "workflow": workflow,
        "step": step,
        "copy": view,
        "differences": steps_said(_as_version(version, copy), copy.steps),
        "disclosures": disclosures(copy.steps),
        "uses": library.where_used(version.saved),
    }
    return render(request, "workflows/build/_saved_version.html", context)


@page
@require_GET
def step_difference(request: Request, pk: UUID, step: str) -> HttpResponse:
    """What an update would change here; with `field`, in the text that came from a prompt."""
    workflow = to_build(request, pk)
    if field := request.GET.get("field", ""):
        context: dict[str, Any] = {"differences": _prompt_difference(workflow, step, field)}
    else:
        view, version, copy = _copy(workflow, step)
        newest = library.newest_of(version.saved)
        after = copies.renewed(
            copies.loaded(version.content["steps"]), copies.loaded(newest.content["steps"]), copy.steps, frozenset()
        )
        context = {"differences": steps_said(copy.steps, after), "newest": newest, "copy": view}
    return render(request, "workflows/build/_saved_difference.html", context)


def _prompt_difference(workflow: Workflow, step: str, field: str) -> list[Said]:
    node = node_or_404(_definition(workflow), step)
    mark = copies.read_mark(node.prompts.get(field))
    version = library.version_of(workflow.department, mark.slug, mark.number) if mark else None
    if version is None:
        raise Http404
    return text_said(str(node.given.get(field, "")), library.newest_of(version.saved).content["text"])


@page
@require_http_methods(["GET", "POST"])
def step_prompt(request: Request, pk: UUID, step: str) -> HttpResponse:
    """Choose a prompt for a text of the step."""
    workflow = to_build(request, pk)
    node = node_or_404(_definition(workflow), step)
    offered = library.prompts(request.actor, workflow.department)
    if request.method == "GET":
        context = {"workflow": workflow, "node": node, "fields": list(text_fields(node)), "offered": offered}
        return render(request, "workflows/build/_saved_prompts.html", context)
    version = next((each for each in offered if each.saved.slug == request.POST.get("prompt")), None)
    name = request.POST.get("field", "")
    if version is None or name not in {field.name for field in text_fields(node)}:
        raise Http404
    return _done(
        request, workflow, step, lambda: changes.use_prompt(workflow, step, name, version, actor=request.actor)
    )


@page
@require_http_methods(["GET", "POST"])
def step_prompt_keep(request: Request, pk: UUID, step: str) -> HttpResponse:
    """Save a text of the step as a prompt."""
    workflow = to_build(request, pk)
    node = node_or_404(_definition(workflow), step)
    fields = [field for field in text_fields(node) if field.has_text]
    refused = None
    if request.method == "POST":
        given = {"name": request.POST.get("field", ""), "title": request.POST.get("title", "")}
        try:
            changes.save_as_prompt(workflow, step, actor=request.actor, **given)
            return _reloaded(request, workflow, step)
        except (ValidationError, Conflict) as error:
            refused = error
    context = {
        "workflow": workflow,
        "node": node,
        "fields": fields,
        "title": request.POST.get("title", ""),
        "field": request.POST.get("field", ""),
        "disclosures": disclosures([node]),
        "refused": said(refused),
    }
    return render(request, "workflows/build/_saved_prompt_keep.html", context, status=422 if refused else 200)


# ── finding and answering ────────────────────────────────────────────────────────────────────────────────────────────


def said(refused: Exception | None) -> dict[str, str]:
    """Field → what is wrong with it; an empty name for what belongs to none."""
    if isinstance(refused, ValidationError):
        return sentences(refused)
    return {"": str(refused)} if refused else {}


def _definition(workflow: Workflow) -> Definition:
    try:
        return load(workflow.draft)
    except BadDefinition:
        raise Http404 from None


def _copy(workflow: Workflow, step: str) -> tuple[CopyView, SavedStepVersion, copies.Copy]:
    definition = _definition(workflow)
    view = copy_view(workflow, definition, node_or_404(definition, step))
    copy = copies.copy_around(definition, step)
    version = library.version_of(workflow.department, copy.slug, copy.number) if copy else None
    if view is None or copy is None or version is None:
        raise Http404
    return view, version, copy


def _as_version(version: SavedStepVersion, copy: copies.Copy) -> list[Node]:
    """The version in the words of the workflow, so that only real changes are told."""
    saved = copies.loaded(version.content["steps"])
    return copies.as_here(saved, copies.kinship(saved, copy.steps))


def _following(definition: Definition, step: str) -> list[Node]:
    """The step and those after it in the same place. Raises Http404."""
    sequences = [definition.steps, *(held for node in definition.nodes() for _place, held in node.sequences())]
    for sequence in sequences:
        for index, node in enumerate(sequence):
            if node.id == step:
                return sequence[index : index + MOST_SIBLINGS]
    raise Http404


def _count(request: Request, most: int) -> int:
    asked = (request.POST if request.method == "POST" else request.GET).get("count", "1")
    return min(int(asked), most) if asked.isdecimal() and len(asked) < 4 and int(asked) else 1


def _done(
    request: Request,
    workflow: Workflow,
    step: str,
    deed: Callable[[], object] | None,
    refused: Exception | None = None,
) -> HttpResponse:
    """The bar after the deed. What is refused stands above it (422), and nothing has changed."""
    try:
        if deed is not None:
            deed()
    except (ValidationError, Conflict) as error:
        refused = error
    if refused is None:
        return _reloaded(request, workflow, step)
    workflow = get_object_or_404(Workflow.objects.select_related("department"), pk=workflow.pk)
    definition = _definition(workflow)
    context = step_context(request, workflow, definition, node_or_404(definition, step))
    return render(request, "workflows/build/_saved.html", {**context, "refused": said(refused)}, status=422)


def _reloaded(request: Request, workflow: Workflow, step: str) -> HttpResponse:
    """The bar as it is now; the page brings its column up to date and opens the panel again."""
    workflow = get_object_or_404(Workflow.objects.select_related("department"), pk=workflow.pk)
    definition = _definition(workflow)
    node = node_of(definition, step)
    events = {"draft-changed": {"revision": workflow.draft_revision}, "build:reload": {}}
    if node is None:
        return HttpResponse("", headers={"HX-Trigger": json.dumps(events)})
    answer = render(request, "workflows/build/_saved.html", step_context(request, workflow, definition, node))
    answer["HX-Trigger"] = json.dumps(events)
    # The page draws the whole panel again: a bar drawn before that would take clicks that are then lost.
    answer["HX-Reswap"] = "none"
    return answer
