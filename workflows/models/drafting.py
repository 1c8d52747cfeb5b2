"""The history of a draft: one row per edit, undo and redo."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from workflows.models.ordered import OrderedJSONField


class DraftDeed(models.TextChoices):
    """How a draft came from one revision to the next."""

    EDIT = "edit", _("Edit")
    UNDO = "undo", _("Undo")
    REDO = "redo", _("Redo")


class DraftEdit(models.Model):
    """One change of a draft: who made it, what it did, and the draft before it.

    `edit` is data as `workflows.engine.edits.forms` lists it; of an undo it is the edit that was taken back. A whole
    draft that was sent stays in it as long as `before` is kept.
    """

    id = models.BigAutoField(primary_key=True)
    workflow = models.ForeignKey("workflows.Workflow", models.CASCADE, related_name="draft_edits", db_index=False)
    revision = models.PositiveIntegerField(help_text="the revision of the draft that it led to")
    deed = models.CharField(max_length=10, choices=DraftDeed, default=DraftDeed.EDIT)
    edit: models.JSONField[dict[str, Any]] = OrderedJSONField()
    said = models.CharField(_("what was changed"), max_length=300)
    before: models.JSONField[dict[str, Any] | None] = OrderedJSONField(
        null=True, help_text="the draft before it; only of the last ones"
    )
    undone = models.PositiveIntegerField(null=True, help_text="the revision of the undo that took it back")
    spent = models.BooleanField(default=False, help_text="undone, and no longer to be done again")
    by = models.CharField(_("who"), max_length=254)
    by_kind = models.CharField(max_length=20)
    by_id = models.CharField(max_length=40, blank=True)
    at = models.DateTimeField(_("when"), db_default=Now())

    class Meta:
        verbose_name = _("change of a draft")
        verbose_name_plural = _("changes of a draft")
        ordering = ["-revision"]
        constraints = [
            models.UniqueConstraint(fields=["workflow", "revision"], name="draft_edit_revision_once"),
            models.CheckConstraint(condition=models.Q(deed__in=DraftDeed.values), name="draft_edit_deed"),
        ]
        indexes = [
            models.Index(
                fields=["workflow"], condition=models.Q(undone__isnull=False, spent=False), name="draft_edit_to_redo"
            )
        ]

    def __str__(self) -> str:
        return f"{self.workflow_id} {self.revision}"
