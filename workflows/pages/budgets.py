"""Budgets on pages: how far they are used, setting them, stopping them and letting them go on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from connectors.forms import Choice, Field, Form, read
from departments.access import may_manage, visible
from departments.models import Department, User
from workflows.models import Budget, BudgetQuestion, Workflow
from workflows.pages.page import Request, identifier, page
from workflows.pages.workflows import sentences
from workflows.runtime.paying import month_of
from workflows.services import budgets as services

FOR_WORKFLOW = "workflow:"
SHOWN_QUESTIONS = 6
MONEY = ("month_usd", "soft_usd", "run_usd")


@dataclass(frozen=True, slots=True)
class Use:
    """A budget and how far it is used this month. `share` is in percent of the most for a month."""

    budget: Budget
    spent_usd: Decimal
    reserved_usd: Decimal
    calls: int
    waiting: int
    may_say: bool
    may_set: bool

    @property
    def share(self) -> float | None:
        most = self.budget.month_usd
        return None if not most else min(100.0, round(float((self.spent_usd + self.reserved_usd) / most * 100), 1))

    @property
    def tone(self) -> str:
        soft, hard = self.budget.soft_usd, self.budget.month_usd
        used = self.spent_usd + self.reserved_usd
        if self.budget.stopped_at or (hard is not None and used >= hard):
            return "bad"
        return "wait" if soft is not None and used >= soft else "ok"


@page
@require_GET
def budgets(request: Request) -> HttpResponse:
    rows = _uses(request, services.budgets_of(request.actor, _month()))
    return render(request, "workflows/costs/budgets.html", {"rows": rows, "may_set": bool(_managed(request))})


@page
@require_http_methods(["GET", "HEAD", "POST"])
def budget_new(request: Request) -> HttpResponse:
    if not _managed(request):
        raise PermissionDenied(_("Your role does not let you set budgets. A manager of your department can."))
    form = Form((_scope_field(request), *_fields(None, _managed(request))))
    return _answer(request, form, None)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def budget(request: Request, pk: UUID) -> HttpResponse:
    """One budget: its use for members, its form for who may set it."""
    shown = _find(request, pk)
    return _answer(request, Form(tuple(_fields(shown, [shown.department]))), shown)


@page
@require_POST
def stop(request: Request, pk: UUID) -> HttpResponse:
    services.stop_budget(shown := _find(request, pk), actor=request.actor)
    messages.success(request, _("Stopped. Runs that would ask an AI wait, and nothing is lost."))
    return redirect("budget", shown.pk)


@page
@require_POST
def go_on(request: Request, pk: UUID) -> HttpResponse:
    woken = services.let_go_on(shown := _find(request, pk), actor=request.actor)
    said = ngettext("It goes on: %(count)d step asks again.", "It goes on: %(count)d steps ask again.", woken)
    messages.success(request, said % {"count": woken})
    return redirect("budget", shown.pk)


@page
@require_POST
def remove(request: Request, pk: UUID) -> HttpResponse:
    services.remove_budget(_find(request, pk), actor=request.actor)
    messages.success(request, _("The budget was removed: there is no limit now."))
    return redirect("budgets")


def _answer(request: Request, form: Form, shown: Budget | None) -> HttpResponse:
    if request.method != "POST":
        return _page(request, form, shown)
    if shown is not None and not may_manage(request.actor, shown.department):
        raise PermissionDenied(_("Your role does not let you set budgets. A manager of your department can."))
    filled = read(form, request.POST)
    if not filled.form.is_good:
        return _page(request, filled.form, shown, status=422)
    try:
        made = _set(request, filled.values, shown)
    except ValidationError as refused:
        return _page(request, filled.form.with_errors(sentences(refused)), shown, status=422)
    messages.success(request, _("The budget is set."))
    return redirect("budget", made.pk)


def _set(request: Request, given: Mapping[str, Any], shown: Budget | None) -> Budget:
    if shown is not None:
        department, workflow = shown.department, shown.workflow
    else:
        department, workflow = _scope(request, str(given["scope"]))
        if Budget.objects.filter(department=department, workflow=workflow).exists():
            raise ValidationError({"scope": _("There is a budget for this already. Change that one.")})
    limits = {name: _number(name, given[name]) for name in services.LIMITS if given.get(name) is not None}
    owner = User.objects.filter(pk__in=[identifier(str(given.get("owner", "")))]).first()
    return services.set_budget(department, workflow, limits=limits, owner=owner, actor=request.actor)


def _number(name: str, value: Any) -> Decimal | int:
    if name in MONEY:
        return Decimal(str(value)).quantize(Decimal("0.01"))
    if int(value) != value or value < 0 or value > 1_000_000_000:
        raise ValidationError({name: _("Write a whole number from 0 on.")})
    return int(value)


def _page(request: Request, form: Form, shown: Budget | None, status: int = 200) -> HttpResponse:
    may_set = shown is None or may_manage(request.actor, shown.department)
    context = {
        "form": form if may_set else None,
        "use": _uses(request, [shown])[0] if shown else None,
        "questions": BudgetQuestion.objects.filter(budget=shown).order_by("-pk")[:SHOWN_QUESTIONS] if shown else (),
    }
    return render(request, "workflows/costs/budget.html", context, status=status)


def _find(request: Request, pk: UUID) -> Budget:
    return get_object_or_404(services.budgets_of(request.actor, _month()), pk=pk)


def _uses(request: Request, budgets: Iterable[Budget]) -> list[Use]:
    """One query more, however many there are."""
    shown = list(budgets)
    waiting = services.waiting_of(shown)
    return [_use(request, budget, waiting[budget.pk]) for budget in shown]


def _use(request: Request, budget: Budget, waiting: int) -> Use:
    spent, reserved, calls = services.used_of(budget)
    may_say, may_set = services.may_say(budget, request.actor), may_manage(request.actor, budget.department)
    return Use(budget, spent, reserved, calls, waiting, may_say, may_set)


def _month() -> date:
    return month_of(timezone.now())


# ── the form ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _fields(budget: Budget | None, departments: list[Department]) -> list[Field]:
    fields = [_limit_field(name, budget) for name in services.LIMITS]
    people = User.objects.filter(is_active=True, memberships__department__in=departments).distinct().order_by("name")
    owners = tuple(Choice(str(person.pk), str(person)) for person in people[:500])
    why = _("Is asked when it runs low, and may stop it. Without one the managers are.")
    value = str(budget.owner_id or "") if budget else ""
    owner = Field("owner", _("Owner"), "choice", why, choices=owners, value=value, nothing=_("The managers"))
    return [*fields, owner]


def _limit_field(name: str, budget: Budget | None) -> Field:
    asked: Any = Budget._meta.get_field(name)
    value = getattr(budget, name) if budget else None
    label, help_text = str(asked.verbose_name), str(asked.help_text)
    return Field(
        name,
        label[0].upper() + label[1:],
        "number",
        help_text,
        advanced=name.startswith("calls_"),
        value="" if value is None else str(value),
    )


def _scope_field(request: Request) -> Field:
    choices = [Choice(str(each.pk), _("All of %(name)s") % {"name": each}) for each in _managed(request)]
    rows = Workflow.objects.filter(department__in=_managed(request), archived_at=None).order_by("name")
    for pk, name in rows.values_list("pk", "name")[:500]:
        choices.append(Choice(f"{FOR_WORKFLOW}{pk}", _("Workflow “%(name)s”") % {"name": name}))
    return Field("scope", _("For what"), "choice", required=True, choices=tuple(choices))


def _scope(request: Request, chosen: str) -> tuple[Department, Workflow | None]:
    """What one of the choices means. Raises Http404 for anything else."""
    if chosen.startswith(FOR_WORKFLOW):
        rows = visible(Workflow.objects.select_related("department"), request.actor)
        workflow = get_object_or_404(rows, pk=identifier(chosen.removeprefix(FOR_WORKFLOW)))
        return workflow.department, workflow
    known = visible(Department.objects.all(), request.actor, path="pk")
    return get_object_or_404(known, pk=identifier(chosen)), None


def _managed(request: Request) -> list[Department]:
    own = visible(Department.objects.order_by("name"), request.actor, path="pk")
    return [each for each in own if may_manage(request.actor, each)]
