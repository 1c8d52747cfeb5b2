"""A question that a run asks people: the question, whom it is asked of now, and each answer."""

from __future__ import annotations

from typing import Any

import uuid_utils.compat as uuid
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from workflows.models.ids import made_here
from workflows.models.ordered import OrderedJSONField
from workflows.models.states import TaskKind, TaskStatus, Verdict, Why, held


class Task(models.Model):
    """Asked once, decided once: the decision is a guarded update from open to decided.

    `stages` are those asked one after another, as `Whom` with the ids of people; `stage` is the one asked now, of which
    `needs` have to agree. `deadline` is how long each stage has, in hours: {"hours", "working", "remind", "escalate":
    [{"after", "whom"}]}. `moments` are what the clock will do of it in this stage (tell, remind, escalate, end), the
    next one at `next_at`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    department = models.ForeignKey("departments.Department", models.PROTECT, related_name="tasks")
    run = models.ForeignKey("workflows.Run", models.CASCADE, related_name="tasks")
    step = models.ForeignKey("workflows.StepRun", models.CASCADE, related_name="tasks")
    kind = models.CharField(_("kind"), max_length=20, choices=TaskKind.choices)
    status = models.CharField(_("status"), max_length=20, choices=TaskStatus.choices, default=TaskStatus.OPEN)
    question = models.CharField(_("question"), max_length=500)
    draft = models.TextField(_("draft"), blank=True)
    text = models.TextField(_("the draft as earlier reviewers left it"), blank=True, default="", db_default="")
    shown: models.JSONField[dict[str, Any]] = OrderedJSONField(_("facts"), default=dict)
    options: models.JSONField[list[str]] = models.JSONField(_("drafts to choose from"), default=list, db_default=[])
    form: models.JSONField[dict[str, Any] | None] = OrderedJSONField(_("JSON Schema of the answer"), null=True)
    known: models.JSONField[dict[str, Any]] = OrderedJSONField(_("filled in already"), default=dict, db_default={})
    why: models.JSONField[dict[str, Any] | None] = models.JSONField(
        null=True, help_text="of a resolve task: code and message of what happened"
    )

    role = models.CharField(_("asked role"), max_length=20, default="approver", blank=True)
    person = models.ForeignKey("departments.User", models.SET_NULL, null=True, blank=True, related_name="+")
    stages: models.JSONField[list[dict[str, Any]]] = models.JSONField(default=list, db_default=[])
    stage = models.PositiveSmallIntegerField(default=0, db_default=0)
    needs = models.PositiveSmallIntegerField(default=1, db_default=1)
    not_the_starter = models.BooleanField(default=False)
    not_the_author = models.BooleanField(default=False, db_default=False)
    claimed_by = models.ForeignKey("departments.User", models.SET_NULL, null=True, blank=True, related_name="+")
    claimed_at = models.DateTimeField(null=True, blank=True)

    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    next_at = models.DateTimeField(null=True, blank=True)
    deadline: models.JSONField[dict[str, Any] | None] = models.JSONField(null=True)
    moments: models.JSONField[list[dict[str, Any]]] = models.JSONField(default=list, db_default=[])
    at_end: models.JSONField[dict[str, Any]] = models.JSONField(default=dict, db_default={})
    sends = models.CharField(max_length=60, blank=True, default="", db_default="", help_text="the step that will send")
    leaving: models.JSONField[dict[str, Any] | None] = OrderedJSONField(null=True, help_text="what it will send")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    answer: models.JSONField[dict[str, Any] | None] = models.JSONField(null=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey("departments.User", models.SET_NULL, null=True, blank=True, related_name="+")
    decided_by_label = models.CharField(max_length=254, blank=True)

    class Meta:
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        ordering = ["due_at", "id"]
        constraints = [
            held("status", TaskStatus, "task_status"),
            held("kind", TaskKind, "task_kind"),
            made_here("task_id_made_here"),
            models.UniqueConstraint(fields=["step"], name="task_open_once", condition=Q(status="open")),
        ]
        indexes = [
            models.Index(fields=["department", "due_at"], name="task_open", condition=Q(status="open")),
            models.Index(fields=["department", "-decided_at"], name="task_over", condition=Q(decided_at__isnull=False)),
            models.Index(fields=["next_at"], name="task_next", condition=Q(status="open", next_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.question

    @property
    def ledger_label(self) -> str:
        return self.run.ledger_label

    @property
    def current(self) -> str:
        """The draft as it is now."""
        return self.text or self.draft


class Assignee(models.Model):
    """One person, group or role that a task is asked of in one of its stages; `until` ends it."""

    id = models.BigAutoField(primary_key=True)
    task = models.ForeignKey(Task, models.CASCADE, related_name="assignees")
    stage = models.PositiveSmallIntegerField(default=0)
    person = models.ForeignKey("departments.User", models.CASCADE, null=True, blank=True, related_name="+")
    group = models.SlugField(max_length=60, blank=True)
    role = models.CharField(max_length=20, blank=True)
    why = models.CharField(max_length=20, choices=Why.choices, default=Why.ASKED)
    by = models.ForeignKey("departments.User", models.SET_NULL, null=True, blank=True, related_name="+")
    by_label = models.CharField(max_length=254, blank=True, help_text="who handed it over")
    reason = models.CharField(max_length=500, blank=True)
    since = models.DateTimeField(db_default=Now(), editable=False)
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("assignee")
        verbose_name_plural = _("assignees")
        ordering = ["task", "id"]
        constraints = [held("why", Why, "assignee_why")]
        indexes = [  # by which the tasks of one person are found among those of all
            models.Index(fields=["person"], name="assignee_person", condition=Q(until=None, person__isnull=False)),
            models.Index(fields=["group"], name="assignee_group", condition=Q(until=None) & ~Q(group="")),
            models.Index(fields=["role"], name="assignee_role", condition=Q(until=None) & ~Q(role="")),
        ]

    def __str__(self) -> str:
        return str(self.person or self.group or self.role)


class Look(models.Model):
    """When somebody who may decide first opened the task: the beginning of the time that they looked at it."""

    id = models.BigAutoField(primary_key=True)
    task = models.ForeignKey(Task, models.CASCADE, related_name="looks")
    person = models.ForeignKey("departments.User", models.CASCADE, related_name="+")
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("look at a task")
        verbose_name_plural = _("looks at tasks")
        constraints = [models.UniqueConstraint(fields=["task", "person"], name="look_once")]

    def __str__(self) -> str:
        return f"{self.person_id} {self.at}"


class Decision(models.Model):
    """One answer of one person (or program) to one stage of a task, and what it says about the draft.

    `seen_sha256` is the digest of what was shown. `words` are those of the draft, `words_changed` those that were taken
    out or put in; `model` and `drafted_by` (the step) say whose draft it was. `look_s` is how long the page was before
    the person's eyes, `open_s` how long the question had been open; both in seconds.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    task = models.ForeignKey(Task, models.CASCADE, related_name="decisions")
    department = models.ForeignKey("departments.Department", models.PROTECT, related_name="+")
    workflow = models.ForeignKey("workflows.Workflow", models.PROTECT, related_name="+")
    version = models.ForeignKey("workflows.Version", models.PROTECT, related_name="+")
    stage = models.PositiveSmallIntegerField(default=0)
    decision = models.CharField(max_length=20)
    answer: models.JSONField[dict[str, Any]] = models.JSONField(default=dict)
    reason = models.TextField(blank=True)
    person = models.ForeignKey("departments.User", models.SET_NULL, null=True, blank=True, related_name="+")
    by_kind = models.CharField(max_length=20)
    by_id = models.CharField(max_length=64)
    by_label = models.CharField(max_length=254)
    in_place_of = models.CharField(max_length=254, blank=True, help_text="for whom the person stood in")
    via = models.CharField(max_length=10, default="page", help_text="page, many, mail, api or time")
    seen_sha256 = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField(db_default=Now(), editable=False)

    verdict = models.CharField(max_length=20, choices=Verdict.choices, blank=True)
    step_id = models.CharField(max_length=60)
    drafted_by = models.CharField(max_length=60, blank=True)
    model = models.CharField(max_length=120, blank=True)
    words = models.PositiveIntegerField(default=0)
    words_changed = models.PositiveIntegerField(default=0)
    open_s = models.FloatField(default=0)
    look_s = models.FloatField(null=True)

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        ordering = ["task", "at"]
        constraints = [
            made_here("decision_id_made_here"),
            models.UniqueConstraint(fields=["task", "stage", "by_kind", "by_id"], name="decision_once"),
        ]
        indexes = [
            models.Index(fields=["workflow", "-at"], name="decision_workflow"),
            # All that measures.py sums, so that the rows with their texts are never read for it.
            models.Index(
                fields=["workflow", "version", "step_id", "drafted_by", "model"],
                include=["verdict", "decision", "words", "words_changed", "open_s", "look_s"],
                condition=Q(by_kind="person"),
                name="decision_measures",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.by_label}: {self.decision}"


class ManualMode(models.Model):
    """While it is on, people do what AI steps would do: in a department, in one workflow, or of one provider."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    department = models.ForeignKey("departments.Department", models.CASCADE, related_name="+")
    workflow = models.ForeignKey("workflows.Workflow", models.CASCADE, null=True, blank=True, related_name="+")
    provider = models.CharField(max_length=60, blank=True, help_text="short name of a provider of models")
    reason = models.CharField(max_length=500)
    on_by = models.CharField(max_length=254)
    on_at = models.DateTimeField(db_default=Now(), editable=False)
    off_by = models.CharField(max_length=254, blank=True)
    off_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("manual mode")
        verbose_name_plural = _("manual modes")
        ordering = ["-on_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["department", "workflow", "provider"],
                name="manual_mode_once",
                condition=Q(off_at__isnull=True),
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.workflow or self.provider or self.department}"
