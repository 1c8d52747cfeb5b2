"""What all addresses of the API share: finding what the token may see, reading what was sent, answering."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import Http404, HttpResponse
from django.utils.crypto import salted_hmac
from pydantic import BaseModel
from pydantic import ValidationError as NotOfThatShape
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from departments.access import Actor, visible
from departments.models import ApiToken
from workflows.api.parsers import refuse_length
from workflows.api.tags import tagged
from workflows.engine import strict

Row = TypeVar("Row", bound=Model)
Shape = TypeVar("Shape", bound=BaseModel)

WORDS: Mapping[str, str] = {"missing": "This is needed.", "extra_forbidden": "There is nothing of this name here."}
"""pydantic's kinds of mistakes for which we have a better sentence."""


class OneForm(BaseContentNegotiation):
    """Each address answers in its one form, whatever a client says that it would rather have (RFC 9110 §12.1)."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        sent = request.content_type.partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == sent), None)

    def select_renderer(
        self, request: Request, renderers: list[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


class Endpoint(APIView):
    """One address. Its methods are adapters: find what the token may see, call the service, answer."""

    content_negotiation_class = OneForm
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.refuse_body(request)

    def refuse_body(self, request: Request) -> None:
        """Refuses a body by its announced length."""
        refuse_length(request)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        response.headers.setdefault("Cache-Control", "no-store")
        if (allowance := getattr(request._request, "allowance", None)) is not None:
            for name, value in allowance.headers().items():
                response.headers[name] = value
        return super().finalize_response(request, tagged(request, response), *args, **kwargs)

    @property
    def actor(self) -> Actor:
        return self.request.actor

    @property
    def token(self) -> ApiToken:
        return self.request.auth

    def find(self, rows: QuerySet[Row], id: str, *, path: str = "department") -> Row:
        """The row of this id. One answer for what is unknown, malformed or another department's (rule S11)."""
        known = identifier(id)
        row = visible(rows, self.actor, path=path).filter(pk=known).first() if known else None
        if row is None:
            raise Http404
        return row

    def body(self, shape: type[Shape]) -> Shape:
        """What was sent. Raises ValidationError naming each field."""
        given = self.request.data
        if not isinstance(given, dict):
            raise ValidationError("The body must be a JSON object.")
        return read(shape, given)

    def question(self, shape: type[Shape]) -> Shape:
        """The part of the address behind the question mark. Raises ValidationError naming each parameter."""
        return read(shape, {name: _only(name, values) for name, values in self.request.query_params.lists()})

    def fingerprint(self) -> str:
        """HMAC of what was asked, with the server's key: from a copy of the database nobody guesses a password in it.

        The order of names and the space between them do not matter.
        """
        text = json.dumps(self.request.data, sort_keys=True, ensure_ascii=False)
        return salted_hmac("workflows.api.fingerprint", text, algorithm="sha256").hexdigest()


def identifier(text: str) -> UUID | None:
    """The id as we write it, or None for anything else."""
    try:
        known = UUID(text)
    except ValueError:
        return None
    return known if str(known) == text.lower() else None


def read(shape: type[Shape], given: Mapping[str, Any]) -> Shape:
    try:
        return shape.model_validate(given)
    except NotOfThatShape as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise ValidationError({_place(each["loc"]): _sentence(each["type"], each["msg"]) for each in found}) from None


def answer(said: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    return HttpResponse(
        said.model_dump_json(), status=status, content_type="application/json", headers=dict(headers or {})
    )


def _only(name: str, values: list[str]) -> str:
    try:
        strict.check_text(values[0])
    except strict.NotStrict as error:
        raise ValidationError({strict.legible(name, 100): f"This is refused: {error}."}) from None
    if len(values) > 1:
        raise ValidationError({strict.legible(name, 100): "This stands in the address more than once."})
    return values[0]


def _place(loc: tuple[int | str, ...]) -> str:
    return strict.legible(".".join(map(str, loc)), 200)


def _sentence(kind: str, message: str) -> str:
    return WORDS.get(kind, f"{message.removeprefix('Value error, ')}.")
