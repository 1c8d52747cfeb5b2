"""Workflows, runs, tasks and files in the admin: administrators see how they fare, members also what is in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.administration import ReadOnlyAdmin, RecordedAdmin
from audit.long_lists import LongList, WhenMade
from departments.access import Verb
from departments.administration import ContentAdmin
from departments.middleware import actor_of
from workflows import desk
from workflows.budget_admin import BudgetAdmin
from workflows.models import (
    Assignee,
    Attempt,
    Awaited,
    Decision,
    Delivery,
    DeliveryTry,
    DraftEdit,
    FileUse,
    IdempotencyKey,
    JournalEntry,
    Look,
    ManualMode,
    PublishRequest,
    Run,
    Sample,
    SavedStep,
    SavedStepVersion,
    Series,
    SeriesRow,
    Share,
    StepRun,
    StoredFile,
    Subscription,
    Taken,
    Task,
    Trigger,
    TriggerEvent,
    Version,
    Workflow,
)
from workflows.person_admin import PersonAdmin
from workflows.services.refusals import Conflict
from workflows.services.runs import cancel_run, retry_run

__all__ = ["BudgetAdmin", "PersonAdmin"]

MOST_REFUSALS = 5
"""Said one by one."""

admin.site.index = desk.with_desk(admin.site.index)  # type: ignore[method-assign, assignment]


class RowsOfTheProduct(ContentAdmin, ReadOnlyAdmin):
    """Content that changes only in the product itself."""


@admin.register(Workflow)
class WorkflowAdmin(ContentAdmin, RecordedAdmin):
    list_display = ("name", "opens", "department", "live", "owner", "changed_at", "archived_at")
    list_filter = ("department",)
    search_fields = ("name", "slug", "department__name")
    date_hierarchy = "created_at"
    list_select_related = ("department", "live__workflow", "owner")
    fields = ("name", "description", "owner", "department", "slug", "live", "draft", "template", "changed_at")
    autocomplete_fields = ("owner",)
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        permitted = super().has_change_permission(request, obj)
        return permitted and (obj is None or actor_of(request).may(Verb.EDIT, obj.department_id))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return tuple(name for name in self.fields if name not in ("name", "description", "owner"))

    def department_of(self, row: Workflow) -> str:
        return row.department.slug


@admin.register(Version)
class VersionAdmin(RowsOfTheProduct):
    department_path = "workflow__department"
    list_display = ("workflow", "opens", "number", "published_by", "published_at")
    list_filter = ("workflow__department",)
    search_fields = ("workflow__name", "published_by")
    date_hierarchy = "published_at"
    list_select_related = ("workflow",)


@admin.register(DraftEdit)
class DraftEditAdmin(RowsOfTheProduct):
    department_path = "workflow__department"
    list_display = ("workflow", "opens", "revision", "deed", "by", "at")
    list_filter = ("deed", "workflow__department")
    search_fields = ("workflow__name", "by")
    date_hierarchy = "at"
    list_select_related = ("workflow",)


@admin.register(PublishRequest)
class PublishRequestAdmin(RowsOfTheProduct):
    list_display = ("workflow", "opens", "status", "asked_by", "asked_at", "decided_by")
    list_filter = ("department", "status")
    search_fields = ("workflow__name", "asked_by", "decided_by")
    date_hierarchy = "asked_at"
    list_select_related = ("workflow",)


@admin.register(Sample)
class SampleAdmin(RowsOfTheProduct):
    department_path = "workflow__department"
    list_display = ("workflow", "opens", "step_id", "kind", "by_hand", "rehearsed", "at")
    list_filter = ("by_hand", "rehearsed", "workflow__department")
    search_fields = ("workflow__name", "step_id", "kind")
    date_hierarchy = "at"
    list_select_related = ("workflow",)


@admin.register(Run)
class RunAdmin(LongList, RowsOfTheProduct):
    list_display = ("short_id", "opens", "workflow", "version", "department", "status", "started_by", "created_at")
    list_filter = ("status", "mode", "priority", "department", ("created_at", WhenMade))
    search_fields = ("=id", "workflow__name", "started_by")
    list_select_related = ("workflow", "version__workflow", "department")
    actions = ("cancel", "try_again")

    @admin.action(description=gettext_lazy("Cancel"))
    def cancel(self, request: HttpRequest, runs: QuerySet[Run]) -> None:
        self._each(request, runs, cancel_run, _("%(count)d cancelled."))

    @admin.action(description=gettext_lazy("Try again where it failed"))
    def try_again(self, request: HttpRequest, runs: QuerySet[Run]) -> None:
        self._each(request, runs, retry_run, _("%(count)d go on where they failed."))

    def _each(self, request: HttpRequest, runs: QuerySet[Run], deed: Callable[..., Run], said: str) -> None:
        """Each by itself: one that is over already keeps no other from its end."""
        refused = []
        for run in runs:
            try:
                deed(run, actor=actor_of(request))
            except Conflict as conflict:
                refused.append(f"{self.short_id(run)}: {conflict}")
        self.message_user(request, said % {"count": len(runs) - len(refused)})
        for sentence in refused[:MOST_REFUSALS]:
            self.message_user(request, sentence, messages.WARNING)

    @admin.display(description="run", ordering="id")
    def short_id(self, run: Run) -> str:
        return str(run.pk)[-8:]


@admin.register(StepRun)
class StepRunAdmin(LongList, RowsOfTheProduct):
    list_display = ("path", "opens", "kind", "workflow", "status", "attempts", "claims", "run_after", "lease_until")
    list_filter = ("status", "department", ("created_at", WhenMade))
    search_fields = ("=id", "=run__id", "path", "kind", "run__workflow__name")
    list_select_related = ("run__workflow", "department")

    @admin.display(description="workflow", ordering="run__workflow__name")
    def workflow(self, step: StepRun) -> str:
        return step.run.workflow.name


@admin.register(Attempt)
class AttemptAdmin(LongList, RowsOfTheProduct):
    department_path = "step__department"
    list_display = ("step", "opens", "number", "started_at", "finished_at", "tokens", "cost_usd")
    list_filter = ("step__status", "step__department")
    search_fields = ("=step__id", "=step__run__id", "step__path", "step__kind")
    list_select_related = ("step",)


@admin.register(JournalEntry)
class JournalEntryAdmin(LongList, RowsOfTheProduct):
    department_path = "run__department"
    list_display = ("at", "opens", "workflow", "seq", "event", "path")
    list_filter = ("run__department",)
    search_fields = ("=run__id", "event", "path", "run__workflow__name")
    list_select_related = ("run__workflow",)

    @admin.display(description="workflow", ordering="run__workflow__name")
    def workflow(self, entry: JournalEntry) -> str:
        return entry.run.workflow.name


@admin.register(Task)
class TaskAdmin(LongList, RowsOfTheProduct):
    list_display = ("created_at", "opens", "kind", "workflow", "department", "status", "role", "due_at", "decided_at")
    list_filter = ("status", "kind", "department", ("created_at", WhenMade))
    search_fields = ("=id", "=run__id", "run__workflow__name", "decided_by_label")
    list_select_related = ("run__workflow", "department")

    @admin.display(description="workflow", ordering="run__workflow__name")
    def workflow(self, task: Task) -> str:
        return task.run.workflow.name


@admin.register(Assignee)
class AssigneeAdmin(RowsOfTheProduct):
    department_path = "task__department"
    list_display = ("since", "opens", "stage", "why", "person", "group", "role", "until")
    list_filter = ("why", "role", "task__department")
    search_fields = ("=task__id", "person__name", "group", "by_label")
    date_hierarchy = "since"
    list_select_related = ("person",)


@admin.register(Decision)
class DecisionAdmin(RowsOfTheProduct):
    list_display = ("at", "opens", "decision", "verdict", "via", "by_label", "workflow", "department", "model")
    list_filter = ("decision", "verdict", "via", "department")
    search_fields = ("=id", "=task__id", "by_label", "workflow__name", "model")
    date_hierarchy = "at"
    list_select_related = ("workflow", "department")


@admin.register(Look)
class LookAdmin(RowsOfTheProduct):
    department_path = "task__department"
    list_display = ("at", "opens", "person")
    list_filter = ("task__department",)
    search_fields = ("=task__id", "person__name")
    date_hierarchy = "at"
    list_select_related = ("person",)


@admin.register(ManualMode)
class ManualModeAdmin(RowsOfTheProduct):
    list_display = ("on_at", "opens", "department", "workflow", "provider", "on_by", "off_by", "off_at")
    list_filter = ("department", "provider")
    search_fields = ("department__name", "workflow__name", "on_by", "off_by")
    date_hierarchy = "on_at"
    list_select_related = ("department", "workflow")


@admin.register(StoredFile)
class StoredFileAdmin(RowsOfTheProduct):
    list_display = ("short_id", "opens", "content_type", "size", "department", "created_by", "created_at")
    list_filter = ("content_type", "department")
    search_fields = ("=id", "=sha256", "created_by")
    date_hierarchy = "created_at"
    list_select_related = ("department",)

    @admin.display(description="file", ordering="id")
    def short_id(self, file: StoredFile) -> str:
        return str(file.pk)[-8:]


@admin.register(FileUse)
class FileUseAdmin(ReadOnlyAdmin):
    list_display = ("department", "bringer", "bytes")
    list_display_links = ("department",)
    list_filter = ("department",)
    search_fields = ("bringer", "department__name")
    list_select_related = ("department",)


@admin.register(SavedStep)
class SavedStepAdmin(RowsOfTheProduct):
    list_display = ("title", "opens", "kind", "department", "newest", "changed_at", "archived_at")
    list_filter = ("kind", "department")
    search_fields = ("title", "slug", "department__name")
    date_hierarchy = "created_at"
    list_select_related = ("department",)


@admin.register(SavedStepVersion)
class SavedStepVersionAdmin(RowsOfTheProduct):
    department_path = "saved__department"
    list_display = ("saved", "opens", "number", "saved_by", "saved_at")
    list_filter = ("saved__kind", "saved__department")
    search_fields = ("saved__title", "saved_by")
    date_hierarchy = "saved_at"
    list_select_related = ("saved",)


@admin.register(Taken)
class TakenAdmin(RowsOfTheProduct):
    department_path = "workflow__department"
    list_display = ("opens", "workflow", "step_id", "taken_at")
    list_filter = ("workflow__department",)
    search_fields = ("workflow__name", "step_id")
    date_hierarchy = "taken_at"
    list_select_related = ("workflow",)


@admin.register(Trigger)
class TriggerAdmin(RowsOfTheProduct):
    list_display = ("title", "opens", "kind", "workflow", "department", "enabled", "health", "next_at", "last_event_at")
    list_filter = ("health", "enabled", "kind", "department")
    search_fields = ("title", "workflow__name", "department__name")
    date_hierarchy = "created_at"
    list_select_related = ("department", "workflow")


@admin.register(Series)
class SeriesAdmin(RowsOfTheProduct):
    list_display = ("opens", "workflow", "department", "total", "created_at", "finished_at")
    list_filter = ("department",)
    search_fields = ("workflow__name", "department__name")
    date_hierarchy = "created_at"
    list_select_related = ("workflow", "department")


@admin.register(SeriesRow)
class SeriesRowAdmin(RowsOfTheProduct):
    department_path = "series__department"
    list_display = ("opens", "series_id", "number", "state")
    list_filter = ("state", "series__department")
    search_fields = ("series__workflow__name",)
    list_select_related = ("series",)


@admin.register(Awaited)
class AwaitedAdmin(RowsOfTheProduct):
    department_path = "trigger__department"
    list_display = ("opens", "trigger", "step")
    search_fields = ("trigger__title",)
    list_select_related = ("trigger", "step")


@admin.register(TriggerEvent)
class TriggerEventAdmin(RowsOfTheProduct):
    department_path = "trigger__department"
    list_display = ("opens", "trigger", "at", "outcome")
    list_filter = ("outcome", "trigger__department")
    search_fields = ("trigger__title",)
    date_hierarchy = "at"
    list_select_related = ("trigger",)


@admin.register(Share)
class ShareAdmin(RowsOfTheProduct):
    department_path = "workflow__department"
    list_display = ("shared_at", "opens", "workflow", "person", "to_department", "role", "shared_by")
    list_filter = ("workflow__department", "role")
    search_fields = ("workflow__name", "person__email", "person__name", "to_department__name")
    date_hierarchy = "shared_at"
    list_select_related = ("workflow", "person", "to_department")


@admin.register(Subscription)
class SubscriptionAdmin(RowsOfTheProduct):
    list_display = ("title", "opens", "department", "workflow", "enabled", "health", "last_sent_at", "removed_at")
    list_filter = ("health", "enabled", "department")
    search_fields = ("title", "department__name")
    date_hierarchy = "created_at"
    list_select_related = ("department", "workflow")


@admin.register(Delivery)
class DeliveryAdmin(RowsOfTheProduct):
    department_path = "subscription__department"
    list_display = ("type", "opens", "subscription", "at", "status", "tries", "next_at")
    list_filter = ("status", "type", "subscription__department")
    search_fields = ("type", "subscription__title")
    date_hierarchy = "at"
    list_select_related = ("subscription",)


@admin.register(DeliveryTry)
class DeliveryTryAdmin(RowsOfTheProduct):
    department_path = "delivery__subscription__department"
    list_display = ("at", "opens", "delivery", "code", "took_ms")
    list_filter = ("code",)
    search_fields = ("delivery__type",)
    date_hierarchy = "at"
    list_select_related = ("delivery",)


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    """Without what was sent and answered: that is content of a department."""

    list_display = ("created_at", "actor", "route", "status")
    list_filter = ("status",)
    search_fields = ("actor", "route")
    date_hierarchy = "created_at"
    fields = ("created_at", "actor", "route", "status")
