"""The page on which the owner of a budget says what is to become of it."""

from __future__ import annotations

from decimal import ROUND_UP, Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from workflows.models import BudgetAnswer, BudgetQuestion, QuestionStatus
from workflows.pages.page import Request, page
from workflows.pages.workflows import sentences
from workflows.runtime.budget_owners import CENT, foreseen
from workflows.services import budget_questions as services

DONE: dict[str, Any] = {
    BudgetAnswer.RAISE: gettext_lazy("The limit is raised, and who waited for it goes on."),
    BudgetAnswer.LEAVE: gettext_lazy("It stays as it is."),
    BudgetAnswer.STOP: gettext_lazy("Stopped. Runs that would ask an AI wait, and nothing is lost."),
}


@page
@require_GET
def budget_question(request: Request, pk: UUID) -> HttpResponse:
    return _page(request, _find(request, pk))


@page
@require_POST
def answer(request: Request, pk: UUID) -> HttpResponse:
    question, given = _find(request, pk), request.POST.get("answer", "")
    try:
        if given not in BudgetAnswer.values:
            raise ValidationError({"answer": _("Choose one of the three.")})
        to_usd = _amount(request.POST.get("to_usd", "")) if given == BudgetAnswer.RAISE else None
        services.answer_question(question, BudgetAnswer(given), to_usd=to_usd, actor=request.actor)
    except ValidationError as refused:
        return _page(request, question, sentences(refused), status=422)
    messages.success(request, DONE[given])
    return redirect("budget_question", question.pk)


def _page(request: Request, asked: BudgetQuestion, wrong: Any = None, status: int = 200) -> HttpResponse:
    is_open = asked.status == QuestionStatus.OPEN
    spent, reserved = services.used_now(asked)
    to_come, limit = foreseen(spent + reserved, asked.month, timezone.now()), services.limit_now(asked.budget)
    context = {
        "question": asked,
        "wrong": wrong or {},
        "spent": spent,
        "reserved": reserved,
        "foreseen": to_come if is_open else asked.foreseen_usd,
        "may_answer": is_open and services.may_answer(asked, request.actor),
        "limit": limit,
        "to_usd": request.POST.get("to_usd") or f"{suggested(to_come, limit):.2f}",
    }
    return render(request, "workflows/costs/question.html", context, status=status)


def suggested(to_come: Decimal, limit: Decimal) -> Decimal:
    """What the month will need, and a fifth more than now at least, as a number of two digits that one says."""
    needed = max(to_come, limit * Decimal("1.2"), CENT)
    return needed.quantize(Decimal(1).scaleb(max(needed.adjusted() - 1, -2)), ROUND_UP)


def _find(request: Request, pk: UUID) -> BudgetQuestion:
    return get_object_or_404(services.questions_seen(request.actor), pk=pk)


def _amount(written: str) -> Decimal:
    try:
        return Decimal(written.strip())
    except InvalidOperation:
        raise ValidationError({"to_usd": _("Write an amount such as 250 or 99.50.")}) from None
