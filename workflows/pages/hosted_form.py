"""The form of a workflow at an address of its own, for people who may have no account here.

Against machines that fill in whatever they find: a field that people do not see, a moment that nobody can be faster
than, a seal that counts once, and so many answers a minute.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.core import signing
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from uuid_utils.compat import uuid7

from connectors.forms import Filled, Form, read
from connectors.sdk.triggers import Event
from workflows.models import Heard, StoredFile, Trigger
from workflows.pages.page import Request, page
from workflows.pages.starting import start_form
from workflows.pages.uploaded import with_files
from workflows.services.files import store_file
from workflows.services.firing import actor_of, fire
from workflows.services.hooks import has_room
from workflows.services.refusals import Conflict, NotKept
from workflows.services.runs import title_from
from workflows.services.triggers import find_told, settings_of

SALT: Final = "hosted-form"
FASTEST_S = 2
LASTS_S = 24 * 3600
TRAP: Final = "website"
KIND: Final = "web.form"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def hosted_form(request: Request, token: str) -> HttpResponse:
    trigger = find_told(token, KIND)
    if trigger is None or trigger.workflow.live_id is None:
        raise Http404
    try:
        who = settings_of(trigger).who
    except Conflict:
        raise Http404 from None
    return _signed_in(request, trigger) if who == "signed_in" else _form(request, trigger)


@page
def _signed_in(request: Request, trigger: Trigger) -> HttpResponse:
    return _form(request, trigger)


def _form(request: Request, trigger: Trigger) -> HttpResponse:
    form = _questions(request, trigger)
    if request.method != "POST":
        return _shown(request, trigger, form)
    if request.POST.get(TRAP):
        return _thanks(request, trigger)
    typed = read(form, request.POST, request.FILES)
    seal, problem = _seal(request)
    if not problem and not has_room(trigger, settings_of(trigger).per_minute):
        problem = _("Very many people write just now. Nothing is lost: send it again in a minute.")
        return _shown(request, trigger, typed.form, problem, 429)
    if problem:
        return _shown(request, trigger, typed.form, problem, 422)
    # Not before: whoever has the address could else fill the disk, and ask for the names of other files.
    keeper = _Keeper(trigger, 413 if _is_too_large(request) else 422)
    filled = with_files(typed, trigger.department, keeper.store, brought_by=actor_of(trigger).label)
    if not filled.form.is_good:
        return _shown(request, trigger, filled.form, "", keeper.status)
    return _sent(request, trigger, filled, seal)


def _sent(request: Request, trigger: Trigger, filled: Filled, seal: str) -> HttpResponse:
    by = request.user.email if request.user.is_authenticated else ""
    fired = fire(trigger, Event(seal, {"by": by, **filled.values}, title_from(filled.values)))
    if fired.outcome == Heard.REFUSED:
        said = _("It cannot be taken at the moment, and whoever looks after this form has been told. Try again later.")
        return _shown(request, trigger, filled.form, said, 503)
    return _thanks(request, trigger)


def _questions(request: Request, trigger: Trigger) -> Form:
    """Those of the live version; without files for people whom nobody knows, unless they are wanted."""
    form = start_form(trigger.workflow)
    if request.user.is_authenticated or settings_of(trigger).files:
        return form
    return Form(tuple(asked for asked in form.fields if asked.widget != "file"))


def _seal(request: Request) -> tuple[str, str]:
    """What the form was given when it was shown, and why it does not count."""
    try:
        seal, shown_at = signing.loads(request.POST.get("seal", ""), salt=SALT, max_age=LASTS_S)
    except (signing.BadSignature, ValueError):
        return "", _("This form has lain open for too long. Look it over, and send it again.")
    if time.time() - shown_at < FASTEST_S:
        return "", _("That was very fast. Look it over, and send it again.")
    return str(seal), ""


def _is_too_large(request: Request) -> bool:
    """Some file of it; its field says so."""
    brought = (each for name in request.FILES for each in request.FILES.getlist(name))
    return any((each.size or 0) > settings.UPLOAD_MAX_BYTES for each in brought)


@dataclass
class _Keeper:
    """`status`: what a form answers of which some file was not kept."""

    trigger: Trigger
    status: int

    def store(self, name: str, content: bytes) -> StoredFile:
        try:
            return store_file(self.trigger.department, name=name, content=content, actor=actor_of(self.trigger))
        except NotKept as refused:
            self.status = refused.status
            raise


def _shown(request: Request, trigger: Trigger, form: Form, problem: str = "", status: int = 200) -> HttpResponse:
    seal = signing.dumps([str(uuid7()), time.time()], salt=SALT)
    context: dict[str, Any] = {**_context(trigger), "form": form, "problem": problem, "seal": seal, "trap": TRAP}
    return render(request, "workflows/triggers/form.html", context, status=status)


def _thanks(request: Request, trigger: Trigger) -> HttpResponse:
    return render(request, "workflows/triggers/thanks.html", _context(trigger))


def _context(trigger: Trigger) -> dict[str, Any]:
    return {"workflow": trigger.workflow, "settings": settings_of(trigger), "department": trigger.department}
