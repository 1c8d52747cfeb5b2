"""What AI costs, and the models that a person's departments may use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from connectors.allowances import models_for, routes_for
from connectors.models import Breaker
from departments.access import visible
from departments.models import Department
from workflows.pages.page import Request, page, words
from workflows.runtime.paying import month_of
from workflows.services import costs as services

PERIODS = (3, 12, 24)
USUAL = 12


@page
@require_GET
def costs(request: Request) -> HttpResponse:
    """`?department=` a slug, `?months=` how many."""
    own = _own(request)
    chosen, shown, months = _asked(request, own)
    found = services.summed(services.parts_of(shown, months[0]), months)
    context = {
        "costs": found,
        "charts": _charts(found, several=len(shown) > 1),
        "departments": own,
        "chosen": chosen,
        "months": len(months),
        "periods": PERIODS,
        "query": request.GET.urlencode(),
    }
    return render(request, "workflows/costs/costs.html", context)


@page
@require_GET
def costs_csv(request: Request) -> HttpResponse:
    """The same as a table to take along."""
    _chosen, shown, months = _asked(request, _own(request))
    content = services.take_along(services.parts_of(shown, months[0]), shown, actor=request.actor)
    name = f"ai-costs-{months[0]:%Y-%m}-{months[-1]:%Y-%m}.csv"
    answer = HttpResponse(content, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@page
@require_GET
def models(request: Request) -> HttpResponse:
    """What each of the person's departments may use, at which prices, and how it is."""
    resting = {breaker.pk: breaker for breaker in Breaker.objects.filter(open_until__isnull=False)}
    rows = [
        (department, [(model, resting.get(model.pk)) for model in models_for(department.pk)], _routes(department))
        for department in _own(request)
    ]
    return render(request, "workflows/costs/models.html", {"rows": rows})


def _routes(department: Department) -> list[tuple[str, list[str]]]:
    routes = routes_for(department.pk).prefetch_related("stops__model")
    return [(route.name, [str(stop.model) for stop in route.stops.all()]) for route in routes]


def _asked(request: Request, own: list[Department]) -> tuple[Department | None, list[Department], list[Any]]:
    """(the one chosen, those shown, their months). Raises Http404 for another's department."""
    slug = words(request, "department")
    chosen = next((each for each in own if each.slug == slug), None)
    if slug and chosen is None:
        raise Http404
    given = words(request, "months")
    count = int(given) if given in map(str, PERIODS) else USUAL
    months = services.months_until(month_of(timezone.now()), count)
    return chosen, [chosen] if chosen else own, months


def _own(request: Request) -> list[Department]:
    return list(visible(Department.objects.order_by("name"), request.actor, path="pk"))


def _charts(found: services.Costs, *, several: bool) -> list[Mapping[str, Any]]:
    charts = [("departments", found.departments)] if several else []
    charts += [("workflows", found.workflows), ("models", found.models)]
    return [{"name": name, "lines": lines} for name, lines in charts]
