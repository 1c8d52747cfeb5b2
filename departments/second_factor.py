"""The second factor: who has one, whether it was given in this session, and taking it away from somebody locked out."""

from __future__ import annotations

import time
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from audit.services import record
from departments.access import Actor, require_administrator
from departments.models import User

ADDED_HERE = "second_factor_added"
"""In the session in which somebody set one up, and so has shown that they have it: when that was."""
ASKED_THERE = "asked_there"
"""In the session of somebody from an identity provider that says when it last asked them: when that was."""
FRESH_FOR_S = 300
REAL = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
"""Recovery codes only stand in for one of these."""


def factors_of(user: User) -> QuerySet[Authenticator]:
    return Authenticator.objects.filter(user=user).order_by("created_at")


def has_one(user: User) -> bool:
    return factors_of(user).filter(type__in=REAL).exists()


def was_given(request: HttpRequest) -> bool:
    """In this session."""
    user: Any = request.user
    given = any(done["method"] == "mfa" for done in get_authentication_records(request, user))
    return given or ADDED_HERE in request.session


def is_fresh(request: HttpRequest) -> bool:
    """Whether they have just shown who they are: with a second factor where they have one, else as they came in."""
    user: Any = request.user
    done = get_authentication_records(request, user)
    if has_one(user):
        done = [each for each in done if each["method"] == "mfa"]
    latest = max([request.session.get(ADDED_HERE, 0), *(_shown_at(request, each) for each in done)])
    return time.time() - latest <= FRESH_FOR_S


def _shown_at(request: HttpRequest, done: dict[str, Any]) -> float:
    asked: float = request.session.get(ASKED_THERE, done["at"])
    return min(asked, done["at"]) if done["method"] == "socialaccount" else done["at"]


def is_needed(request: HttpRequest) -> bool:
    """For the admin, by whoever asks now."""
    user: Any = request.user
    if not settings.ADMIN_NEEDS_SECOND_FACTOR or not user.is_authenticated or not user.is_staff:
        return False
    return not (was_given(request) and has_one(user))


@transaction.atomic
def forget(user: User, *, actor: Actor) -> None:
    """For somebody who lost theirs: the next sign-in asks for none."""
    require_administrator(actor)
    if not factors_of(user).exists():
        return
    record("person.second_factors_forgotten", actor=actor, thing=user)
    factors_of(user).delete()
