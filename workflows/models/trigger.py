"""What starts a workflow by itself, and what it has heard."""

from __future__ import annotations

from typing import Any

import uuid_utils.compat as uuid
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from connectors.models import Health, Secret
from departments.models import Department
from workflows.models.ids import made_here
from workflows.models.workflow import Workflow


class Heard(models.TextChoices):
    """What became of an event."""

    STARTED = "started", _("started a run")
    KEPT = "kept", _("kept until a run waits for it")
    TAKEN = "taken", _("a run went on with it")
    IGNORED = "ignored", _("did not meet the condition")
    REFUSED = "refused", _("could not start a run")
    MISSED = "missed", _("left out, because it was too late")


class Trigger(models.Model):
    """One way in which a workflow starts by itself. It belongs to the department, as its workflow does.

    `inputs` says what each input gets: name → template over `event`. `next_at` is when the scheduler has to look at it
    (a time that has come, or the next look); only who holds `busy_until` looks. `state` is what looks remember.
    `secret` is what a webhook proves itself with; `path_sha256` is the hash of its address' secret part.
    Where `reference` (a template over `event`) says something, an event starts no run: it goes to the run that waits
    for it, in a step that names the trigger by `slug` and the same reference.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    department = models.ForeignKey(Department, models.CASCADE, related_name="+")
    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="triggers")
    kind = models.CharField(_("kind"), max_length=60)
    title = models.CharField(_("title"), max_length=120)
    settings: models.JSONField[dict[str, Any]] = models.JSONField(default=dict)
    inputs: models.JSONField[dict[str, Any]] = models.JSONField(default=dict)
    slug = models.SlugField(_("name in steps"), max_length=60, blank=True)
    reference = models.CharField(_("reference"), max_length=300, blank=True)
    only_if: models.JSONField[dict[str, Any] | None] = models.JSONField(null=True, blank=True)
    enabled = models.BooleanField(_("on"), default=True)
    owner = models.ForeignKey("departments.User", models.SET_NULL, null=True, blank=True, related_name="+")
    state: models.JSONField[dict[str, Any]] = models.JSONField(default=dict)
    secret = models.OneToOneField(Secret, models.PROTECT, null=True, blank=True, related_name="+")
    path_sha256 = models.CharField(max_length=64, blank=True, db_index=True)
    next_at = models.DateTimeField(_("next time"), null=True, blank=True)
    busy_until = models.DateTimeField(null=True, blank=True)
    health = models.CharField(_("health"), max_length=10, choices=Health.choices, default=Health.UNKNOWN)
    health_said = models.TextField(blank=True)
    failed_times = models.PositiveIntegerField(default=0)
    told_at = models.DateTimeField(_("owner told"), null=True, blank=True)
    minute_at = models.DateTimeField(null=True, blank=True)
    minute_calls = models.PositiveIntegerField(default=0)
    last_event_at = models.DateTimeField(_("last event"), null=True, blank=True)
    made_by = models.CharField(_("set up by"), max_length=254)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    removed_at = models.DateTimeField(_("removed"), null=True, blank=True)

    class Meta:
        verbose_name = _("trigger")
        verbose_name_plural = _("triggers")
        ordering = ["created_at"]
        constraints = [made_here("trigger_id_made_here")]
        indexes = [
            models.Index(
                fields=["next_at"], name="trigger_due", condition=models.Q(enabled=True, removed_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def ledger_label(self) -> str:
        return self.kind


class TriggerEvent(models.Model):
    """Something a trigger has heard. The same `key` again starts nothing.

    `reference` tells for which run it is, where it starts none; `looked` is whether such a run was looked for.
    """

    id = models.BigAutoField(primary_key=True)
    trigger = models.ForeignKey(Trigger, models.CASCADE, related_name="events", db_index=False)
    key = models.CharField(_("key"), max_length=300)
    at = models.DateTimeField(_("heard"), db_default=Now())
    title = models.CharField(_("title"), max_length=200, blank=True)
    data: models.JSONField[dict[str, Any]] = models.JSONField(default=dict)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Heard.choices, default=Heard.STARTED)
    said = models.TextField(blank=True)
    run_id = models.UUIDField(_("run"), null=True, blank=True)
    reference = models.CharField(_("reference"), max_length=300, blank=True, db_default="")
    looked = models.BooleanField(default=True, db_default=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["trigger", "key"], name="trigger_event_once")]
        indexes = [
            models.Index(fields=["trigger", "-id"], name="trigger_events_latest"),
            models.Index(
                fields=["trigger", "reference", "id"], name="trigger_events_kept", condition=models.Q(outcome="kept")
            ),
            models.Index(fields=["id"], name="trigger_events_to_look", condition=models.Q(looked=False)),
        ]

    def __str__(self) -> str:
        return self.title or self.key


class Awaited(models.Model):
    """What a step waits for: an event of this trigger with this reference. Counts while the step is waiting."""

    id = models.BigAutoField(primary_key=True)
    step = models.OneToOneField("workflows.StepRun", models.CASCADE, related_name="+")
    trigger = models.ForeignKey(Trigger, models.CASCADE, related_name="awaited", db_index=False)
    reference = models.CharField(_("reference"), max_length=300)
    looked = models.BooleanField(default=False, db_default=False)

    class Meta:
        verbose_name = _("awaited event")
        verbose_name_plural = _("awaited events")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["trigger", "reference", "id"], name="awaited_by_reference"),
            models.Index(fields=["id"], name="awaited_to_look", condition=models.Q(looked=False)),
        ]

    def __str__(self) -> str:
        return self.reference
