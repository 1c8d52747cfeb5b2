"""What the steps of a workflow have taken from a source, so that no later run is given it again."""

from __future__ import annotations

import uuid_utils.compat as uuid
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from workflows.models.ids import made_here


class Taken(models.Model):
    """One entry of a feed, for one step of a workflow. `run` and `path` say which step of which run was given it.

    Source and entry are kept as hashes: they may be long, and may name people.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    workflow = models.ForeignKey("workflows.Workflow", models.CASCADE, related_name="taken", db_index=False)
    step_id = models.CharField(max_length=60)
    source = models.CharField(max_length=64, help_text="SHA-256 of the source's name: a feed's address")
    key = models.CharField(max_length=64, help_text="SHA-256 of what the source calls the entry")
    run = models.ForeignKey("workflows.Run", models.SET_NULL, null=True, related_name="taken")
    path = models.CharField(max_length=400)
    taken_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("entry taken from a source")
        verbose_name_plural = _("entries taken from sources")
        ordering = ["-id"]
        constraints = [
            made_here("taken_id_made_here"),
            models.UniqueConstraint(fields=["workflow", "step_id", "source", "key"], name="taken_once"),
        ]

    def __str__(self) -> str:
        return f"{self.step_id} {self.key[:8]}"
