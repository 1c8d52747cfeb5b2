"""A table that was handed in: one run for each of its rows."""

from __future__ import annotations

from typing import Any

import uuid_utils.compat as uuid
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from departments.models import Department
from workflows.models.ids import made_here
from workflows.models.ordered import OrderedJSONField
from workflows.models.run import Run
from workflows.models.workflow import Workflow


class RowState(models.TextChoices):
    """Where a row is before it has a run; after that its run tells."""

    WAITING = "waiting", _("Waits for its turn")
    STARTED = "started", _("Started")
    AGAIN = "again", _("Is tried again")
    REFUSED = "refused", _("Could not start")
    LEFT = "left", _("Not started")


class Series(models.Model):
    """`inputs` says which column each input takes; `at_once` is how many of its runs may be under way.

    `key` makes handing in the same form twice one series. `look_at` is when the scheduler has to do something next.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    department = models.ForeignKey(Department, models.CASCADE, related_name="+")
    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="series")
    key = models.CharField(max_length=100)
    title = models.CharField(_("title"), max_length=200)
    file_id = models.UUIDField(_("file"), null=True)
    columns: models.JSONField[list[str]] = models.JSONField(default=list)
    inputs: models.JSONField[dict[str, str]] = models.JSONField(default=dict)
    at_once = models.PositiveSmallIntegerField(_("at once"), default=10)
    total = models.PositiveIntegerField(_("rows"))
    started_by = models.CharField(_("started by"), max_length=254)
    starter_kind = models.CharField(max_length=20)
    starter_id = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    stopped_at = models.DateTimeField(_("stopped"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    look_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("series")
        verbose_name_plural = _("series")
        ordering = ["-id"]
        constraints = [
            made_here("series_id_made_here"),
            models.UniqueConstraint(fields=["department", "key"], name="series_once"),
        ]
        indexes = [
            models.Index(fields=["look_at"], name="series_under_way", condition=Q(finished_at__isnull=True)),
            models.Index(fields=["workflow", "-id"], name="series_workflow"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def ledger_label(self) -> str:
        return self.title


class SeriesRow(models.Model):
    """A row of the table, as it was: column → value. `number` counts from 1, without the line of the names."""

    id = models.BigAutoField(primary_key=True)
    series = models.ForeignKey(Series, models.CASCADE, related_name="rows", db_index=False)
    number = models.PositiveIntegerField(_("row"))
    values: models.JSONField[dict[str, Any]] = OrderedJSONField(default=dict)
    state = models.CharField(_("state"), max_length=10, choices=RowState.choices, default=RowState.WAITING)
    said = models.TextField(blank=True)
    run = models.OneToOneField(Run, models.SET_NULL, null=True, blank=True, related_name="series_row")

    class Meta:
        verbose_name = _("row of a series")
        verbose_name_plural = _("rows of series")
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["series", "number"], name="series_row_once")]
        indexes = [
            models.Index(
                fields=["series", "number"], name="series_rows_to_start", condition=Q(state__in=["waiting", "again"])
            )
        ]

    def __str__(self) -> str:
        return f"{self.series_id} {self.number}"
