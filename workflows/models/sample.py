"""A value kept for building: what a step gave in a test, or what a person wrote in its place."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from workflows.models.ordered import OrderedJSONField


class Sample(models.Model):
    """The pinned result of one step of a workflow; with an empty `step_id` the inputs of its last test.

    A test that comes after replaces it, unless a person has edited it (`by_hand`), or what stands there was really
    received and the new one is only rehearsed.
    """

    id = models.BigAutoField(primary_key=True)
    workflow = models.ForeignKey("workflows.Workflow", models.CASCADE, related_name="samples", db_index=False)
    step_id = models.CharField(max_length=60, blank=True)
    kind = models.CharField(max_length=60, blank=True, help_text="of the step: a sample of another kind is none")
    output: models.JSONField[Any] = OrderedJSONField(null=True)
    output_sha256 = models.CharField(max_length=64, blank=True, help_text="of an output kept as a file (over 1 MB)")
    by_hand = models.BooleanField(_("written by hand"), default=False)
    rehearsed = models.BooleanField(_("rehearsed"), default=False)
    made_by = models.CharField(max_length=254, blank=True)
    run = models.ForeignKey("workflows.Run", models.SET_NULL, null=True, related_name="+", db_index=False)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("sample")
        verbose_name_plural = _("samples")
        ordering = ["workflow", "step_id"]
        constraints = [models.UniqueConstraint(fields=["workflow", "step_id"], name="sample_once")]

    def __str__(self) -> str:
        return f"{self.workflow_id} {self.step_id or 'inputs'}"
