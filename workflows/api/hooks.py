"""`POST /hooks/TOKEN`: another system calls, and a run starts. The address is all that it needs to know of Tandem."""

from __future__ import annotations

import json
from collections.abc import Mapping
from threading import BoundedSemaphore
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from connectors import vault
from workflows.api.problems import CONTENT_TYPE, HOOK_KINDS, Refusal
from workflows.api.waiting import wait_for
from workflows.models import Heard, Run, RunStatus, Trigger
from workflows.services import hooks
from workflows.services.firing import Fired, fire, started
from workflows.services.refusals import Conflict
from workflows.services.triggers import find_told, settings_of

RETRY_AFTER_S = 15
AT_ONCE = 6
"""Calls that one web process has in hand; it has a few threads more, so that people's pages are answered in a storm."""

_places = BoundedSemaphore(AT_ONCE)


@csrf_exempt
@never_cache
def hook(request: HttpRequest, token: str) -> HttpResponse:
    """202 with the run, or a problem document: 401 not proven, 404 unknown, 413, 422 cannot start, 429 too often."""
    if request.method != "POST":
        return _refused(405, "Send a POST.", {"Allow": "POST"})
    if not _places.acquire(blocking=False):
        return _too_often("The server has its hands full. Try again later.")
    try:
        heard = _heard(request, token)
    finally:
        _places.release()
    return heard if isinstance(heard, HttpResponse) else _answer(*heard)


def _heard(request: HttpRequest, token: str) -> HttpResponse | tuple[Trigger, Fired]:
    """What came of the call, or why nothing did."""
    trigger = find_told(token, "web.hook")
    if trigger is None:
        return _refused(404, "There is nothing here.")
    try:
        event = hooks.event_of(trigger, _call(request))
    except hooks.NotProven:
        return _refused(401, "The signature is missing, wrong, or too old. Look at the secret and the clock.")
    except hooks.TooOften:
        return _too_often("More calls this minute than this address takes. Try again later.")
    except hooks.Unreadable as error:
        return _refused(400, str(error))
    except Conflict as error:
        return _refused(503, str(error))
    except vault.CannotOpen:
        return _refused(503, "The server cannot read the secret of this address. Tell whoever has set it up.")
    except RequestDataTooBig:
        return _refused(413, f"The body is larger than {hooks.LARGEST_BODY:,} bytes.")
    return trigger, fire(trigger, event)


def _call(request: HttpRequest) -> hooks.Call:
    """Raises RequestDataTooBig."""
    if int(request.headers.get("Content-Length") or 0) > hooks.LARGEST_BODY:
        raise RequestDataTooBig
    headers = {name.lower(): value for name, value in request.headers.items()}
    return hooks.Call(request.body, headers, {name: str(value) for name, value in request.GET.items()})


def _answer(trigger: Trigger, fired: Fired) -> HttpResponse:
    if fired.outcome == Heard.REFUSED:
        return _refused(422, fired.said)
    run = started(fired)
    if run is None:
        status = 202 if fired.outcome == Heard.KEPT else 200
        return JsonResponse({"run": None, "outcome": fired.outcome.value}, status=status)
    waits_s = settings_of(trigger).waits_s
    if waits_s:
        wait_for(run, waits_s)
        run.refresh_from_db()
    return JsonResponse(_told(run), status=200 if RunStatus(run.status).is_over else 202)


def _told(run: Run) -> dict[str, Any]:
    """Its end where it is there; else where to look, which asks for a token."""
    known = {"run": str(run.pk), "status": run.status, "url": settings.PUBLIC_URL + reverse("run", args=[run.pk])}
    return {**known, "output": run.output, "error": run.error} if RunStatus(run.status).is_over else known


def _too_often(detail: str) -> HttpResponse:
    return _refused(429, detail, {"Retry-After": str(RETRY_AFTER_S)})


def _refused(status: int, detail: str, headers: Mapping[str, str] | None = None) -> HttpResponse:
    document = Refusal(status, detail).document("/hooks/…", HOOK_KINDS)
    return HttpResponse(
        json.dumps(document, ensure_ascii=False), status=status, content_type=CONTENT_TYPE, headers=dict(headers or {})
    )
