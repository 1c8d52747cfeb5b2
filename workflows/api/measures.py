"""What people made of a workflow's drafts and questions."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.request import Request

from workflows.api import answers
from workflows.api.endpoint import answer
from workflows.api.operation import operation
from workflows.api.workflows import OfWorkflow
from workflows.services import measures


class Measures(answers.Answer):
    steps: list[measures.StepMeasure]
    unread: list[measures.Unread]


class OfDecisions(OfWorkflow):
    @operation("read_measures", "What people made of its drafts and questions", answer=Measures)
    def get(self, request: Request, id: str) -> HttpResponse:
        """Decisions of people by step, version and model: accepted as it was, lightly or heavily edited, sent back,
        rejected; how long a question was open and looked at. Never by person. `unread` names steps that are approved
        nearly unread."""
        found = measures.measures_of(self.workflow(id))
        return answer(Measures(steps=list(found.steps), unread=list(found.unread)))
