"""The API described for programs (OpenAPI) and for people."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from workflows.api.endpoint import Endpoint
from workflows.api.problems import HOOK_KINDS, KINDS, ROOT
from workflows.api.reading import groups_of


class TokenScheme(OpenApiAuthenticationExtension):
    """Found by drf-spectacular because it is defined."""

    target_class = "departments.tokens.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "`python3 manage.py create_token` prints one."}


class Open(Endpoint):
    """For anybody: what the API looks like is no secret, and tools read it before they have a token."""

    authentication_classes = ()
    permission_classes = ()


class Schema(Open):
    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(_text(), content_type="application/json", headers={"Cache-Control": "no-cache"})


class Unknown(Endpoint):
    """Every other address under /api/v1/."""

    @extend_schema(exclude=True)
    def get(self, request: Request, rest: str = "") -> HttpResponse:
        raise Http404

    post = put = patch = delete = get


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Every operation on one page, rendered here: it needs no script and nothing from elsewhere."""
    return render(
        request,
        "api/docs.html",
        {
            "groups": groups_of(described()),
            "kinds": [(status, *kind) for each in (KINDS, HOOK_KINDS) for status, kind in each.items()],
            "root": ROOT,
        },
    )


@cache
def described() -> dict[str, Any]:
    """The OpenAPI document. Made once per process: nothing in it changes while the server runs."""
    return dict(json.loads(_text()))


@cache
def _text() -> bytes:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    return bytes(OpenApiJsonRenderer().render(schema, renderer_context={}))


def without_doubles(endpoints: list[tuple[str, str, str, Any]], **_: Any) -> list[tuple[str, str, str, Any]]:
    """For drf-spectacular: each address also answers with a slash at its end, which need not be said twice."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith(ROOT) and not endpoint[0].endswith("/")]
