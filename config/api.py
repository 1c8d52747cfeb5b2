"""Every address of the REST API, under /api/v1/. Each answers with and without a slash at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.urls import URLPattern, path

from workflows.api import (
    catalogue,
    connections,
    drafts,
    files,
    ledger,
    manual_modes,
    me,
    measures,
    publishing,
    runs,
    saved_steps,
    schema,
    series,
    services,
    tasks,
    templates,
    testing,
    triggers,
    workflows,
)

ROUTES: list[tuple[str, Callable[..., Any], str]] = [
    ("workflows", workflows.Workflows.as_view(), "api_workflows"),
    ("workflows/<str:id>", workflows.One.as_view(), "api_workflow"),
    ("workflows/<str:id>/draft", workflows.Draft.as_view(), "api_draft"),
    ("workflows/<str:id>/draft/edits", drafts.Edits.as_view(), "api_draft_edits"),
    ("workflows/<str:id>/draft/undo", drafts.Undo.as_view(), "api_draft_undo"),
    ("workflows/<str:id>/draft/redo", drafts.Redo.as_view(), "api_draft_redo"),
    ("workflows/<str:id>/publish", workflows.Publish.as_view(), "api_publish"),
    ("workflows/<str:id>/versions", workflows.Versions.as_view(), "api_versions"),
    ("workflows/<str:id>/versions/<str:number>", workflows.OneVersion.as_view(), "api_version"),
    ("workflows/<str:id>/versions/<str:number>/restore", publishing.Restore.as_view(), "api_restore"),
    ("workflows/<str:id>/compare", publishing.Compare.as_view(), "api_compare"),
    ("workflows/<str:id>/export", workflows.Export.as_view(), "api_export"),
    ("workflows/<str:id>/measures", measures.OfDecisions.as_view(), "api_measures"),
    ("workflows/<str:id>/runs", workflows.Runs.as_view(), "api_start"),
    ("workflows/<str:id>/tests", testing.Tests.as_view(), "api_tests"),
    ("workflows/<str:id>/samples", testing.AllSamples.as_view(), "api_samples"),
    ("workflows/<str:id>/samples/<str:step>", testing.OneSample.as_view(), "api_sample"),
    ("import", publishing.Imports.as_view(), "api_import"),
    ("import/look", publishing.Look.as_view(), "api_import_look"),
    ("publish-requests", publishing.Requests.as_view(), "api_publish_requests"),
    ("publish-requests/<str:id>", publishing.OneRequest.as_view(), "api_publish_request"),
    ("publish-requests/<str:id>/withdraw", publishing.Withdraw.as_view(), "api_publish_request_withdraw"),
    ("runs", runs.Runs.as_view(), "api_runs"),
    ("runs/<str:id>", runs.One.as_view(), "api_run"),
    ("runs/<str:id>/cancel", runs.Cancel.as_view(), "api_cancel"),
    ("runs/<str:id>/retry", runs.Retry.as_view(), "api_retry"),
    ("runs/<str:id>/resume", runs.Resume.as_view(), "api_resume"),
    ("runs/<str:id>/journal", runs.Journal.as_view(), "api_journal"),
    ("runs/<str:id>/record", runs.Record.as_view(), "api_record"),
    ("tasks", tasks.Tasks.as_view(), "api_tasks"),
    ("tasks/<str:id>", tasks.One.as_view(), "api_task"),
    ("tasks/<str:id>/decide", tasks.Decide.as_view(), "api_decide"),
    ("tasks/<str:id>/release", tasks.Release.as_view(), "api_release"),
    ("tasks/<str:id>/delegate", tasks.Delegate.as_view(), "api_delegate"),
    ("manual-modes", manual_modes.Modes.as_view(), "api_manual_modes"),
    ("manual-modes/<str:id>", manual_modes.One.as_view(), "api_manual_mode"),
    ("manual-modes/<str:id>/off", manual_modes.Off.as_view(), "api_manual_mode_off"),
    ("connectors", connections.Connectors.as_view(), "api_connectors"),
    ("connections", connections.Connections.as_view(), "api_connections"),
    ("connections/<str:id>", connections.One.as_view(), "api_connection"),
    ("connections/<str:id>/test", connections.TryOut.as_view(), "api_connection_test"),
    ("connections/<str:id>/remove", connections.Remove.as_view(), "api_connection_remove"),
    ("services", services.Services.as_view(), "api_services"),
    ("services/<str:id>", services.One.as_view(), "api_service"),
    ("services/<str:id>/operations", services.Operations.as_view(), "api_service_operations"),
    ("services/<str:id>/renew", services.Renew.as_view(), "api_service_renew"),
    ("services/<str:id>/remove", services.Remove.as_view(), "api_service_remove"),
    ("workflows/<str:id>/series", series.OfWorkflow.as_view(), "api_workflow_series"),
    ("series", series.All.as_view(), "api_all_series"),
    ("series/<str:id>", series.One.as_view(), "api_series"),
    ("series/<str:id>/rows", series.Rows.as_view(), "api_series_rows"),
    ("series/<str:id>/stop", series.Stop.as_view(), "api_series_stop"),
    ("series/<str:id>/go-on", series.GoOn.as_view(), "api_series_go_on"),
    ("workflows/<str:id>/triggers", triggers.OfWorkflow.as_view(), "api_workflow_triggers"),
    ("workflows/<str:id>/tool", workflows.AsTool.as_view(), "api_workflow_tool"),
    ("trigger-kinds", triggers.TriggerKinds.as_view(), "api_trigger_kinds"),
    ("triggers", triggers.Triggers.as_view(), "api_triggers"),
    ("triggers/<str:id>", triggers.One.as_view(), "api_trigger"),
    ("triggers/<str:id>/enabled", triggers.SwitchOne.as_view(), "api_trigger_enabled"),
    ("triggers/<str:id>/events", triggers.Events.as_view(), "api_trigger_events"),
    ("triggers/<str:id>/secret", triggers.Renew.as_view(), "api_trigger_secret"),
    ("triggers/<str:id>/remove", triggers.Remove.as_view(), "api_trigger_remove"),
    ("step-kinds", catalogue.StepKinds.as_view(), "api_step_kinds"),
    ("step-kinds/<str:kind>", catalogue.OneStepKind.as_view(), "api_step_kind"),
    ("templates", templates.Templates.as_view(), "api_templates"),
    ("templates/<str:slug>", templates.OneTemplate.as_view(), "api_template"),
    ("templates/<str:slug>/copy", templates.Copy.as_view(), "api_template_copy"),
    ("saved-steps", saved_steps.SavedSteps.as_view(), "api_saved_steps"),
    ("saved-steps/<str:id>", saved_steps.One.as_view(), "api_saved_step"),
    ("saved-steps/<str:id>/versions", saved_steps.Versions.as_view(), "api_saved_step_versions"),
    ("saved-steps/<str:id>/versions/<str:number>", saved_steps.OneVersion.as_view(), "api_saved_step_version"),
    ("ledger", ledger.Ledger.as_view(), "api_ledger"),
    ("files", files.Files.as_view(), "api_files"),
    ("files/<str:id>", files.One.as_view(), "api_file"),
    ("files/<str:id>/content", files.Content.as_view(), "api_file_content"),
    ("me", me.WhoAmI.as_view(), "api_me"),
    ("schema", schema.Schema.as_view(), "api_schema"),
    ("docs", schema.docs, "api_docs"),
]


def _patterns() -> Iterator[URLPattern]:
    for route, view, name in ROUTES:
        yield path(f"{route}/", view)
        yield path(route, view, name=name)
    yield path("", schema.Unknown.as_view())
    yield path("<path:rest>", schema.Unknown.as_view())


urlpatterns = list(_patterns())
