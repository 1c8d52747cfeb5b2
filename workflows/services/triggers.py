"""What people do with triggers: set up, change, switch off and on, remove, and give a webhook another secret."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils.text import slugify
from django.utils.translation import gettext as _
from pydantic import BaseModel
from pydantic import ValidationError as NotValid

from audit import wall
from audit.services import record
from connectors import vault
from connectors.models import Health
from connectors.sdk.triggers import Clock, Told, Watch, Within
from connectors.sdk.triggers import Trigger as Kind
from departments.access import Actor, Verb, require
from departments.models import User
from workflows.engine import conditions, params
from workflows.engine.sources import chosen
from workflows.models import Trigger, Workflow
from workflows.runtime import journey, store
from workflows.runtime.kinds import triggers
from workflows.services.connection_uses import missing_in
from workflows.services.refusals import Conflict, ValidationError

MOST = 50
"""Triggers of one workflow."""
SECRET_BYTES = 32
LONGEST_REFERENCE = 300


@dataclass(frozen=True, slots=True)
class Wanted:
    """A trigger as people describe it."""

    title: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    only_if: Mapping[str, Any] | None = None
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """What is told once: the address of a webhook and its secret."""

    path: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)


def set_up(workflow: Workflow, kind: str, wanted: Wanted, *, actor: Actor) -> tuple[Trigger, Shown]:
    """A new trigger, on at once. Raises PermissionDenied, ValidationError (field → sentences), Conflict."""
    require(actor, Verb.PUBLISH, workflow.department)
    made = known_kind(kind)
    given = checked(made, wanted, workflow)
    shown = _new_address(made)
    with transaction.atomic():
        if Trigger.objects.filter(workflow=workflow, removed_at=None).count() >= MOST:
            raise Conflict(f"“{workflow.name}” has {MOST} triggers already; more are not allowed.")
        trigger = Trigger(
            department=workflow.department, workflow=workflow, kind=kind, owner=person_of(actor), made_by=actor.label
        )
        _fill(trigger, made, wanted, given)
        if shown.path:
            trigger.path_sha256 = path_hash(shown.path)
            trigger.secret = vault.keep({"path": shown.path, "secret": shown.secret}, workflow.department_id)
        trigger.save(force_insert=True)
        _record("trigger.set_up", trigger, actor, trigger_kind=kind)
    return trigger, shown


def _new_address(kind: type[Kind]) -> Shown:
    if not issubclass(kind, Told):
        return Shown()
    return Shown(secrets.token_urlsafe(24), new_secret() if kind.signs else "")


def change(trigger: Trigger, wanted: Wanted, *, actor: Actor) -> Trigger:
    """Raises PermissionDenied, ValidationError."""
    require(actor, Verb.PUBLISH, trigger.department)
    made = known_kind(trigger.kind)
    given = checked(made, wanted, trigger.workflow)
    with transaction.atomic():
        locked = _locked(trigger)
        _fill(locked, made, wanted, given)
        locked.save()
        _record("trigger.changed", locked, actor)
    return locked


def switch(trigger: Trigger, *, on: bool, actor: Actor) -> Trigger:
    """Off: it starts nothing, and hears nothing. What it missed while it was off is not made up for."""
    require(actor, Verb.PUBLISH, trigger.department)
    with transaction.atomic():
        locked = _locked(trigger)
        locked.enabled = on
        locked.next_at = _first_time(locked, known_kind(locked.kind)) if on else None
        locked.state, locked.busy_until = _beginning(known_kind(locked.kind)), None
        locked.save(update_fields=["enabled", "next_at", "state", "busy_until"])
        if on:
            _record("trigger.switched_on", locked, actor)
        else:
            _record("trigger.switched_off", locked, actor)
    return locked


def remove(trigger: Trigger, *, actor: Actor) -> None:
    """It starts nothing any more; what it has heard stays to be seen."""
    require(actor, Verb.PUBLISH, trigger.department)
    with transaction.atomic():
        locked = _locked(trigger)
        if locked.secret is not None:
            vault.replace(locked.secret, {})
        Trigger.objects.filter(pk=locked.pk).update(removed_at=Now(), enabled=False, next_at=None, path_sha256="")
        _record("trigger.removed", locked, actor)


def renew_secret(trigger: Trigger, *, actor: Actor) -> Shown:
    """Another secret; the one before it counts as well until this is asked for again, so that nothing is lost. What
    has an address alone keeps it."""
    require(actor, Verb.PUBLISH, trigger.department)
    with transaction.atomic():
        locked = _locked(trigger)
        held = _held(locked)
        if held.get("path") and not held.get("secret"):
            return Shown(held["path"])
        if locked.secret is None or not held.get("secret"):
            raise Conflict("This trigger has no secret.")
        shown = Shown(held["path"], new_secret())
        vault.replace(locked.secret, {"path": held["path"], "secret": shown.secret, "before": held["secret"]})
        _record("trigger.secret_renewed", locked, actor)
    return shown


def told(trigger: Trigger) -> Shown:
    """The address again, for who may change the trigger: it is no proof by itself where there is one."""
    try:
        held = vault.opened(trigger.secret) if trigger.secret is not None else {}
    except vault.CannotOpen:
        held = {}
    return Shown(held.get("path", ""))


def _held(trigger: Trigger) -> dict[str, str]:
    try:
        return dict(vault.opened(trigger.secret)) if trigger.secret is not None else {}
    except vault.CannotOpen:
        raise Conflict("Its secret cannot be read here any more. Remove the trigger, and set it up anew.") from None


def never_given(trigger: Trigger, kind: type[Kind]) -> list[str]:
    """Inputs that its runs need and that no event brings, as long as nobody says what they get. Known now, not refused:
    another version may ask for other things."""
    if trigger.reference:
        return []
    return [name for name in _needed(trigger.workflow) if not trigger.inputs.get(name) and not kind.gives(name)]


# ── checking ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def known_kind(name: str) -> type[Kind]:
    """Raises ValidationError."""
    kind = triggers().get(name)
    if kind is None:
        raise ValidationError({"kind": [_("There is no trigger “%(name)s”.") % {"name": name}]})
    return kind


def settings_of(trigger: Trigger) -> Any:
    """As the kind has them; a schedule without a time zone has that of its department.

    Raises Conflict for what was right when it was set up and is not any more.
    """
    try:
        settings = known_kind(trigger.kind).Settings.model_validate(trigger.settings)
    except (NotValid, ValidationError):
        raise Conflict("The settings of this trigger cannot be read any more. Remove it, and set it up anew.") from None
    if "zone" in type(settings).model_fields and not getattr(settings, "zone", ""):
        settings = settings.model_copy(update={"zone": trigger.department.time_zone})
    return settings


def checked(kind: type[Kind], wanted: Wanted, workflow: Workflow) -> BaseModel:
    """Raises ValidationError keyed by field."""
    problems: dict[str, list[str]] = {}
    settings: BaseModel | None = None
    try:
        settings = kind.Settings.model_validate(dict(wanted.settings))
        wrong = kind.check(settings) | missing_in(settings, workflow.department) | _no_workflow(settings, workflow)
        wrong |= {} if wanted.reference.strip() else kind.fits(settings, _needed(workflow))
        problems = {name: [sentence] for name, sentence in wrong.items()}
    except NotValid as error:
        for each in error.errors(include_url=False, include_input=False, include_context=False):
            problems.setdefault(".".join(map(str, each["loc"])), []).append(each["msg"])
    for name, text in wanted.inputs.items():
        if why := _template_problem(text):
            problems[f"inputs.{name}"] = [why]
    if why := _template_problem(wanted.reference):
        problems["reference"] = [why]
    elif len(wanted.reference.strip()) > LONGEST_REFERENCE:
        problems["reference"] = [_("Write at most %(most)s signs.") % {"most": LONGEST_REFERENCE}]
    if wanted.only_if is not None and (odd := list(conditions.problems(wanted.only_if))):
        problems["only_if"] = odd
    if problems or settings is None:
        raise ValidationError(problems)
    return settings


def _needed(workflow: Workflow) -> dict[str, str]:
    """What the live version asks for and cannot do without: name → type."""
    if workflow.live_id is None:
        return {}
    asked = journey.tree_of(workflow.live_id).definition.inputs
    return {name: one.type for name, one in asked.items() if one.required and one.default is None}


def _no_workflow(settings: BaseModel, workflow: Workflow) -> dict[str, str]:
    """Of the same department, and another one."""
    others = Workflow.objects.filter(department=workflow.department_id, archived_at=None).exclude(pk=workflow.pk)
    return {
        place: _("There is no other workflow “%(name)s” in this department.") % {"name": name}
        for place, source, name in chosen(settings.model_dump(mode="json"), type(settings))
        if source == "workflows" and not others.filter(slug=name).exists()
    }


def _template_problem(text: Any) -> str:
    try:
        found = params.references(text)
    except params.BadText as error:
        return str(error)
    strange = sorted({str(each[0]) for each in found} - {"event", "trigger"})
    return f"Nothing is called “{strange[0]}” here. Known is event." if strange else ""


def _fill(trigger: Trigger, kind: type[Kind], wanted: Wanted, settings: BaseModel) -> None:
    if _looks_elsewhere(trigger, kind, settings):
        trigger.state = _beginning(kind)
    trigger.busy_until = None  # what a look finds that is under way is not what is asked for now
    trigger.settings = settings.model_dump(mode="json")
    trigger.title = " ".join(wanted.title.split())[:120] or kind.said(settings)[:120]
    trigger.reference = wanted.reference.strip()
    trigger.slug = trigger.slug or (_free_slug(trigger) if trigger.reference else "")
    trigger.inputs, trigger.only_if = dict(wanted.inputs), dict(wanted.only_if) if wanted.only_if else None
    trigger.health, trigger.health_said, trigger.failed_times = Health.UNKNOWN, "", 0
    trigger.next_at = _first_time(trigger, kind) if trigger.enabled else None


def _free_slug(trigger: Trigger) -> str:
    """What steps call it, even when people call it something else later."""
    taken = set(Trigger.objects.filter(workflow=trigger.workflow_id, removed_at=None).values_list("slug", flat=True))
    wanted = slugify(trigger.title)[:50].strip("-") or "event"
    return next(name for name in chain([wanted], (f"{wanted}-{number}" for number in count(2))) if name not in taken)


def _beginning(kind: type[Kind]) -> dict[str, Any]:
    """What is remembered at first. What happens in Tandem counts from now on, other things from the first look."""
    now = store.clock().isoformat()
    return {"begun": now, "until": now} if issubclass(kind, Within) else {}


def _looks_elsewhere(trigger: Trigger, kind: type[Kind], settings: BaseModel) -> bool:
    if trigger._state.adding:
        return True
    try:
        return kind.place(kind.Settings.model_validate(trigger.settings)) != kind.place(settings)
    except NotValid:  # set up by an older release
        return True


def _first_time(trigger: Trigger, kind: type[Kind]) -> Any:
    now = store.clock()
    if issubclass(kind, Clock):
        return kind().next_after(settings_of(trigger), now)
    return now if issubclass(kind, Watch | Within) else None


def _locked(trigger: Trigger) -> Trigger:
    rows = Trigger.objects.select_for_update(of=("self",), no_key=True).select_related(
        "department", "workflow", "secret"
    )
    found = rows.filter(pk=trigger.pk, removed_at=None).first()
    if found is None:
        raise Conflict("This trigger was removed meanwhile.")
    return found


def person_of(actor: Actor) -> User | None:
    return User.objects.filter(pk=actor.id).first() if actor.kind == "person" else None


def new_secret() -> str:
    """As Standard Webhooks has it: 32 random bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def path_hash(path: str) -> str:
    return hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()


def find_told(path: str, kind: str) -> Trigger | None:
    """The one with this secret address, while it is on. The hash is looked up, so no comparison tells anything.

    Whoever has the address may see what is of its department, and the pages show of it what they mean to.
    """
    rows = Trigger.objects.select_related("workflow__department", "department", "secret", "owner")
    with wall.beyond():
        found = rows.filter(path_sha256=path_hash(path), kind=kind, enabled=True, removed_at=None).first()
    if found is not None:
        wall.admit(found.department_id)
    return found


def triggers_of(workflow_id: UUID) -> list[Trigger]:
    rows = Trigger.objects.filter(workflow=workflow_id, removed_at=None).select_related("department", "workflow")
    return list(rows)


def _record(verb: str, trigger: Trigger, actor: Actor, **detail: Any) -> None:
    record(
        verb, actor=actor, department=trigger.department.slug, thing=trigger, workflow=trigger.workflow.name, **detail
    )
