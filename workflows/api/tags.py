"""ETags: who has an answer already, and names its tag, does not get it once more (RFC 9110 §13.1.2)."""

from __future__ import annotations

import hashlib

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

NOT_MODIFIED = 304
KEPT = ("Cache-Control", "RateLimit", "RateLimit-Policy")


def tagged(request: Request, response: HttpResponseBase) -> HttpResponseBase:
    """What was read gets the digest of its body as its tag, or becomes a 304. A tag it has already means a draft, whose
    problems may change while it stays the same: that is always given anew.
    """
    if not isinstance(response, HttpResponse) or not _is_read(request, response) or "ETag" in response.headers:
        return response
    tag = f'"{hashlib.blake2b(response.content, digest_size=12).hexdigest()}"'
    response.headers["ETag"] = tag
    if not _is_known(request, tag):
        return response
    kept = {name: response.headers[name] for name in KEPT if name in response.headers}
    known = HttpResponse(status=NOT_MODIFIED, headers={**kept, "ETag": tag})
    del known.headers["Content-Type"]
    return known


def _is_read(request: Request, response: HttpResponse) -> bool:
    is_json = response.headers.get("Content-Type", "").startswith("application/json")
    return request.method in ("GET", "HEAD") and response.status_code == 200 and is_json


def _is_known(request: Request, tag: str) -> bool:
    """By the weak comparison: a proxy may have put W/ before it."""
    sent = [each.strip().removeprefix("W/") for each in request.headers.get("If-None-Match", "").split(",")]
    return tag in sent or "*" in sent
