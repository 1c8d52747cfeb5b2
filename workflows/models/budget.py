"""How much a department, or one of its workflows, may spend on AI models."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import uuid_utils.compat as uuid
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


def _money(label: Any, help_text: Any = "") -> models.DecimalField[Decimal | None, Decimal | None]:
    return models.DecimalField(
        label,
        max_digits=12,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=help_text,
    )


class Budget(models.Model):
    """Of a department, or of one of its workflows. What is empty is without limit; months are those of UTC.

    `soft_told` and `hard_told` are the months in which the owner was told, so that nobody is told twice.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    department = models.ForeignKey("departments.Department", models.CASCADE, related_name="budgets")
    workflow = models.ForeignKey("workflows.Workflow", models.CASCADE, null=True, blank=True, related_name="+")
    month_usd = _money(_("most for a month, in US dollars"), _("Then runs wait until it is raised, or the month ends."))
    soft_usd = _money(_("ask the owner from, in US dollars"), _("The owner says whether it goes on or stops."))
    run_usd = _money(_("most for one run, in US dollars"))
    calls_per_run = models.PositiveIntegerField(_("most questions of one run"), null=True, blank=True)
    calls_per_step = models.PositiveIntegerField(_("most questions of one step"), null=True, blank=True)
    calls_per_hour = models.PositiveIntegerField(_("most questions in an hour"), null=True, blank=True)
    owner = models.ForeignKey(
        "departments.User",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("owner"),
        help_text=_("Who is asked when it runs low; without one, the managers."),
    )
    stopped_by = models.CharField(_("stopped by"), max_length=254, blank=True, editable=False)
    stopped_at = models.DateTimeField(_("stopped"), null=True, blank=True, editable=False)
    soft_told = models.DateField(null=True, blank=True, editable=False)
    hard_told = models.DateField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("budget")
        verbose_name_plural = _("budgets")
        ordering = ["department", "workflow"]
        constraints = [
            models.UniqueConstraint(fields=["department", "workflow"], name="budget_once", nulls_distinct=False),
            models.CheckConstraint(
                condition=Q(soft_usd=None) | Q(month_usd=None) | Q(soft_usd__lte=F("month_usd")),
                name="budget_soft_first",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.workflow or self.department}"

    @property
    def ledger_label(self) -> str:
        return str(self)
