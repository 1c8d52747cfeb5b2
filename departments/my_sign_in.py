"""The page on which people look after their own ways in: password, second factors, sessions."""

from __future__ import annotations

from typing import Any

from allauth.account import views as account
from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.reauthentication import raise_if_reauthentication_required
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from departments import second_factor, sessions
from departments.middleware import actor_of

CODES = Authenticator.Type.RECOVERY_CODES


@never_cache
@login_required
@require_safe
def my_sign_in(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    lines = [
        {"session": session, "program": sessions.program_of(session), "is_here": session.is_current()}
        for session in sessions.sessions_of(user)
    ]
    factors = list(second_factor.factors_of(user))
    context = {
        "lines": lines,
        "has_others": len(lines) > 1,
        "app": next((each for each in factors if each.type == Authenticator.Type.TOTP), None),
        "passkeys": [each.wrap() for each in factors if each.type == Authenticator.Type.WEBAUTHN],
        "codes_left": next((len(each.wrap().get_unused_codes()) for each in factors if each.type == CODES), 0),
        "has_factor": any(each.type in second_factor.REAL for each in factors),
        "is_waived": user.is_staff and not settings.ADMIN_NEEDS_SECOND_FACTOR,
    }
    return render(request, "departments/my_sign_in.html", context)


@login_required
def choose_password(request: HttpRequest) -> HttpResponse:
    """A password is a way in: whoever comes by another one is asked first. A link is made for choosing one."""
    user: Any = request.user
    way = get_adapter().get_reauthentication_methods(user)[0]
    if not user.has_usable_password() and way["url"] != request.path:
        raise_if_reauthentication_required(request, app="allauth.account")
    return account.password_set(request)


@login_required
@require_POST
def end_session(request: HttpRequest, number: int) -> HttpResponse:
    sessions.end_session(get_object_or_404(_own(request), pk=number), actor=actor_of(request))
    messages.success(request, _("Signed out there."))
    return redirect("my_sign_in")


@login_required
@require_POST
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    count = sessions.end_others(user, request.session.session_key, actor=actor_of(request))
    said = ngettext("Signed out in %(count)d other place.", "Signed out in %(count)d other places.", count)
    messages.success(request, said % {"count": count})
    return redirect("my_sign_in")


def _own(request: HttpRequest) -> QuerySet[UserSession]:
    user: Any = request.user
    return UserSession.objects.filter(user=user)
