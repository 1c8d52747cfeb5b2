"""A question to the owner of a budget: it runs low, may the work go on?"""

from __future__ import annotations

import uuid_utils.compat as uuid
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from workflows.models.ids import made_here
from workflows.models.states import held


class BudgetAnswer(models.TextChoices):
    RAISE = "raise", _("raise it")
    LEAVE = "leave", _("leave it as it is")
    STOP = "stop", _("stop for now")


class QuestionStatus(models.TextChoices):
    OPEN = "open", _("Open")
    ANSWERED = "answered", _("Answered")
    OVERTAKEN = "overtaken", _("Overtaken")  # the budget was changed or stopped otherwise, or its month has ended


class BudgetQuestion(models.Model):
    """Asked once for a month and soft limit, and answered once. At `next_at` the clock reminds of it, or ends it.

    What was spent, put aside and foreseen is as it was when the question was asked.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    department = models.ForeignKey("departments.Department", models.PROTECT, related_name="+")
    budget = models.ForeignKey("workflows.Budget", models.CASCADE, related_name="questions")
    month = models.DateField(_("month"))
    soft_usd = models.DecimalField(_("asked from"), max_digits=12, decimal_places=2)
    month_usd = models.DecimalField(_("most for the month"), max_digits=12, decimal_places=2, null=True)
    spent_usd = models.DecimalField(_("spent"), max_digits=14, decimal_places=6)
    reserved_usd = models.DecimalField(_("put aside"), max_digits=14, decimal_places=6)
    foreseen_usd = models.DecimalField(_("foreseen for the month"), max_digits=14, decimal_places=2)
    status = models.CharField(_("status"), max_length=20, choices=QuestionStatus.choices, default=QuestionStatus.OPEN)
    asked_at = models.DateTimeField(_("asked"), db_default=Now(), editable=False)
    reminded_at = models.DateTimeField(_("reminded"), null=True)
    next_at = models.DateTimeField(null=True)
    answer = models.CharField(_("answer"), max_length=20, choices=BudgetAnswer.choices, blank=True)
    raised_to_usd = models.DecimalField(_("raised to"), max_digits=12, decimal_places=2, null=True)
    answered_by = models.CharField(_("answered by"), max_length=254, blank=True)
    answered_at = models.DateTimeField(_("answered"), null=True)

    class Meta:
        verbose_name = _("question about a budget")
        verbose_name_plural = _("questions about budgets")
        ordering = ["-id"]
        constraints = [
            held("status", QuestionStatus, "budget_question_status"),
            made_here("budget_question_id_made_here"),
            models.UniqueConstraint(fields=["budget", "month", "soft_usd"], name="budget_asked_once"),
        ]
        indexes = [
            models.Index(fields=["department"], name="budget_question_open", condition=Q(status="open")),
            models.Index(fields=["next_at"], name="budget_question_next", condition=Q(next_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.budget} {self.month:%Y-%m}"
