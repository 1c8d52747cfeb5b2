"""What makes a repeated request harmless: its key, and the answer that was given to it."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class IdempotencyKey(models.Model):
    """One request of one actor that was answered, kept for limits.KEYS_KEPT (rule S19).

    `route` is the method and the path; `fingerprint` is an HMAC of the body; `body` is the answer as it was sent.
    """

    key = models.CharField(_("key"), max_length=255)
    actor = models.CharField(_("actor"), max_length=90, help_text="kind:id")
    route = models.CharField(_("route"), max_length=200)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    body = models.TextField(blank=True, default="")
    headers: models.JSONField[dict[str, Any]] = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["key", "actor", "route"], name="idempotency_key_once")]
        indexes = [models.Index(fields=["created_at"], name="idempotency_key_age")]

    def __str__(self) -> str:
        return self.key
