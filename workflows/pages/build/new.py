"""A new workflow: blank, from a template, or from a file."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from connectors.forms import Choice, Field, Form, read
from departments.models import Department
from workflows.pages.page import Request, page
from workflows.pages.workflows import own_departments, sentences
from workflows.services.refusals import Conflict
from workflows.services.workflows import create_workflow


@page
@require_http_methods(["GET", "POST"])
def new(request: Request) -> HttpResponse:
    """GET shows the three ways; POST makes a blank workflow and goes to its build page."""
    departments = own_departments(request)
    form = _form(departments)
    if request.method == "GET":
        return _shown(request, form)

    filled = read(form, request.POST)
    if not filled.form.is_good:
        return _shown(request, filled.form, 422)
    try:
        made = create_workflow(
            _chosen(departments, filled.values.get("department", "")),
            name=filled.values["name"],
            definition={"format": 1, "steps": []},
            description=filled.values.get("description", ""),
            actor=request.actor,
        )
    except ValidationError as refused:
        return _again(request, filled.form, sentences(refused))
    except Conflict as taken:
        return _again(request, filled.form, {"name": str(taken)})
    return redirect("build", made.pk)


def _again(request: Request, form: Form, errors: dict[str, str]) -> HttpResponse:
    return _shown(request, form.with_errors(errors), 422)


def _shown(request: Request, form: Form, status: int = 200) -> HttpResponse:
    return render(request, "workflows/build/new.html", {"form": form}, status=status)


def _form(departments: Sequence[Department]) -> Form:
    chosen = Field(
        "department",
        _("Department"),
        "choice",
        required=True,
        choices=tuple(Choice(str(one.pk), one.name) for one in departments),
        value=str(departments[0].pk),
    )
    return Form(
        (
            Field("name", _("Name"), "text", required=True, example=_("Press mentions of the day")),
            Field(
                "description", _("What it is for"), "long_text", help=_("A sentence or two. You can write it later.")
            ),
            *([chosen] if len(departments) > 1 else []),
        )
    )


def _chosen(departments: Sequence[Department], wanted: str) -> Department:
    return next((one for one in departments if str(one.pk) == wanted), departments[0])
