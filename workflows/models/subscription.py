"""Whom Tandem tells what happens here, and each thing that is to be told.

A delivery is written by the database itself, in the transaction of what it tells of (`tell_subscriptions` in the
migrations): no way in which a run or a task changes can forget it, and a run costs no statement more.
"""

from __future__ import annotations

from typing import Any

import uuid_utils.compat as uuid
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from connectors.models import Health, Secret
from departments.models import Department
from workflows.models.ids import made_here
from workflows.models.states import held
from workflows.models.workflow import Workflow


class Happening(models.TextChoices):
    """What can be told. Tests are never told, nor are runs inside other runs; their tasks are."""

    RUN_STARTED = "run.started", _("A run starts")
    RUN_SUCCEEDED = "run.succeeded", _("A run succeeds")
    RUN_FAILED = "run.failed", _("A run fails")
    RUN_CANCELLED = "run.cancelled", _("A run is cancelled")
    RUN_RESUMED = "run.resumed", _("A run that was over goes on")
    TASK_OPENED = "task.opened", _("A person is asked")
    TASK_DECIDED = "task.decided", _("A task is decided")
    TASK_EXPIRED = "task.expired", _("The time of a task is over")
    TASK_CANCELLED = "task.cancelled", _("A task is no longer needed")


TEST = "tandem.test"
"""The type of the event that somebody sends to see whether it arrives."""


class DeliveryStatus(models.TextChoices):
    WAITING = "waiting", _("on its way")
    SENT = "sent", _("arrived")
    GIVEN_UP = "given_up", _("given up")

    @property
    def tone(self) -> str:
        return {"waiting": "wait", "sent": "ok", "given_up": "bad"}[self.value]


class Subscription(models.Model):
    """An address of another system that is told what happens in a department, or in one workflow of it.

    Only who holds `busy_until` sends; a result counts only while it is still the same. Before `rest_until` nothing is
    sent: the other side has failed, or asked for it. `secret` is what each message is signed with.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    department = models.ForeignKey(Department, models.CASCADE, related_name="+")
    workflow = models.ForeignKey(Workflow, models.CASCADE, null=True, blank=True, related_name="+")
    title = models.CharField(_("title"), max_length=120)
    address = models.CharField(_("address"), max_length=2_000)
    events: models.JSONField[list[str]] = models.JSONField(default=list)
    enabled = models.BooleanField(_("on"), default=True)
    owner = models.ForeignKey("departments.User", models.SET_NULL, null=True, blank=True, related_name="+")
    secret = models.OneToOneField(Secret, models.PROTECT, related_name="+")
    renewed_at = models.DateTimeField(_("secret renewed"), null=True, blank=True)
    busy_until = models.DateTimeField(null=True, blank=True)
    rest_until = models.DateTimeField(null=True, blank=True)
    health = models.CharField(_("health"), max_length=10, choices=Health.choices, default=Health.UNKNOWN)
    health_said = models.TextField(blank=True)
    failed_times = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    told_at = models.DateTimeField(_("owner told"), null=True, blank=True)
    last_sent_at = models.DateTimeField(_("last arrived"), null=True, blank=True)
    made_by = models.CharField(_("set up by"), max_length=254)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    removed_at = models.DateTimeField(_("removed"), null=True, blank=True)

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        ordering = ["created_at"]
        constraints = [made_here("subscription_id_made_here")]
        indexes = [
            models.Index(
                fields=["department"], name="subscription_live", condition=Q(enabled=True, removed_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def ledger_label(self) -> str:
        return "subscription"


class Delivery(models.Model):
    """One event for one subscription. Its id is the `webhook-id`, the same in each try: who gets it twice can tell.

    `since` is when trying began, anew when somebody has it sent again. `data` is the event without its links.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="deliveries", db_index=False)
    type = models.CharField(_("event"), max_length=40)
    at = models.DateTimeField(_("happened"), db_default=Now())
    data: models.JSONField[dict[str, Any]] = models.JSONField(default=dict)
    run_id = models.UUIDField(_("run"), null=True, blank=True)
    status = models.CharField(
        _("status"),
        max_length=10,
        choices=DeliveryStatus.choices,
        default=DeliveryStatus.WAITING,
        db_default=DeliveryStatus.WAITING,
    )
    tries = models.PositiveSmallIntegerField(_("tries"), default=0, db_default=0)
    since = models.DateTimeField(db_default=Now())
    next_at = models.DateTimeField(_("next try"), null=True, blank=True, db_default=Now())
    said = models.CharField(max_length=500, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["-id"]
        constraints = [held("status", DeliveryStatus, "delivery_status"), made_here("delivery_id_made_here")]
        indexes = [
            models.Index(fields=["subscription", "-id"], name="deliveries_latest"),
            models.Index(fields=["subscription", "next_at"], name="delivery_due", condition=Q(status="waiting")),
        ]

    def __str__(self) -> str:
        return self.type

    @property
    def tone(self) -> str:
        return DeliveryStatus(self.status).tone


class DeliveryTry(models.Model):
    """What came of sending a delivery once: the answer's status and first characters, or why there was none."""

    id = models.BigAutoField(primary_key=True)
    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="tried")
    at = models.DateTimeField(_("tried"), db_default=Now())
    code = models.PositiveSmallIntegerField(_("answer"), null=True, blank=True)
    took_ms = models.PositiveIntegerField(_("took"), default=0)
    answer = models.CharField(max_length=300, blank=True)
    problem = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name = _("try of a delivery")
        verbose_name_plural = _("tries of deliveries")
        ordering = ["id"]

    def __str__(self) -> str:
        return str(self.code or self.problem)
