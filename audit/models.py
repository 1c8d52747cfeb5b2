"""The ledger: who did or decided what. Rows are only added; the database refuses everything else (migration 0002)."""

from __future__ import annotations

from typing import Any

import uuid_utils.compat as uuid
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Entry(models.Model):
    """One deed. Actor, department and object are also kept as text, so that the row outlives what it speaks of."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    at = models.DateTimeField(db_default=Now(), editable=False)
    department = models.CharField(
        max_length=60, blank=True, help_text=_("slug of the department, empty for the server")
    )
    actor_kind = models.CharField(max_length=20)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_label = models.CharField(max_length=254)
    verb = models.CharField(max_length=60)
    object_kind = models.CharField(max_length=60, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object_label = models.CharField(max_length=254, blank=True)
    run_id = models.UUIDField(null=True, blank=True)
    detail: models.JSONField[dict[str, Any]] = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["department", "-id"], name="ledger_department"),
            models.Index(fields=["run_id"], name="ledger_run", condition=models.Q(run_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.actor_label} {self.verb} {self.object_label}".strip()
