"""The gallery: ready workflows to look at and to copy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from departments.access import Actor, Verb, require, visible
from departments.models import Department
from workflows.engine.definition import Input
from workflows.gallery.catalogue import Template, templates
from workflows.pages import setting_up
from workflows.pages.cards import cards_of
from workflows.pages.page import Request, page, words
from workflows.pages.setting_up import Setup
from workflows.pages.showing import named
from workflows.services.refusals import Conflict, ValidationError
from workflows.services.templates import copy_template as copied
from workflows.services.templates import people_asked

SUGGESTED = 3


@dataclass(frozen=True, slots=True)
class Shown:
    """A template as the gallery shows it. `department` is the name of the one it was made for."""

    template: Template
    department: str

    @property
    def steps(self) -> int:
        return sum(1 for _node in self.template.definition.nodes())

    @property
    def people(self) -> int:
        return len(people_asked(self.template))

    @property
    def spent(self) -> str:
        return spent(self.template.about.minutes)


@dataclass(frozen=True, slots=True)
class Value:
    """An input as the preview shows it."""

    title: str
    asked: Input
    data_class: str


@page
@require_GET
def gallery(request: Request) -> HttpResponse:
    """All templates; typing into the search asks for the fragment alone."""
    wanted, department = words(request, "q"), words(request, "department")
    found = [one for one in everything() if _fits(one, wanted, department)]
    template = "workflows/_gallery.html" if request.htmx else "workflows/gallery.html"
    context = {"shown": found, "q": wanted, "department": department, "departments": _departments()}
    return render(request, template, context)


@page
@require_GET
def template(request: Request, slug: str) -> HttpResponse:
    """One template as a readable column, with the questions of its set-up."""
    found = find(slug)
    setup = setting_up.begun(request, found)
    if request.htmx:
        return render(request, "workflows/_setup.html", {"setup": setup, **_about(found)})
    return render(request, "workflows/template.html", {"setup": setup, **_about(found)})


@page
@require_POST
def copy(request: Request, slug: str) -> HttpResponse:
    """Make a workflow of it and go on building there; a refused form comes back as it was typed (422)."""
    found = find(slug)
    department = _department(request)
    require(request.actor, Verb.EDIT, department)
    setup = setting_up.answered(request, found, department)
    if not setup.form.is_good:
        return _refused(request, found, setup)
    try:
        workflow = copied(found, department, actor=request.actor, **setup.choices())
    except Conflict as taken:
        return _refused(request, found, setup.with_taken_name(str(taken)))
    except ValidationError as refused:
        return _refused(request, found, setup.refused(refused))
    messages.success(request, _("“%(name)s” is yours. Look through it, then publish it.") % {"name": workflow.name})
    return redirect("build", workflow.pk)


def _refused(request: Request, found: Template, setup: Setup) -> HttpResponse:
    return render(request, "workflows/template.html", {"setup": setup, **_about(found)}, status=422)


def find(slug: str) -> Template:
    found = templates().get(slug)
    if found is None:
        raise Http404
    return found


def everything() -> list[Shown]:
    names = dict(_departments())
    return [Shown(one, names[one.department_slug]) for one in templates().values()]


def suggested(actor: Actor) -> list[Shown]:
    """A few templates for somebody who may build: those of the own departments first. One query at most."""
    mine = actor.departments(Verb.EDIT)
    if not mine:
        return []
    slugs = set(Department.objects.filter(pk__in=mine).values_list("slug", flat=True))
    dealt = _in_turn(everything())
    own = [one for one in dealt if _made_for(one) in slugs]
    return [*own, *(one for one in dealt if one not in own)][:SUGGESTED]


def spent(minutes: int) -> str:
    """75 → “1 h 15 min”."""
    hours, rest = divmod(minutes, 60)
    parts = [_("%(count)s h") % {"count": hours}] * bool(hours) + [_("%(count)s min") % {"count": rest}] * bool(rest)
    return " ".join(parts)


def data_classes() -> dict[str, str]:
    return {
        "public": _("public"),
        "internal": _("internal"),
        "confidential": _("confidential"),
        "personal": _("personal data"),
        "privileged": _("privileged"),
    }


def _departments() -> list[tuple[str, str]]:
    """Slug and name of the departments that the templates were made for."""
    known = {"marketing": _("Marketing"), "legal": _("Legal"), "communications": _("Communications")}
    slugs = dict.fromkeys(one.department_slug for one in templates().values())
    return [(slug, known.get(slug) or named(slug)) for slug in slugs]


def _in_turn(shown: Sequence[Shown]) -> list[Shown]:
    """The first of each department, then the second of each, and so on; `shown` is sorted by department."""
    rows = zip_longest(*(list(group) for _slug, group in groupby(shown, key=_made_for)))
    return [one for row in rows for one in row if one is not None]


def _made_for(shown: Shown) -> str:
    return shown.template.department_slug


def _fits(shown: Shown, wanted: str, department: str) -> bool:
    """Whether each word wanted begins a word of it: “nda” finds the NDA desk and no calendar."""
    if department and shown.template.department_slug != department:
        return False
    steps = " ".join(node.title for node in shown.template.definition.nodes())
    told = (shown.template.name, shown.template.about.summary, shown.template.definition.description, steps)
    text = " ".join((*told, shown.department, *shown.template.systems)).casefold()
    return all(re.search(rf"\b{re.escape(word)}", text) for word in wanted.casefold().split())


def _about(found: Template) -> dict[str, Any]:
    classes = data_classes()
    inputs = found.definition.inputs.items()
    return {
        "shown": next(one for one in everything() if one.template.slug == found.slug),
        "cards": cards_of(found.definition),
        "inputs": [Value(asked.title or named(name), asked, classes[asked.data_class]) for name, asked in inputs],
        "systems": found.systems,
    }


def _department(request: Request) -> Department:
    """The one chosen, among those the person knows of; whether it may be built in is the service's question."""
    rows = visible(Department.objects.all(), request.actor, path="pk")
    return get_object_or_404(rows, slug=request.POST.get("department", "")[:50])
