"""The legal hold on a department, set and lifted by its managers."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from departments import holds
from departments.models import Department
from workflows.pages.page import Request, page
from workflows.pages.people import HoldForm, department_page, find_managed


@page
@require_POST
def put_on(request: Request, slug: str) -> HttpResponse:
    found = find_managed(request, slug)
    said = _("A legal hold is on %(name)s from now on, until it is lifted.") % {"name": found}
    return _done(request, found, said, lambda why: holds.set_hold(department=found, reason=why, actor=request.actor))


@page
@require_POST
def lift(request: Request, slug: str, pk: UUID) -> HttpResponse:
    found = find_managed(request, slug)
    hold = get_object_or_404(found.holds, pk=pk)
    said = _("The legal hold on %(name)s is lifted.") % {"name": found}
    return _done(request, found, said, lambda why: holds.lift_hold(hold, reason=why, actor=request.actor))


def _done(request: Request, found: Department, said: str, deed: Callable[[str], object]) -> HttpResponse:
    """What is refused comes back as it was typed (422)."""
    form = HoldForm(request.POST)
    if form.is_valid():
        try:
            deed(form.cleaned_data["reason"])
        except ValidationError as refused:
            form.add_error("reason", refused.messages)
        else:
            messages.success(request, said)
            return redirect("department", found.slug)
    return department_page(request, found, hold=form, status=422)
