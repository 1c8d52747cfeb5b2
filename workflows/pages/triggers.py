"""What starts a workflow by itself: set up, seen live, changed, switched off, removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from uuid_utils.compat import uuid7

from connectors.forms import Field, Form, condition_field, form_for_model, read
from connectors.sdk.triggers import Clock, Told, Watch
from connectors.sdk.triggers import Trigger as Kind
from departments.access import Verb, visible
from workflows.models import Trigger, Workflow
from workflows.pages.build_sources import Asking, sources_for
from workflows.pages.page import Request, page
from workflows.pages.workflows import find, sentences
from workflows.runtime import journey
from workflows.runtime.kinds import triggers
from workflows.services import firing, watching
from workflows.services import triggers as services
from workflows.services.refusals import Conflict
from workflows.services.triggers import Shown, Wanted
from workflows.services.workflows import offer_as_tool

EVENTS_SHOWN = 30
TIMES_SHOWN = 3
INPUT = "input-"
REFERENCE = "reference"
ONLY_IF = "only_if"


@page
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def new(request: Request, pk: UUID) -> HttpResponse:
    """First what it waits for, then its form."""
    workflow = _to_publish(request, pk)
    name = request.GET.get("kind", "")
    if name not in triggers():
        context = {"workflow": workflow, "kinds": triggers().values()}
        return render(request, "workflows/triggers/choose.html", context)
    kind = triggers()[name]
    form = _form(workflow, kind)
    if request.method == "POST":
        filled = read(form, request.POST)
        try:
            made, shown = services.set_up(workflow, name, _wanted(kind, filled.values), actor=request.actor)
        except ValidationError as refused:
            form = _with_refusals(filled.form, refused)
        else:
            # A secret is shown once; without one, loading the page again must not set up another trigger.
            return _page(request, made, form=None, shown=shown) if shown.secret else redirect("trigger", pk, made.pk)
    context = {"workflow": workflow, "kind": kind, "form": form, "gives": _gives(kind)}
    return render(request, "workflows/triggers/new.html", context, status=422 if request.method == "POST" else 200)


@page
@require_GET
@never_cache
def one(request: Request, pk: UUID, trigger: UUID) -> HttpResponse:
    return _page(request, _find(request, pk, trigger), form=None)


@page
@require_POST
@never_cache
def change(request: Request, pk: UUID, trigger: UUID) -> HttpResponse:
    found = _find(request, pk, trigger, Verb.PUBLISH)
    kind = _kind(found)
    filled = read(_form(found.workflow, kind, found), request.POST)
    try:
        services.change(found, _wanted(kind, filled.values), actor=request.actor)
    except ValidationError as refused:
        return _page(request, found, form=_with_refusals(filled.form, refused), status=422)
    messages.success(request, _("Saved. It counts from now on."))
    return redirect("trigger", pk, trigger)


@page
@require_POST
def switch(request: Request, pk: UUID, trigger: UUID) -> HttpResponse:
    found = _find(request, pk, trigger, Verb.PUBLISH)
    services.switch(found, on=request.POST.get("on") == "1", actor=request.actor)
    return redirect("trigger", pk, trigger)


@page
@require_POST
def remove(request: Request, pk: UUID, trigger: UUID) -> HttpResponse:
    found = _find(request, pk, trigger, Verb.PUBLISH)
    services.remove(found, actor=request.actor)
    messages.success(request, _("“%(title)s” was removed. It starts nothing any more.") % {"title": found.title})
    return redirect("workflow", pk)


@page
@require_POST
@never_cache
def renew(request: Request, pk: UUID, trigger: UUID) -> HttpResponse:
    """The new secret is shown this once."""
    found = _find(request, pk, trigger, Verb.PUBLISH)
    return _page(request, found, form=None, shown=services.renew_secret(found, actor=request.actor))


@page
@require_POST
def as_tool(request: Request, pk: UUID) -> HttpResponse:
    """Offered to the AI of other programs, or no longer."""
    workflow = _to_publish(request, pk)
    offer_as_tool(workflow, on=request.POST.get("on") == "1", actor=request.actor)
    return redirect("workflow", pk)


@page
@require_POST
def start_now(request: Request, pk: UUID, trigger: UUID) -> HttpResponse:
    """A real run, as if its time had come now; or a real look. Whoever sets one up need not wait until Monday."""
    found = _find(request, pk, trigger, Verb.RUN)
    kind = _kind(found)
    if issubclass(kind, Watch):
        watching.look_soon(found)
        messages.success(request, _("It looks in a moment. Each thing that is new starts a run."))
        return redirect("trigger", pk, trigger)
    if not issubclass(kind, Clock):
        raise Conflict("This cannot be started from here. Let happen what it waits for.")
    event = kind().event(services.settings_of(found), timezone.now())
    fired = firing.fire(found, replace(event, key=f"by-hand-{uuid7()}"))
    if fired.run_id is None:
        messages.warning(request, fired.said or _("It is kept until a run waits for it."))
        return redirect("trigger", pk, trigger)
    return redirect("run", fired.run_id)


def _page(
    request: Request, trigger: Trigger, *, form: Form | None, shown: Shown | None = None, status: int = 200
) -> HttpResponse:
    kind = triggers().get(trigger.kind)
    may_publish = request.actor.may(Verb.PUBLISH, trigger.department_id)
    told = shown or (services.told(trigger) if may_publish and kind and issubclass(kind, Told) else Shown())
    context = {
        "trigger": trigger,
        "workflow": trigger.workflow,
        "kind": kind,
        "said": _in_words(trigger, kind),
        "form": form or (_form(trigger.workflow, kind, trigger) if kind else None),
        "gives": _gives(kind) if kind else (),
        "events": trigger.events.all()[:EVENTS_SHOWN],
        "lacks": services.never_given(trigger, kind) if kind else (),
        "times": _next_times(trigger, kind),
        "address": _address(kind, told.path),
        "signs": kind is not None and issubclass(kind, Told) and kind.signs,
        "secret": told.secret,
        "is_clock": kind is not None and issubclass(kind, Clock),
        "is_watch": kind is not None and issubclass(kind, Watch),
        "may_publish": may_publish,
        "may_run": request.actor.may(Verb.RUN, trigger.department_id),
    }
    return render(request, "workflows/triggers/trigger.html", context, status=status)


def _in_words(trigger: Trigger, kind: type[Kind] | None) -> str:
    try:
        return kind.said(services.settings_of(trigger)) if kind else trigger.kind
    except Conflict as error:
        return str(error)


def _address(kind: type[Kind] | None, path: str) -> str:
    if not path or kind is None or not issubclass(kind, Told):
        return ""
    return settings.PUBLIC_URL + reverse(kind.at, args=[path])


def _next_times(trigger: Trigger, kind: type[Kind] | None) -> list[str]:
    """In the schedule's own time zone, where its hour is the one that people have written."""
    if kind is None or not issubclass(kind, Clock) or trigger.next_at is None:
        return []
    try:
        own = services.settings_of(trigger)
    except Conflict:
        return []
    times = islice(kind().times(own, trigger.next_at), TIMES_SHOWN)
    return [date_format(localtime(at, ZoneInfo(own.zone)), "l, j F Y, H:i") for at in times]


# ── the form ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _form(workflow: Workflow, kind: type[Kind], trigger: Trigger | None = None) -> Form:
    """Its name, its settings, and what each input of the live version gets."""
    help = _("Stands where its runs say who started them. Empty: what it does, in words.")
    title = Field("title", _("Name"), "text", help, kind.title, value=trigger.title if trigger else "")
    sources = sources_for(Asking(workflow), kind.Settings)
    own = form_for_model(kind.Settings, trigger.settings if trigger else None, sources=sources)
    return Form((title, *own.fields, *_input_fields(workflow, trigger), _condition(trigger), _reference_field(trigger)))


def _condition(trigger: Trigger | None) -> Field:
    help = _(
        "An event for which this does not hold starts nothing. Look at data of the event, such as {{ event.title }}."
    )
    return condition_field(ONLY_IF, trigger.only_if if trigger else None, label=_("Only if"), help=help)


def _reference_field(trigger: Trigger | None) -> Field:
    help = _(
        "Empty: each event starts a run. Else it starts none, and goes to the run that waits for it, in a step “Wait "
        "for an event” with the same reference, such as {{ event.body.order }}."
    )
    value = trigger.reference if trigger else ""
    return Field(REFERENCE, _("Reference of a run that waits"), "text", help, value=value)


def _input_fields(workflow: Workflow, trigger: Trigger | None) -> list[Field]:
    if workflow.live_id is None:
        return []
    given = trigger.inputs if trigger else {}
    help = _("With data of the event as {{ event.… }}. Empty: what the event calls “%(name)s”, if it does.")
    return [
        Field(
            f"{INPUT}{name}",
            _("What “%(input)s” gets") % {"input": asked.title or name.replace("_", " ").capitalize()},
            "text",
            help % {"name": name},
            value=given.get(name, ""),
        )
        for name, asked in journey.tree_of(workflow.live_id).definition.inputs.items()
    ]


def _gives(kind: type[Kind]) -> list[tuple[str, str, str]]:
    """Reference, title and description of each thing that its events hold."""
    properties = kind.Gives.model_json_schema().get("properties", {})
    return [
        (f"{{{{ event.{name} }}}}", each.get("title", name), each.get("description", ""))
        for name, each in properties.items()
    ]


def _wanted(kind: type[Kind], values: Mapping[str, Any]) -> Wanted:
    own = {name: value for name, value in values.items() if name in kind.Settings.model_fields and value is not None}
    inputs = {name.removeprefix(INPUT): value for name, value in values.items() if name.startswith(INPUT) and value}
    only_if = values.get(ONLY_IF) or None
    return Wanted(str(values.get("title") or ""), own, inputs, only_if, str(values.get(REFERENCE) or ""))


def _with_refusals(form: Form, refused: ValidationError) -> Form:
    said = {name.replace("inputs.", INPUT): text for name, text in sentences(refused).items()}
    wrong = {asked.name for asked in form.fields if asked.error}
    return form.with_errors({name: text for name, text in said.items() if name not in wrong})


# ── who and what ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _to_publish(request: Request, pk: UUID) -> Workflow:
    workflow = find(request, pk)
    if not request.actor.may(Verb.PUBLISH, workflow.department_id):
        raise PermissionDenied(_("Your role does not let you say when a workflow starts. A builder or manager can."))
    return workflow


def _find(request: Request, pk: UUID, trigger: UUID, verb: Verb = Verb.VIEW) -> Trigger:
    """404 where one may not see it, PermissionDenied where one may only see it."""
    rows = Trigger.objects.filter(removed_at=None, workflow=pk)
    rows = rows.select_related("workflow__department", "workflow__live", "department", "secret", "owner")
    found = get_object_or_404(visible(rows, request.actor), pk=trigger)
    if not request.actor.may(verb, found.department_id):
        raise PermissionDenied(_("Your role does not let you say when a workflow starts. A builder or manager can."))
    return found


def _kind(trigger: Trigger) -> type[Kind]:
    """Raises Http404 for a kind that is not installed (any more)."""
    if trigger.kind not in triggers():
        raise Http404(trigger.kind)
    return triggers()[trigger.kind]
