"""A run, its steps, their attempts, and the journal of what the machine did."""

from __future__ import annotations

from typing import Any

import uuid_utils.compat as uuid
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from workflows.models.ids import made_here
from workflows.models.ordered import OrderedJSONField
from workflows.models.states import Priority, RunMode, RunStatus, StepStatus, held


class Runs(models.Manager["Run"]):
    """`live` are those that count as a department's work: tests, and what runs inside other runs, do not."""

    def live(self) -> models.QuerySet[Run]:
        return self.filter(parent=None, mode=RunMode.LIVE)

    def tests(self) -> models.QuerySet[Run]:
        return self.filter(parent=None).exclude(mode=RunMode.LIVE)


class Run(models.Model):
    """One journey through one version.

    A child run (an item of `for_each`, or another workflow called by `flow.workflow`) names the step that waits for it;
    an item's run walks only `body`, the path of that step, and sees the names in `scope`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    # An index that serves only the deletion of what is never deleted would cost every run its upkeep: the partial
    # ones below serve the lists.
    department = models.ForeignKey("departments.Department", models.PROTECT, related_name="runs", db_index=False)
    workflow = models.ForeignKey("workflows.Workflow", models.PROTECT, related_name="runs", db_index=False)
    version = models.ForeignKey("workflows.Version", models.PROTECT, related_name="runs", db_index=False)
    status = models.CharField(_("status"), max_length=20, choices=RunStatus.choices, default=RunStatus.QUEUED)
    mode = models.CharField(_("mode"), max_length=10, choices=RunMode.choices, default=RunMode.LIVE)
    priority = models.PositiveSmallIntegerField(choices=Priority.choices, default=Priority.NORMAL)
    title = models.CharField(max_length=200, blank=True)

    inputs: models.JSONField[dict[str, Any]] = OrderedJSONField(default=dict)
    output: models.JSONField[Any] = OrderedJSONField(null=True)
    error: models.JSONField[dict[str, Any] | None] = models.JSONField(null=True)

    parent_step = models.ForeignKey(
        "workflows.StepRun", models.CASCADE, null=True, related_name="children", db_index=False
    )
    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="child_runs")
    item_index = models.PositiveIntegerField(null=True)
    body = models.CharField(max_length=400, blank=True)
    scope: models.JSONField[dict[str, Any]] = OrderedJSONField(default=dict)
    depth = models.PositiveSmallIntegerField(default=0)
    chain = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="how many ends of runs, each starting the next one, led to this run"
    )
    held = models.BooleanField(default=False, help_text="a child that waits for a free place among its siblings")

    handed_out_at = models.DateTimeField(null=True)
    seq = models.PositiveIntegerField(
        default=0, help_text="number of the last journal entry: dense, and the run's fence"
    )
    cancel_asked_at = models.DateTimeField(null=True)
    started_by = models.CharField(_("started by"), max_length=254, blank=True)
    starter_kind = models.CharField(max_length=20, blank=True)
    starter_id = models.CharField(max_length=64, blank=True)

    cost_usd = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    tokens = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    erased_at = models.DateTimeField(_("contents erased"), null=True, editable=False)
    expires_at = models.DateTimeField(help_text="a run that lives longer is ended (90 days)")

    objects = Runs()

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        ordering = ["-id"]
        constraints = [
            held("status", RunStatus, "run_status"),
            made_here("run_id_made_here"),
            models.UniqueConstraint(
                fields=["parent_step", "item_index"], name="run_item_once", condition=Q(parent_step__isnull=False)
            ),
        ]
        indexes = [
            models.Index(fields=["department", "-id"], name="run_department", condition=Q(parent__isnull=True)),
            models.Index(fields=["workflow", "-id"], name="run_workflow", condition=Q(parent__isnull=True)),
            models.Index(
                fields=["parent_step", "held", "item_index"],
                name="run_live_children",
                condition=Q(parent_step__isnull=False) & ~Q(status__in=["succeeded", "failed", "cancelled"]),
            ),
            # For triggers that wait for the end of a workflow's runs.
            models.Index(
                fields=["workflow", "finished_at"],
                name="run_ended",
                condition=Q(parent__isnull=True, finished_at__isnull=False),
            ),
            models.Index(fields=["created_at"], name="run_queued", condition=Q(status="queued", held=False)),
            models.Index(
                fields=["expires_at"],
                name="run_expiry",
                condition=~Q(status__in=["succeeded", "failed", "cancelled"]),
            ),
        ]

    def __str__(self) -> str:
        return self.title or str(self.pk)[-8:]

    @property
    def is_test(self) -> bool:
        return RunMode(self.mode).is_test

    @property
    def ledger_label(self) -> str:
        """The title may repeat what people wrote, which the ledger never keeps (rule A10)."""
        return f"{self.workflow.name} {str(self.pk)[-8:]}"

    @property
    def status_is_settled(self) -> bool:
        """Whether looking again soon is pointless: the run is over, or only people can carry it on."""
        if RunStatus(self.status).is_over:
            return True
        family = Run.objects.filter(Q(pk=self.pk) | Q(parent=self.pk) | Q(parent__parent=self.pk))
        live = StepRun.objects.filter(run__in=family)
        if live.filter(status__in=[StepStatus.READY, StepStatus.RUNNING]).exists():
            return False
        return (
            live.filter(status=StepStatus.WAITING, waits_for="person").exists()
            or live.filter(status=StepStatus.PARKED).exists()
        )


class StepRun(models.Model):
    """One step in one run. Every change of `status` is a guarded update in workflows/runtime/store.py."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    run = models.ForeignKey(Run, models.CASCADE, related_name="steps", db_index=False)
    # A copy of the run's department, so that a claim counts without a join; the run's own is the one that is checked.
    department = models.ForeignKey(
        "departments.Department", models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    path = models.CharField(max_length=400, help_text="place in the tree: route/cases.0/draft, again/steps~2/draft")
    step_id = models.CharField(max_length=60)
    kind = models.CharField(max_length=60)
    status = models.CharField(max_length=20, choices=StepStatus.choices, default=StepStatus.READY)
    priority = models.PositiveSmallIntegerField(choices=Priority.choices, default=Priority.NORMAL)
    position = models.PositiveIntegerField(default=0, help_text="order in which the steps of the run came up")

    claim_token = models.UUIDField(null=True)
    claims = models.PositiveSmallIntegerField(default=0, help_text="claims since the last finished attempt")
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    run_after = models.DateTimeField(db_default=Now())
    wake_at = models.DateTimeField(null=True)
    waits_for = models.CharField(max_length=10, blank=True, help_text="time, person, event or children")
    handed_out_at = models.DateTimeField(null=True)
    intent_at = models.DateTimeField(
        null=True, help_text="when an effect that may happen only once was about to be sent"
    )

    inside: models.JSONField[dict[str, Any]] = models.JSONField(
        default=dict, help_text="of a container: arms, round, catches, scope; of a waiting step: for what"
    )
    signal: models.JSONField[dict[str, Any] | None] = models.JSONField(null=True, help_text="what wakes the step")
    output: models.JSONField[Any] = OrderedJSONField(null=True)
    output_sha256 = models.CharField(max_length=64, blank=True, help_text="of an output kept as a file (over 1 MB)")
    error: models.JSONField[dict[str, Any] | None] = models.JSONField(null=True)
    summary = models.CharField(max_length=300, blank=True)
    made_by = models.CharField(max_length=254, blank=True, help_text="the person who gave the output by hand")

    cost_usd = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    tokens = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("step of a run")
        verbose_name_plural = _("steps of runs")
        ordering = ["run", "position"]
        constraints = [
            held("status", StepStatus, "step_status"),
            made_here("step_id_made_here"),
            models.UniqueConstraint(fields=["run", "path"], name="step_path_once"),
        ]
        indexes = [
            models.Index(fields=["run_after"], name="step_due", condition=Q(status="ready")),
            models.Index(fields=["lease_until"], name="step_lease", condition=Q(status="running")),
            models.Index(fields=["wake_at"], name="step_wake", condition=Q(status="waiting", wake_at__isnull=False)),
            models.Index(fields=["department"], name="step_running", condition=Q(status="running")),
            models.Index(
                fields=["department"], name="step_told", condition=Q(status="ready", handed_out_at__isnull=False)
            ),
            models.Index(fields=["output_sha256"], name="step_large", condition=~Q(output_sha256="")),
            models.Index(fields=["id"], name="step_parked", condition=Q(status="parked")),
            models.Index(fields=["id"], name="step_joins", condition=Q(status="waiting", waits_for="children")),
        ]

    def __str__(self) -> str:
        return f"{self.path} ({self.kind})"


class Attempt(models.Model):
    """One try of one step, written when it ends: what was asked of whom, what it cost, how it went."""

    id = models.BigAutoField(primary_key=True)
    step = models.ForeignKey(StepRun, models.CASCADE, related_name="tries", db_index=False)
    number = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(db_default=Now())
    error: models.JSONField[dict[str, Any] | None] = models.JSONField(null=True)
    given: models.JSONField[dict[str, Any] | None] = OrderedJSONField(null=True, help_text="the rendered parameters")
    calls: models.JSONField[list[dict[str, Any]]] = models.JSONField(
        default=list,
        help_text="one entry per call of a model or of another system: asked, answered, tokens, cost, time",
    )
    cost_usd = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    tokens = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ["step", "number"]
        constraints = [models.UniqueConstraint(fields=["step", "number"], name="attempt_once")]

    def __str__(self) -> str:
        return f"{self.step_id} #{self.number}"


class JournalEntry(models.Model):
    """What the machine did in one run, in order; `seq` is dense per run."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(Run, models.CASCADE, related_name="journal", db_index=False)
    seq = models.PositiveIntegerField()
    at = models.DateTimeField(db_default=Now())
    event = models.CharField(max_length=40)
    path = models.CharField(max_length=400, blank=True)
    detail: models.JSONField[dict[str, Any]] = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("journal entry")
        verbose_name_plural = _("journal")
        ordering = ["run", "seq"]
        constraints = [models.UniqueConstraint(fields=["run", "seq"], name="journal_seq_once")]

    def __str__(self) -> str:
        return f"{self.seq} {self.event} {self.path}"
