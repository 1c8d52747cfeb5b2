"""A file of a department, stored once per content."""

from __future__ import annotations

from typing import Any

import uuid_utils.compat as uuid
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from workflows.models.ids import made_here


class StoredFile(models.Model):
    """What a person uploaded or a step wrote; the bytes lie in Django's storage under their hash."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    department = models.ForeignKey("departments.Department", models.PROTECT, related_name="files")
    run = models.ForeignKey("workflows.Run", models.SET_NULL, null=True, blank=True, related_name="files")
    name = models.CharField(_("name"), max_length=255)
    content_type = models.CharField(max_length=120)
    size = models.PositiveBigIntegerField(help_text="bytes")
    sha256 = models.CharField(max_length=64)
    created_by = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("file")
        verbose_name_plural = _("files")
        ordering = ["-id"]
        constraints = [made_here("file_id_made_here")]
        indexes = [models.Index(fields=["department", "sha256"], name="file_content")]

    def __str__(self) -> str:
        return self.name

    @property
    def ledger_label(self) -> str:
        return f"{self.content_type} {str(self.pk)[-8:]}"

    def stands_in(self, value: Any) -> bool:
        """Whether the value holds its reference, made here: an id alone is what anybody may have typed."""
        if isinstance(value, dict):
            mine = value.get("file") == str(self.pk) and value.get("sha256") == self.sha256
            return mine or any(map(self.stands_in, value.values()))
        return isinstance(value, (list, tuple)) and any(map(self.stands_in, value))


class FileUse(models.Model):
    """How many bytes the files of a department take, and those of each who brought or made them.

    A trigger on the files adds them up, in the transaction in which they come or go. `bringer` is "" for all together.
    """

    department = models.ForeignKey("departments.Department", models.CASCADE, related_name="+", db_index=False)
    bringer = models.CharField(_("brought by"), max_length=254, blank=True)
    bytes = models.BigIntegerField(_("bytes"))

    class Meta:
        verbose_name = _("room that files take")
        verbose_name_plural = _("room that files take")
        ordering = ["-bytes", "id"]
        constraints = [models.UniqueConstraint(fields=["department", "bringer"], name="file_use_once")]

    def __str__(self) -> str:
        return f"{self.department}: {self.bringer}" if self.bringer else str(self.department)
