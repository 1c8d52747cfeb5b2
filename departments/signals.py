"""Signing in and out, and changes of passwords, go to the ledger, wherever they happen."""

from __future__ import annotations

from typing import Any

from allauth.account import signals as account
from allauth.account.internal.flows.login import get_authentication_records
from django.contrib.auth import signals as auth
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest

from audit.services import record
from departments import sessions
from departments.access import NOBODY, actor_for_user
from departments.models import User


@receiver(auth.user_logged_in)
def note_sign_in(request: HttpRequest, user: User, **_: Any) -> None:
    sessions.begin(request.session)
    ways = [done["method"] for done in get_authentication_records(request, user)]
    _note("person.signed_in", user, method=ways[0] if ways else "password")


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


def _note(verb: str, user: User, **detail: Any) -> None:
    with transaction.atomic():
        record(verb, actor=actor_for_user(user), thing=user, **detail)
