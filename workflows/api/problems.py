"""Every refusal of the API as a problem document (RFC 9457): what happened, to which thing, what to do next."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, ValidationError
from django.core.signals import got_request_exception
from django.db import OperationalError
from django.http import Http404, HttpResponse
from rest_framework import exceptions
from rest_framework.request import Request

from departments.refused import note
from workflows.services.idempotency import KeyReused
from workflows.services.refusals import Conflict, NotKept

if TYPE_CHECKING:
    from rest_framework.views import APIView  # its settings name this module

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
ROOT = "/api/v1/"

KINDS: Mapping[int, tuple[str, str]] = {
    400: ("bad-request", "The request is not right"),
    401: ("not-signed-in", "A token is needed"),
    403: ("not-allowed", "This token may not do that"),
    404: ("not-found", "There is no such thing here"),
    405: ("wrong-method", "This address does not take that method"),
    408: ("too-slow", "The request arrived too slowly"),
    409: ("conflict", "Something else was first"),
    411: ("length-required", "The length of the body is missing"),
    412: ("changed-meanwhile", "It has changed since you read it"),
    413: ("too-large", "The body is too large"),
    415: ("wrong-content-type", "This address does not take that content type"),
    422: ("key-reused", "The Idempotency-Key belongs to another request"),
    429: ("too-often", "Too many requests"),
    500: ("defect", "Something is broken on our side"),
    503: ("away", "The server cannot answer at the moment"),
    507: ("no-room", "There is no room left"),
}
"""Status → the last part of `type`, and `title`. The detail is the sentence to read."""

HOOK_KINDS: Mapping[int, tuple[str, str]] = {
    401: ("not-proven", "The call of a webhook is not proven"),
    422: ("not-started", "The call of a webhook could not start a run"),
}
"""What the same statuses mean at the address of a webhook, where there is neither a token nor an Idempotency-Key."""

NOT_FOUND = "There is no such thing, or it belongs to another department. Look at the id."


class TooLarge(exceptions.APIException):
    status_code = 413


class LengthRequired(exceptions.APIException):
    status_code = 411
    default_detail = "Send the body with a Content-Length."


class Stale(exceptions.APIException):
    """If-Match names another state than the present one."""

    status_code = 412


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a problem document says. `errors`: place in the request → sentence; `problems`: what belongs to no place."""

    status: int
    detail: str
    errors: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def document(self, instance: str, kinds: Mapping[int, tuple[str, str]] = KINDS) -> dict[str, Any]:
        kind, title = kinds.get(self.status) or KINDS.get(self.status, KINDS[400])
        said = {"type": f"{ROOT}docs#{kind}", "title": title, "status": self.status, "detail": self.detail}
        more = {"errors": dict(self.errors), "problems": list(self.problems)}
        return {**said, "instance": instance, **{name: value for name, value in more.items() if value}}


def problem_response(error: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """REST framework's exception handler. What nobody foresaw is logged under the id that the answer names."""
    request: Request = context["request"]
    refusal = refusal_of(error, context["view"])
    if isinstance(error, PermissionDenied):
        note(request._request, error)
    instance = _instance(request, refusal.status)
    if refusal.status in (500, 503):
        instance = f"urn:uuid:{uuid.uuid4()}"
        log.exception("api.failed: %s %s (%s)", request.method, request.path, instance, exc_info=error)
    if refusal.status == 500:
        got_request_exception.send(sender=None, request=request._request)
    body = json.dumps(refusal.document(instance), ensure_ascii=False)
    return HttpResponse(body, status=refusal.status, content_type=CONTENT_TYPE, headers=dict(refusal.headers))


def refusal_of(error: Exception, view: APIView) -> Refusal:
    match error:
        case Http404() | exceptions.NotFound():
            return Refusal(404, NOT_FOUND)
        case NotKept():
            return Refusal(error.status, " ".join(error.messages))
        case ValidationError():
            return _invalid(error)
        case Conflict():
            return Refusal(409, str(error))
        case KeyReused():
            return Refusal(422, str(error))
        case PermissionDenied():
            return Refusal(403, str(error) or "This token may not do that.")
        case exceptions.NotAuthenticated():
            return Refusal(401, "Send “Authorization: Bearer TOKEN”. A manager makes tokens.", headers=_headers(error))
        case exceptions.MethodNotAllowed():
            return Refusal(405, f"This address takes {', '.join(view.allowed_methods)}.")
        case exceptions.UnsupportedMediaType():
            taken = " or ".join(parser.media_type for parser in view.parser_classes)
            return Refusal(415, f"This address takes {taken}. Say so in Content-Type.")
        case exceptions.APIException():
            return Refusal(error.status_code, _detail(error), headers=_headers(error))
        case RequestDataTooBig():
            return Refusal(413, "The body is too large.")
        case SuspiciousOperation():
            return Refusal(400, "The request was refused because its form is not that of an honest one.")
        case OperationalError():
            return Refusal(503, "The database gives no answer. Try again in a moment.", headers={"Retry-After": "2"})
    return Refusal(500, "The server has a defect here. The operator finds it in the log under the instance given.")


def _invalid(error: ValidationError) -> Refusal:
    if hasattr(error, "error_dict"):
        errors = {name: " ".join(texts) for name, texts in error.message_dict.items()}
        return Refusal(400, " ".join(_told(name, text) for name, text in errors.items()), errors)
    return Refusal(400, " ".join(error.messages), problems=tuple(error.messages))


def _told(name: str, text: str) -> str:
    return f"{name}: {text}" if name else text


def _detail(error: exceptions.APIException) -> str:
    return str(error.detail) if not isinstance(error.detail, list | dict) else json.dumps(error.detail)


def _headers(error: exceptions.APIException) -> dict[str, str]:
    """What RFC 9110 asks for beside 401 and 429."""
    headers = {}
    if said := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = said
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait) + 1)
    return headers


def _instance(request: Request, status: int) -> str:
    """The address asked for; of what is not found only the kind of thing, so that all such answers are the same."""
    if status != 404:
        return str(request.path)
    return ROOT + request.path.removeprefix(ROOT).partition("/")[0]
