"""Workflows: list, create, draft, publish, versions, export, and starting a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.http import content_disposition_header
from rest_framework.request import Request

from departments.access import visible
from workflows.api import answers, asked
from workflows.api.endpoint import Endpoint, answer, identifier
from workflows.api.once import answered_once
from workflows.api.operation import operation
from workflows.api.paging import page
from workflows.api.problems import Stale
from workflows.api.throttled import TakesDefinitions
from workflows.engine import definition as definitions
from workflows.models import Priority, PublishRequest, Run, SavedStepVersion, Version, Workflow
from workflows.services.exchange import export_workflow
from workflows.services.publishing import publish_or_ask
from workflows.services.refusals import Conflict
from workflows.services.retention import keep_for
from workflows.services.runs import accept_run, find_startable
from workflows.services.workflows import create_workflow, draft_problems, offer_as_tool, save_draft

Numbered = TypeVar("Numbered", Version, SavedStepVersion)
IF_MATCH = {"If-Match": "The ETag of the draft as you read it; 412 when somebody has changed it since."}


class OfWorkflow(Endpoint):
    def workflow(self, id: str, *, with_draft: bool = False) -> Workflow:
        """By id or by slug: within a department a slug is as good as an id."""
        rows = Workflow.objects.select_related("department", "live").defer("sample", "live__definition")
        rows = rows if with_draft else rows.defer("sample", "live__definition", "draft")
        if identifier(id) is not None:
            return self.find(rows, id)
        named = visible(rows.filter(slug=id), self.actor).first() if is_slug(id) else None
        if named is None:
            raise Http404
        return named


class Workflows(TakesDefinitions):
    @operation(
        "list_workflows",
        "List workflows",
        answer=answers.page_of(answers.Workflow),
        question=asked.WorkflowsQuestion,
    )
    def get(self, request: Request) -> HttpResponse:
        question = self.question(asked.WorkflowsQuestion)
        rows = visible(Workflow.objects.all(), self.actor).filter(archived_at__isnull=not question.archived)
        rows = rows.select_related("department", "live").defer("draft", "sample", "live__definition")
        if question.name:
            rows = rows.filter(name__icontains=question.name)
        return page(request, rows, answers.Workflow, answers.Workflow.of)

    @operation(
        "create_workflow",
        "Create a workflow with its draft",
        answer=answers.Workflow,
        status=201,
        body=asked.NewWorkflow,
        repeats=True,
    )
    @answered_once
    def post(self, request: Request) -> HttpResponse:
        """The token's department owns it. What `export` gives can be sent as `definition`."""
        body = self.body(asked.NewWorkflow)
        definition = as_mapping(body.definition)
        made = create_workflow(
            self.token.department,
            name=body.name or str(definition.get("name", "")),
            definition=definition,
            actor=self.actor,
        )
        return answer(answers.Workflow.of(made), 201, {"Location": reverse("api_workflow", args=[made.pk])})


class One(OfWorkflow):
    @operation("read_workflow", "Read a workflow", answer=answers.Workflow, tagged=True)
    def get(self, request: Request, id: str) -> HttpResponse:
        """`id` may also be the slug."""
        return answer(answers.Workflow.of(self.workflow(id)))


class AsTool(OfWorkflow):
    @operation("offer_as_tool", "Offer a workflow as a tool of other AI", answer=answers.Workflow, body=asked.Enabled)
    def put(self, request: Request, id: str) -> HttpResponse:
        """By the MCP server at `/mcp`, for tokens of its department whose role may start runs."""
        workflow = self.workflow(id)
        offer_as_tool(workflow, on=self.body(asked.Enabled).enabled, actor=self.actor)
        return answer(answers.Workflow.of(workflow))


class Retention(OfWorkflow):
    @operation("keep_contents", "Say how long contents of runs are kept", answer=answers.Workflow, body=asked.Retention)
    def put(self, request: Request, id: str) -> HttpResponse:
        """So many days after the end of each run; `null`: for ever. By managers. A legal hold keeps all."""
        workflow = self.workflow(id)
        keep_for(workflow, self.body(asked.Retention).days, actor=self.actor)
        return answer(answers.Workflow.of(workflow))


class Draft(TakesDefinitions, OfWorkflow):
    @operation("read_draft", "Read the draft and what keeps it from being published", answer=answers.Draft)
    def get(self, request: Request, id: str) -> HttpResponse:
        return draft_answer(self.workflow(id, with_draft=True))

    @operation(
        "save_draft", "Replace the draft", answer=answers.Draft, body=asked.DraftBody, headers=IF_MATCH, refusals=(412,)
    )
    def put(self, request: Request, id: str) -> HttpResponse:
        workflow = self.workflow(id, with_draft=True)
        body = self.body(asked.DraftBody)
        known = matched(request, workflow)
        try:
            revision = body.revision if known is None else known
            save_draft(workflow, as_mapping(body.definition), actor=self.actor, revision=revision)
        except Conflict as conflict:
            if known is None:
                raise
            raise Stale(str(conflict)) from None
        return draft_answer(workflow)


class Publish(OfWorkflow):
    @operation(
        "publish_workflow",
        "Make the draft the version that new runs take",
        answer=answers.Version,
        status=201,
        also={202: answers.PublishRequest},
        body=asked.Publication,
        headers=IF_MATCH,
        repeats=True,
        refusals=(412,),
    )
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """400 with `problems` when something in the draft cannot run. Where the department wants a second person to
        approve, that person is asked: 202 with the request instead of the version."""
        workflow = self.workflow(id, with_draft=True)
        body = self.body(asked.Publication)
        matched(request, workflow)
        made = publish_or_ask(workflow, note=body.note, actor=self.actor)
        if isinstance(made, PublishRequest):
            where = reverse("api_publish_request", args=[made.pk])
            return answer(answers.PublishRequest.of(made), 202, {"Location": where})
        return answer(answers.Version.whole(made, made.pk), 201)


class Versions(OfWorkflow):
    @operation(
        "list_versions",
        "List the published versions",
        answer=answers.page_of(answers.VersionLine),
        question=asked.Question,
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        self.question(asked.Question)
        workflow = self.workflow(id)
        rows = workflow.versions.defer("definition")
        return page(request, rows, answers.VersionLine, lambda row: answers.VersionLine.of(row, workflow.live_id))


class OneVersion(OfWorkflow):
    @operation("read_version", "Read one version with its definition", answer=answers.Version, tagged=True)
    def get(self, request: Request, id: str, number: str) -> HttpResponse:
        workflow = self.workflow(id)
        return answer(answers.Version.whole(numbered(workflow.versions.all(), number), workflow.live_id))


class Export(OfWorkflow):
    @operation(
        "export_workflow",
        "The workflow as a file to read and to keep",
        answer={"type": "object", "description": "A workflow, as `create_workflow` takes it."},
        content_type="application/yaml",
        question=asked.ExportQuestion,
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        question = self.question(asked.ExportQuestion)
        workflow = self.workflow(id, with_draft=True)
        definition = definitions.load(definition_of(workflow, question.version))
        text = export_workflow(definition, workflow.sample if question.sample else None).text
        disposition = content_disposition_header(True, f"{workflow.slug}.yaml")
        return HttpResponse(
            text, content_type="application/yaml; charset=utf-8", headers={"Content-Disposition": disposition}
        )


class Runs(OfWorkflow):
    @operation("start_run", "Start a run", answer=answers.Run, status=201, body=asked.Start, repeats=True)
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """400 names each input that is missing, unknown or wrong under `errors`; 409 when nothing is published."""
        workflow = find_startable(self.actor, id=identifier(id), slug=id if is_slug(id) else "")
        if workflow is None:
            raise Http404
        body = self.body(asked.Start)
        accepted = accept_run(workflow, inputs=body.inputs, actor=self.actor, mode=body.mode, priority=Priority.NORMAL)
        return answer(
            answers.Run.with_steps(_with_version(accepted.run, workflow), accepted.steps.values()),
            201,
            {"Location": reverse("api_run", args=[accepted.run.pk])},
        )


def as_mapping(definition: Mapping[str, Any] | str) -> Mapping[str, Any]:
    """A definition that was sent as text becomes an object. Raises ValidationError."""
    if not isinstance(definition, str):
        return definition
    try:
        return definitions.dump(definitions.from_text(definition))
    except definitions.BadDefinition as error:
        raise ValidationError(
            {f"definition.{place}".rstrip("."): why for place, why in error.problems.items()}
        ) from None


def matched(request: Request, workflow: Workflow) -> int | None:
    """The revision that If-Match names, None without the header. Raises Stale when it is not the present one."""
    sent = request.headers.get("If-Match", "").strip()
    if sent in ("", "*"):
        return None
    if etag(workflow) not in [tag.strip() for tag in sent.split(",")]:
        raise Stale(
            f"The draft of “{workflow.name}” has changed since you read it. Read it again, then send your change."
        )
    return workflow.draft_revision


def etag(workflow: Workflow) -> str:
    return f'"{workflow.draft_revision}"'


def is_slug(text: str) -> bool:
    return 0 < len(text) <= 60 and text.isascii() and all(letter.isalnum() or letter in "-_" for letter in text)


def _with_version(run: Run, workflow: Workflow) -> Run:
    """The service keeps the id alone; the row is at hand."""
    if workflow.live is not None and run.version_id == workflow.live.pk:
        run.version = workflow.live
    return run


def draft_answer(workflow: Workflow) -> HttpResponse:
    problems = answers.Problem.each(draft_problems(workflow))
    said = answers.Draft(revision=workflow.draft_revision, definition=workflow.draft, problems=problems)
    return answer(said, headers={"ETag": etag(workflow)})


def definition_of(workflow: Workflow, wanted: str) -> dict[str, Any]:
    """A number, live or draft; nothing means the live version, else the draft. Raises Http404."""
    if wanted == "draft" or (not wanted and workflow.live is None):
        return workflow.draft
    if wanted in ("", "live") and workflow.live is None:
        raise Http404
    number = str(workflow.live.number) if wanted in ("", "live") and workflow.live else wanted
    return numbered(workflow.versions.all(), number).definition


def numbered(rows: QuerySet[Numbered], number: str) -> Numbered:
    """The version of this number, as it stands in an address. Raises Http404."""
    known = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0
    row = rows.filter(number=known).first() if known else None
    if row is None:
        raise Http404
    return row
