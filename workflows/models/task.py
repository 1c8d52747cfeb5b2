"""A question that a run asks a person."""

from __future__ import annotations

from typing import Any

import uuid_utils.compat as uuid
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from workflows.models.ids import made_here
from workflows.models.ordered import OrderedJSONField
from workflows.models.states import TaskKind, TaskStatus, held


class Task(models.Model):
    """Asked once, decided once: the decision is a guarded update from open to decided."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    department = models.ForeignKey("departments.Department", models.PROTECT, related_name="tasks")
    run = models.ForeignKey("workflows.Run", models.CASCADE, related_name="tasks")
    step = models.ForeignKey("workflows.StepRun", models.CASCADE, related_name="tasks")
    kind = models.CharField(_("kind"), max_length=20, choices=TaskKind.choices)
    status = models.CharField(_("status"), max_length=20, choices=TaskStatus.choices, default=TaskStatus.OPEN)
    question = models.CharField(_("question"), max_length=500)
    draft = models.TextField(_("draft"), blank=True)
    shown: models.JSONField[dict[str, Any]] = OrderedJSONField(_("facts"), default=dict)
    role = models.CharField(_("asked role"), max_length=20, default="approver")
    person = models.ForeignKey("departments.User", models.SET_NULL, null=True, blank=True, related_name="+")
    not_the_starter = models.BooleanField(default=False)
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    answer: models.JSONField[dict[str, Any] | None] = models.JSONField(null=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey("departments.User", models.SET_NULL, null=True, blank=True, related_name="+")
    decided_by_label = models.CharField(max_length=254, blank=True)

    class Meta:
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        ordering = ["due_at", "id"]
        constraints = [
            held("status", TaskStatus, "task_status"),
            held("kind", TaskKind, "task_kind"),
            made_here("task_id_made_here"),
            models.UniqueConstraint(fields=["step"], name="task_open_once", condition=Q(status="open")),
        ]
        indexes = [models.Index(fields=["department", "due_at"], name="task_open", condition=Q(status="open"))]

    def __str__(self) -> str:
        return self.question

    @property
    def ledger_label(self) -> str:
        return self.run.ledger_label
