"""How long the contents of runs are kept, and erasing those of one run. By the managers of the department."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from connectors.forms import Field, Form, read
from departments import holds
from departments.access import may_manage
from workflows.models import Workflow
from workflows.pages import runs
from workflows.pages.page import Request, page
from workflows.pages.workflows import find, sentences
from workflows.services import retention
from workflows.services.refusals import Conflict, ValidationError


@page
@require_http_methods(["GET", "HEAD", "POST"])
def kept(request: Request, pk: UUID) -> HttpResponse:
    """For how many days after their end; an empty field: for ever."""
    workflow = find(request, pk)
    if not may_manage(request.actor, workflow.department):
        raise PermissionDenied(_("Managers of %(name)s say how long it is kept.") % {"name": workflow.department.name})
    if request.method != "POST":
        return _page(request, workflow, _form(workflow))
    filled = read(_form(workflow), request.POST)
    if not filled.form.is_good:
        return _page(request, workflow, filled.form, 422)
    try:
        retention.keep_for(workflow, filled.values.get("days"), actor=request.actor)
    except ValidationError as refused:
        return _page(request, workflow, filled.form.with_errors(sentences(refused)), 422)
    messages.success(request, _kept_words(workflow))
    return redirect("workflow", pk)


@page
@require_POST
def erase(request: Request, pk: UUID) -> HttpResponse:
    shown = runs.find(request, pk)
    try:
        retention.erase_contents(shown, request.POST.get("reason", ""), actor=request.actor)
    except ValidationError as refused:
        messages.error(request, " ".join(sentences(refused).values()))
    except Conflict as conflict:
        messages.error(request, str(conflict))
    else:
        messages.success(request, _("The contents of the run are erased."))
    return redirect("run", pk)


def _kept_words(workflow: Workflow) -> str:
    if workflow.keeps_days is None:
        return _("Contents of its runs are kept for ever.")
    said = ngettext(
        "Contents of its runs are erased one day after their end.",
        "Contents of its runs are erased %(days)d days after their end.",
        workflow.keeps_days,
    )
    return said % {"days": workflow.keeps_days}


def _page(request: Request, workflow: Workflow, form: Form, status: int = 200) -> HttpResponse:
    context = {"workflow": workflow, "form": form, "is_held": holds.is_held(workflow.department)}
    return render(request, "workflows/kept.html", context, status=status)


def _form(workflow: Workflow) -> Form:
    about = _("Counted from the end of each run. Left empty, they are kept for ever.")
    return Form((Field("days", _("Days"), "number", about, "90", value=workflow.keeps_days or ""),))
