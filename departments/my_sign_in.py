"""The page on which people look after their own ways in: password, sessions."""

from __future__ import annotations

from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from departments import sessions
from departments.middleware import actor_of


@never_cache
@login_required
@require_safe
def my_sign_in(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    lines = [
        {"session": session, "program": sessions.program_of(session), "is_here": session.is_current()}
        for session in sessions.sessions_of(user)
    ]
    return render(request, "departments/my_sign_in.html", {"lines": lines, "has_others": len(lines) > 1})


@login_required
@require_POST
def end_session(request: HttpRequest, number: int) -> HttpResponse:
    sessions.end_session(get_object_or_404(_own(request), pk=number), actor=actor_of(request))
    messages.success(request, _("Signed out there."))
    return redirect("my_sign_in")


@login_required
@require_POST
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    others = list(_own(request).exclude(session_key=request.session.session_key))
    sessions.end_sessions(others, actor=actor_of(request))
    said = ngettext("Signed out in %(count)d other place.", "Signed out in %(count)d other places.", len(others))
    messages.success(request, said % {"count": len(others)})
    return redirect("my_sign_in")


def _own(request: HttpRequest) -> QuerySet[UserSession]:
    user: Any = request.user
    return UserSession.objects.filter(user=user)
