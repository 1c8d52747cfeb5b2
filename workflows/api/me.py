"""Who is asking: the token, and what it may do."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpResponse
from rest_framework.request import Request

from departments.access import Verb
from departments.models import Role
from workflows.api import answers
from workflows.api.endpoint import Endpoint, answer
from workflows.api.operation import operation


class Home(answers.Answer):
    slug: str
    name: str
    time_zone: str


class Me(answers.Answer):
    kind: str
    id: str
    name: str
    role: Role
    department: Home
    may: list[Verb]
    expires_at: datetime


class WhoAmI(Endpoint):
    @operation("read_me", "Who this token is and what it may do", answer=Me)
    def get(self, request: Request) -> HttpResponse:
        token, department = self.token, self.token.department
        return answer(
            Me(
                kind=self.actor.kind,
                id=self.actor.id,
                name=token.name,
                role=Role(token.role),
                department=Home(slug=department.slug, name=department.name, time_zone=department.time_zone),
                may=[verb for verb in Verb if self.actor.may(verb, department.pk)],
                expires_at=token.expires_at,
            )
        )
