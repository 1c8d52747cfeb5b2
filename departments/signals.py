"""Signing in and out, and changes of passwords and second factors, go to the ledger, wherever they happen."""

from __future__ import annotations

import time
from typing import Any

from allauth.account import signals as account
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core import context as current
from allauth.mfa import signals as mfa
from allauth.mfa.models import Authenticator
from django.contrib.auth import signals as auth
from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import HttpRequest

from audit.services import record
from departments import second_factor, sessions
from departments.access import NOBODY, actor_for_user
from departments.models import User


@receiver(auth.user_logged_in)
def note_sign_in(request: HttpRequest, user: User, **_: Any) -> None:
    sessions.begin(request.session)
    _note("person.signed_in", user, **_ways(request, user))


@receiver(account.user_logged_in)
def note_when_asked(request: HttpRequest, sociallogin: Any = None, **_: Any) -> None:
    """A provider lets people through whom it asked hours ago."""
    if sociallogin is not None and sociallogin.asked_at is not None:
        request.session[second_factor.ASKED_THERE] = sociallogin.asked_at


@receiver(auth.user_logged_out)
def note_sign_out(request: HttpRequest, user: User | None, **_: Any) -> None:
    sessions.forget(request.session.session_key)
    if user is not None:
        _note("person.signed_out", user)


@receiver(auth.user_login_failed)
def note_failed_sign_in(credentials: dict[str, Any], **_: Any) -> None:
    """What was typed is not kept: people type passwords into the wrong field."""
    typed = credentials.get("email") or credentials.get("username") or ""
    user = User.objects.filter(email=User.objects.normalize_email(typed)).first()
    with transaction.atomic():
        record("person.sign_in_failed", actor=NOBODY, thing=user, known=user is not None)


@receiver(account.password_set)
def note_password_set(user: User, **_: Any) -> None:
    _note("person.password_set", user)


@receiver(account.password_changed)
def note_password_changed(user: User, **_: Any) -> None:
    _note("person.password_changed", user)


@receiver(account.password_reset)
def note_password_reset(user: User, **_: Any) -> None:
    _note("person.password_reset", user)


@receiver(post_save, sender=Authenticator)
def note_factor_made(instance: Authenticator, created: bool, **_: Any) -> None:
    """With the row itself: allauth's own signals of this come after the transaction."""
    if not created:
        return
    if instance.type not in second_factor.REAL:
        _note("person.recovery_codes_made", instance.user)
        return
    _end_other_sessions(instance.user)
    if current.request is not None:
        current.request.session[second_factor.ADDED_HERE] = int(time.time())
    _note("person.second_factor_added", instance.user, kind=instance.type)


@receiver(mfa.authenticator_removed)
def note_factor_removed(user: User, authenticator: Authenticator, **_: Any) -> None:
    if authenticator.type in second_factor.REAL:
        _end_other_sessions(user)
    _note("person.second_factor_removed", user, kind=authenticator.type)


@receiver(mfa.authenticator_used)
def note_recovery_code_used(user: User, authenticator: Authenticator, **_: Any) -> None:
    """The other factors are told with the sign-in."""
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        _note("person.recovery_code_used", user)


@receiver(mfa.authentication_failed)
def note_failed_factor(user: User, authenticator: Authenticator, **_: Any) -> None:
    with transaction.atomic():
        record("person.second_factor_failed", actor=NOBODY, thing=user, kind=authenticator.type)


def _ways(request: HttpRequest, user: User) -> dict[str, str]:
    """How somebody came in: {"method": "password", "second_factor": "totp"}, or {"method": "passkey"} alone."""
    done = get_authentication_records(request, user)
    if not done:
        return {"method": "password"}
    first, factors = done[0], [each["type"] for each in done if each["method"] == "mfa"]
    if first["method"] == "mfa":
        return {"method": "passkey"}
    if first["method"] == "socialaccount":
        first = {"method": f"single sign-on, {first.get('provider', '')}"}
    return {"method": first["method"]} | ({"second_factor": factors[-1]} if factors else {})


def _end_other_sessions(user: User) -> None:
    """They began under another rule, and perhaps somebody else sits there."""
    here = current.request.session.session_key if current.request is not None else None
    sessions.end_others(user, here, actor=actor_for_user(user))


def _note(verb: str, user: User, **detail: Any) -> None:
    with transaction.atomic():
        record(verb, actor=actor_for_user(user), thing=user, **detail)
