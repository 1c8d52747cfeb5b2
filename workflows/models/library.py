"""The department's library: steps, sequences and prompts that are kept to be used again."""

from __future__ import annotations

from typing import Any

import uuid_utils.compat as uuid
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from workflows.models.ids import made_here
from workflows.models.ordered import OrderedJSONField
from workflows.models.states import held


class SavedKind(models.TextChoices):
    """What is kept."""

    STEP = "step", _("Step")
    SEQUENCE = "sequence", _("Sequence")
    PROMPT = "prompt", _("Prompt")

    @property
    def icon(self) -> str:
        return {"step": "square", "sequence": "list-details", "prompt": "message-2"}[self.value]


class SavedStep(models.Model):
    """A configured step, a sequence of steps or a prompt of one department. Workflows hold copies that name a version.

    `newest` is the number of its newest version; `note` says what it is for.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    department = models.ForeignKey("departments.Department", models.PROTECT, related_name="saved_steps")
    kind = models.CharField(_("kind"), max_length=10, choices=SavedKind.choices)
    slug = models.SlugField(_("short name"), max_length=60)
    title = models.CharField(_("title"), max_length=120)
    note = models.TextField(_("what it is for"), max_length=1_000, blank=True)
    newest = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    changed_at = models.DateTimeField(db_default=Now())
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("saved step")
        verbose_name_plural = _("saved steps")
        ordering = ["title"]
        constraints = [
            models.UniqueConstraint(fields=["department", "slug"], name="saved_step_slug_once"),
            held("kind", SavedKind, "saved_step_kind"),
            made_here("savedstep_id_made_here"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_prompt(self) -> bool:
        return self.kind == SavedKind.PROMPT


class SavedStepVersion(models.Model):
    """One state of a saved step. Never changes: the database refuses it.

    `content` is {"steps": [...], "needs": [{"reference": "steps.draft.text", "title": "Draft ▸ text"}]} or, for a
    prompt, {"text": "..."}. `needs` are the values that its steps take from outside themselves.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    saved = models.ForeignKey(SavedStep, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    content: models.JSONField[dict[str, Any]] = OrderedJSONField()
    note = models.TextField(_("why"), max_length=1_000, blank=True)
    saved_by = models.CharField(_("saved by"), max_length=254)
    saved_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("version of a saved step")
        verbose_name_plural = _("versions of saved steps")
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["saved", "number"], name="saved_step_version_once"),
            made_here("savedstepversion_id_made_here"),
        ]

    def __str__(self) -> str:
        return f"{self.saved.title} v{self.number}"
