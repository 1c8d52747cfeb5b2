"""A workflow, its draft, and its published versions."""

from __future__ import annotations

from typing import Any

import uuid_utils.compat as uuid
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from workflows.models.ids import made_here
from workflows.models.ordered import OrderedJSONField


class Workflow(models.Model):
    """A named piece of work of one department. `draft` is its editable state, `live` the version that new runs take."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    department = models.ForeignKey("departments.Department", models.PROTECT, related_name="workflows")
    name = models.CharField(_("name"), max_length=120)
    slug = models.SlugField(_("short name"), max_length=60)
    description = models.TextField(_("what it is for"), blank=True)
    draft: models.JSONField[dict[str, Any]] = OrderedJSONField()
    draft_revision = models.PositiveIntegerField(default=1)
    live = models.ForeignKey("workflows.Version", models.PROTECT, null=True, blank=True, related_name="+")
    sample: models.JSONField[dict[str, Any]] = OrderedJSONField(
        _("sample input"), default=dict, blank=True, help_text=_("Values that fill the start form on request.")
    )
    is_tool = models.BooleanField(_("tool of other AI"), default=False)
    template = models.CharField(_("made from template"), max_length=60, blank=True)
    owner = models.ForeignKey("departments.User", models.SET_NULL, null=True, blank=True, related_name="+")
    keeps_days = models.PositiveSmallIntegerField(
        _("keeps contents of runs for days"), null=True, blank=True, help_text=_("Empty: for ever.")
    )
    erased_until = models.DateTimeField(null=True, editable=False, help_text="runs that ended earlier are erased")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    changed_at = models.DateTimeField(db_default=Now())
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("workflow")
        verbose_name_plural = _("workflows")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["department", "slug"], name="workflow_slug_once"),
            made_here("workflow_id_made_here"),
        ]

    def __str__(self) -> str:
        return self.name


class Published(models.Manager["Version"]):
    """The versions that people published. What was only tested is in nobody's list of versions."""

    def get_queryset(self) -> models.QuerySet[Version]:
        return super().get_queryset().filter(is_test=False)


class Version(models.Model):
    """A published state. Never changes: the database refuses an UPDATE of its definition (migration 0002).

    The draft as it was tested is one too (`is_test`): `number` is then the draft's revision, and `part` says how much
    of the draft it holds (engine/cutting.py).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    workflow = models.ForeignKey(Workflow, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    definition: models.JSONField[dict[str, Any]] = OrderedJSONField()
    is_test = models.BooleanField(_("the draft as tested"), default=False, db_default=False, editable=False)
    part = models.CharField(max_length=80, blank=True, default="", db_default="", editable=False)
    note = models.TextField(_("why"), blank=True)
    published_by = models.CharField(_("published by"), max_length=254)
    authors: models.JSONField[list[list[str]]] = models.JSONField(
        default=list, db_default=[], editable=False, help_text="kind and id of whoever wrote what is new in it"
    )
    published_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = Published()
    every: models.Manager[Version] = models.Manager()

    class Meta:
        verbose_name = _("version")
        verbose_name_plural = _("versions")
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["workflow", "number"], name="version_number_once", condition=models.Q(is_test=False)
            ),
            models.UniqueConstraint(
                fields=["workflow", "number", "part"], name="version_tested_once", condition=models.Q(is_test=True)
            ),
            made_here("version_id_made_here"),
        ]

    def __str__(self) -> str:
        return f"{self.workflow.name} {'draft ' if self.is_test else 'v'}{self.number}"
