"""What calls of AI models cost: each call, how much of the budgets is spent and reserved, and the sums for people.

Workflows, runs and steps live on a higher floor: they stand here by their ids alone.
"""

from __future__ import annotations

import uuid_utils.compat as uuid
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from connectors.ai import AiModel


class CallStatus(models.TextChoices):
    RESERVED = "reserved", _("under way")  # the money is put aside, the call is being made
    SETTLED = "settled", _("settled")
    UNKNOWN = "unknown", _("outcome unknown")  # it may have to be paid: the money stays put aside


class Went(models.TextChoices):
    """How the provider did; `CLIENT` says nothing about its health (rule L4)."""

    OK = "ok", _("answered")
    FAULT = "fault", _("failed")
    CLIENT = "client", _("refused the question")


class ModelCall(models.Model):
    """One call of a model: reserved before it is made, settled after (rule L7). No row, no call."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    department = models.ForeignKey("departments.Department", models.PROTECT, related_name="+", db_index=False)
    workflow_id = models.UUIDField()
    run_id = models.UUIDField(_("run"))
    step_id = models.UUIDField()
    month = models.DateField(_("month"))
    provider = models.CharField(_("provider"), max_length=80)
    model = models.CharField(_("model"), max_length=120)
    model_row = models.UUIDField(null=True)
    at = models.DateTimeField(_("asked"), db_default=Now())
    is_extra = models.BooleanField(_("a repeat"), default=False)
    status = models.CharField(_("status"), max_length=10, choices=CallStatus.choices, default=CallStatus.RESERVED)
    reserved_usd = models.DecimalField(_("put aside"), max_digits=14, decimal_places=6)
    cost_usd = models.DecimalField(_("cost"), max_digits=14, decimal_places=6, default=0)
    tokens_in = models.PositiveIntegerField(default=0)
    tokens_out = models.PositiveIntegerField(default=0)
    estimated = models.BooleanField(_("estimated"), default=False)
    went = models.CharField(_("went"), max_length=10, choices=Went.choices, blank=True)
    error = models.CharField(_("error"), max_length=40, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("call of a model")
        verbose_name_plural = _("calls of models")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=CallStatus.values), name="model_call_status"),
        ]
        indexes = [
            models.Index(fields=["provider", "at"], name="model_call_repeats"),
            models.Index(fields=["model_row", "ended_at"], name="model_call_health", condition=~Q(went="")),
            models.Index(fields=["step_id"], name="model_call_step"),
            models.Index(fields=["at"], name="model_call_open", condition=~Q(status="settled")),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.at:%Y-%m-%d %H:%M}"


class Spending(models.Model):
    """How much one subject (a department, a workflow, a run) has spent and put aside in one month.

    Changed by the guarded statements of models_gateway.purse alone, so that no budget is ever exceeded. A run has one
    row for its whole life, of the month `ALWAYS`.
    """

    id = models.BigAutoField(primary_key=True)
    department = models.ForeignKey("departments.Department", models.PROTECT, related_name="+")
    subject = models.UUIDField(_("of what"))
    month = models.DateField(_("month"))
    spent_usd = models.DecimalField(_("spent"), max_digits=14, decimal_places=6, default=0)
    reserved_usd = models.DecimalField(_("put aside"), max_digits=14, decimal_places=6, default=0)
    calls = models.PositiveIntegerField(_("calls"), default=0)
    hour = models.DateTimeField(null=True)
    hour_calls = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("spending")
        verbose_name_plural = _("spendings")
        ordering = ["-month", "subject"]
        constraints = [models.UniqueConstraint(fields=["subject", "month"], name="spending_once")]

    def __str__(self) -> str:
        return f"{self.subject} {self.month:%Y-%m}"


class Cost(models.Model):
    """What one workflow has spent on one model in one month: what the pages of costs are made of."""

    id = models.BigAutoField(primary_key=True)
    department = models.ForeignKey("departments.Department", models.PROTECT, related_name="+", db_index=False)
    workflow_id = models.UUIDField()
    month = models.DateField(_("month"))
    provider = models.CharField(_("provider"), max_length=80)
    model = models.CharField(_("model"), max_length=120)
    calls = models.PositiveIntegerField(_("calls"), default=0)
    estimated_calls = models.PositiveIntegerField(_("of them estimated"), default=0)
    tokens_in = models.BigIntegerField(_("tokens in"), default=0)
    tokens_out = models.BigIntegerField(_("tokens out"), default=0)
    cost_usd = models.DecimalField(_("cost"), max_digits=14, decimal_places=6, default=0)

    class Meta:
        verbose_name = _("cost of models")
        verbose_name_plural = _("costs of models")
        ordering = ["-month", "department"]
        constraints = [
            models.UniqueConstraint(
                fields=["department", "month", "workflow_id", "provider", "model"], name="cost_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.month:%Y-%m}"


class Breaker(models.Model):
    """A model at one address that failed again and again is not asked for a while (rule L4).

    Open while `open_until` says something. From then on one probe at a time is let through, each until `probe_until`.
    """

    model = models.OneToOneField(AiModel, models.CASCADE, primary_key=True, related_name="breaker")
    base_url = models.CharField(_("address"), max_length=300, blank=True)
    opened_at = models.DateTimeField(_("opened"))
    open_until = models.DateTimeField(_("asked again at"), null=True)
    probe_until = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(_("closed"), null=True)
    failures = models.PositiveIntegerField(_("failures"), default=0)
    calls = models.PositiveIntegerField(_("of calls"), default=0)
    said = models.CharField(_("said last"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("breaker")
        verbose_name_plural = _("breakers")
        ordering = ["-opened_at"]

    def __str__(self) -> str:
        return str(self.model)
