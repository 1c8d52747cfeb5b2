"""The Content-Security-Policy of answers, said anew only where an answer has a part in it."""

from __future__ import annotations

from functools import lru_cache

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.http import HttpRequest
from django.http.response import HttpResponseBase

ASKS_FOR_ANOTHER = ("_csp_config", "_csp_update", "_csp_replace", "_csp_exempt")
"""What django-csp's decorators leave on an answer."""


class PolicyMiddleware(CSPMiddleware):
    """Most answers, all of the API among them, name no script of their own: theirs is put together once."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if getattr(request, "_csp_nonce", None) or any(hasattr(response, name) for name in ASKS_FOR_ANOTHER):
            return super().process_response(request, response)
        if HEADER not in response:
            response[HEADER] = _plain_policy()
        return response


@lru_cache(maxsize=1)
def _plain_policy() -> str:
    return build_policy()
