"""What publishing adds to a workflow: requests for a second person, differences, going back, and files."""

from __future__ import annotations

from typing import Any, Self

from django.http import HttpResponse
from django.urls import reverse
from pydantic import BaseModel, ConfigDict, Field
from rest_framework.request import Request

from departments.access import visible
from workflows import models
from workflows.api import answers, asked
from workflows.api.answers import Answer
from workflows.api.endpoint import Endpoint, answer
from workflows.api.once import answered_once
from workflows.api.operation import operation
from workflows.api.paging import page
from workflows.api.throttled import TakesDefinitions
from workflows.api.workflows import IF_MATCH, OfWorkflow, definition_of, draft_answer, matched, numbered
from workflows.engine.definition import load
from workflows.engine.differences import MISSING, Difference, Differs, Thing, differences
from workflows.models import RequestStatus
from workflows.runtime.kinds import kinds
from workflows.services.exchange import Examined, examine, import_workflow
from workflows.services.publishing import withdraw_request
from workflows.services.versions import restore_version


class Told(Answer):
    """One difference. `before` and `after` are left out where there is nothing."""

    deed: Differs
    thing: Thing
    step: str = Field(description="Id of the step; empty for the workflow itself.")
    field: str = Field(description="Dotted place, such as with.labels.neutral.description; empty for the whole step.")
    said: str = Field(description="A sentence.")
    before: Any = None
    after: Any = None

    @classmethod
    def of(cls, each: Difference) -> Self:
        held = {"before": each.before, "after": each.after}
        return cls(
            deed=each.deed,
            thing=each.thing,
            step=each.step,
            field=each.field,
            said=each.said,
            **{name: value for name, value in held.items() if value is not MISSING},
        )


class Comparison(Answer):
    differences: list[Told]


class Looked(Answer):
    """What a file would make. Nothing has been made."""

    name: str = Field(description="The file's own, numbered where it is taken.")
    definition: dict[str, Any]
    sample: dict[str, Any]
    problems: list[answers.Problem] = Field(description="What would keep it from being published.")
    missing: list[str] = Field(description="What it needs that this server or department does not have.")

    @classmethod
    def of(cls, found: Examined) -> Self:
        return cls(
            name=found.name,
            definition=dict(found.definition),
            sample=dict(found.sample),
            problems=answers.Problem.each(found.problems),
            missing=list(found.missing),
        )


class CompareQuestion(BaseModel):
    model_config = ConfigDict(extra="forbid")

    old: str = Field("", max_length=10, description="A number, `live` or `draft`; the live version when left out.")
    new: str = Field("draft", max_length=10, description="The same; the draft when left out.")


class RequestsQuestion(asked.Question):
    status: RequestStatus | None = None


class FileText(asked.Body):
    text: str = Field(description="The file: YAML or JSON.")


class Import(FileText):
    name: str = Field("", max_length=200, description="Taken from the file when it is left out.")


class Requests(Endpoint):
    @operation(
        "list_publish_requests",
        "List what a second person was asked",
        answer=answers.page_of(answers.PublishRequest),
        question=RequestsQuestion,
    )
    def get(self, request: Request) -> HttpResponse:
        """A person decides, on the page at `url`; a program cannot."""
        question = self.question(RequestsQuestion)
        rows = visible(models.PublishRequest.objects.all(), self.actor).select_related("workflow", "version")
        rows = rows.defer("workflow__draft", "workflow__sample", "version__definition")
        if question.status:
            rows = rows.filter(status=question.status)
        return page(request, rows, answers.PublishRequest, answers.PublishRequest.of)


class OneRequest(Endpoint):
    @operation("read_publish_request", "Read what a second person was asked", answer=answers.PublishRequest)
    def get(self, request: Request, id: str) -> HttpResponse:
        return answer(answers.PublishRequest.of(self.asked(id)))

    def asked(self, id: str) -> models.PublishRequest:
        return self.find(models.PublishRequest.objects.select_related("workflow", "version", "department"), id)


class Withdraw(OneRequest):
    http_method_names = ["post"]

    @operation(
        "withdraw_publish_request",
        "Take the question back",
        answer=answers.PublishRequest,
        body=asked.Nothing,
        repeats=True,
    )
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        found = self.asked(id)
        self.body(asked.Nothing)
        withdraw_request(found, actor=self.actor)
        return answer(answers.PublishRequest.of(self.asked(id)))


class Compare(OfWorkflow):
    @operation("compare_versions", "What is other between two versions", answer=Comparison, question=CompareQuestion)
    def get(self, request: Request, id: str) -> HttpResponse:
        """Each difference as a sentence and as data; without a question the live version against the draft."""
        question = self.question(CompareQuestion)
        workflow = self.workflow(id, with_draft=True)
        old, new = (load(definition_of(workflow, wanted)) for wanted in (question.old, question.new))
        return answer(Comparison(differences=[Told.of(each) for each in differences(old, new, kinds())]))


class Restore(OfWorkflow):
    @operation(
        "restore_version",
        "Make the draft like a version",
        answer=answers.Draft,
        body=asked.Nothing,
        headers=IF_MATCH,
        repeats=True,
        refusals=(412,),
    )
    @answered_once
    def post(self, request: Request, id: str, number: str) -> HttpResponse:
        """One edit of the draft, which `…/draft/undo` takes back. Nothing is published."""
        workflow = self.workflow(id, with_draft=True)
        self.body(asked.Nothing)
        version = numbered(workflow.versions.select_related("workflow__department"), number)
        return draft_answer(restore_version(version, actor=self.actor, revision=matched(request, workflow)).workflow)


class Imports(TakesDefinitions):
    @operation(
        "import_workflow", "Make a workflow of a file", answer=answers.Workflow, status=201, body=Import, repeats=True
    )
    @answered_once
    def post(self, request: Request) -> HttpResponse:
        """What `export` gives, with its sample. The draft may have problems; nothing of a bad file is made."""
        body = self.body(Import)
        made = import_workflow(body.text, self.token.department, actor=self.actor, name=body.name)
        return answer(answers.Workflow.of(made), 201, {"Location": reverse("api_workflow", args=[made.pk])})


class Look(TakesDefinitions):
    @operation(
        "look_at_file", "What a file would make, and what it lacks here", answer=Looked, body=FileText, repeats=True
    )
    @answered_once
    def post(self, request: Request) -> HttpResponse:
        """Nothing is made."""
        body = self.body(FileText)
        return answer(Looked.of(examine(body.text, self.token.department, actor=self.actor)))
