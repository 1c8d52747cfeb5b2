"""The ledger's page: auditors read all of it, managers what happened in their departments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render, resolve_url
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRedirect

from audit import exporting
from audit.models import Entry
from audit.reading import IN_ADMINISTRATION, SERVER, Page, Question, find
from audit.sentences import SENTENCES, facts, sentence, verb_title
from audit.services import record
from audit.standing import standing
from departments.access import Actor, Verb, visible
from departments.middleware import actor_of
from departments.models import Department

# Days far outside have no midnight in every time zone.
MOST_EXPORTED = 20_000
"""Entries in one file; the whole ledger is exported by a command (docs/ledger.md)."""

DAYS = [MinValueValidator(date(2000, 1, 1)), MaxValueValidator(date(2200, 1, 1))]


@never_cache
@require_safe
def ledger(request: HttpRequest) -> HttpResponse:
    """Full page, or only its entries for htmx."""
    if not request.user.is_authenticated:
        return _sign_in(request)
    actor, departments = _readers(request)
    form = LedgerForm(request.GET or None, departments=departments, is_auditor=actor.is_auditor)
    page = find(form.question(), _slugs(actor, departments))
    wants_fragment = request.htmx and not request.htmx.history_restore_request  # type: ignore[attr-defined]
    template = "audit/_entries.html" if wants_fragment else "audit/ledger.html"
    context = {"form": form, "lines": _lines(page, departments, actor), "older": _older(page, request.GET)}
    context |= {"asked": _kept(request.GET), "standing": None if wants_fragment else standing()}
    context["may_see_all"] = actor.is_auditor  # what is wrong may be in another department
    return render(request, template, context, status=422 if form.errors else 200)


@never_cache
@require_safe
def export(request: HttpRequest, form: str) -> HttpResponse:
    """What is found, as a file: lines of JSON (`jsonl`) or a table (`csv`). The ledger says that it was taken along."""
    if not request.user.is_authenticated:
        return _sign_in(request)
    actor, departments = _readers(request)
    asked = LedgerForm(request.GET or None, departments=departments, is_auditor=actor.is_auditor)
    question = asked.question()
    if asked.errors:
        raise Http404
    entries = find(question, _slugs(actor, departments), MOST_EXPORTED).entries
    if form == "csv":
        content, kind = exporting.table(entries), "text/csv; charset=utf-8"
    else:
        content, kind = "".join(f"{line}\n" for line in exporting.lines(entries)), "application/jsonl"
    with transaction.atomic():
        where = question.department if question.department not in ("", SERVER) else ""
        record("ledger.exported", actor=actor, department=where, entries=len(entries), form=form)
    disposition = content_disposition_header(True, f"ledger.{form}")
    return HttpResponse(content, content_type=kind, headers={"Content-Disposition": disposition or ""})


def _readers(request: HttpRequest) -> tuple[Actor, list[Department]]:
    """Who asks, and the departments whose entries they may read. Raises PermissionDenied."""
    actor = actor_of(request)
    departments = list(visible(Department.objects.all(), actor, verb=Verb.AUDIT, path="pk"))
    if not departments and not actor.is_auditor:
        raise PermissionDenied(_("The ledger is read by auditors, and by managers for their own departments."))
    return actor, departments


def _slugs(actor: Actor, departments: list[Department]) -> list[str] | None:
    return None if actor.is_auditor else [department.slug for department in departments]


@dataclass(frozen=True, slots=True)
class Line:
    """One entry as it is read; `run_id` is there when the reader may open the run, which an auditor may not."""

    entry: Entry
    sentence: str
    facts: dict[str, str]
    department: str
    run_id: UUID | None


class LedgerForm(forms.Form):
    """What to look for, from the address of the page."""

    text = forms.CharField(label=gettext_lazy("Search"), required=False, max_length=100)
    department = forms.ChoiceField(label=gettext_lazy("Department"), required=False)
    person = forms.CharField(label=gettext_lazy("Person or token"), required=False, max_length=100)
    verb = forms.ChoiceField(label=gettext_lazy("What was done"), required=False)
    since = forms.DateField(label=gettext_lazy("From"), required=False, validators=DAYS)
    until = forms.DateField(label=gettext_lazy("To"), required=False, validators=DAYS)
    before = forms.UUIDField(required=False)

    def __init__(self, *args: Any, departments: list[Department], is_auditor: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        whole_server = [(SERVER, _("The server itself"))] if is_auditor else []
        names = [(department.slug, department.name) for department in departments]
        verbs = [(verb, verb_title(verb)) for verb in SENTENCES]
        self._offer("department", [("", _("All")), *names, *whole_server])
        self._offer("verb", [("", _("Everything")), *verbs, (IN_ADMINISTRATION, _("In the administration"))])

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        cast(forms.ChoiceField, self.fields[name]).choices = choices

    def question(self) -> Question:
        """What is wrong is left out of the question and named on the page."""
        given = self.cleaned_data if self.is_bound and self.errors is not None else {}
        return Question(**{name: value for name, value in given.items() if value})


def _sign_in(request: HttpRequest) -> HttpResponse:
    """A fragment that was asked for after the session ended takes the whole page to the sign-in."""
    asked = redirect_to_login(request.get_full_path(), resolve_url(settings.LOGIN_URL))
    return HttpResponseClientRedirect(asked.url) if request.htmx else asked  # type: ignore[attr-defined]


def _lines(page: Page, departments: list[Department], actor: Actor) -> list[Line]:
    shown = {department.slug: department for department in departments}
    return [_line(entry, shown.get(entry.department), actor) for entry in page.entries]


def _line(entry: Entry, department: Department | None, actor: Actor) -> Line:
    opens = department is not None and actor.may(Verb.VIEW, department.pk)
    return Line(
        entry=entry,
        sentence=sentence(entry),
        facts=facts(entry),
        department=department.name if department else entry.department,
        run_id=entry.run_id if opens else None,
    )


def _older(page: Page, asked: QueryDict) -> str:
    """Query string of the next page."""
    if page.older is None:
        return ""
    joint = "&" if (kept := _kept(asked)) else ""
    return f"{kept}{joint}{urlencode({'before': page.older})}"


def _kept(asked: QueryDict) -> str:
    """What was looked for, as a query string."""
    return urlencode({name: value for name, value in asked.items() if value and name != "before"})
