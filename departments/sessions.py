"""Sessions of people: how long one lasts, which a person has, and ending them (case H04)."""

from __future__ import annotations

import time
from collections.abc import Iterable, MutableMapping
from datetime import timedelta
from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.services import record
from departments.access import Actor
from departments.models import User

BEGAN, SEEN = "began", "seen"
NOTED_EVERY_S = 60
"""A request writes that it was there at most so often."""

_BROWSERS = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
_SYSTEMS = {
    "Windows": "Windows",
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Mac OS X": "Mac",
    "Linux": "Linux",
}

Kept = MutableMapping[str, Any]


def begin(session: Kept) -> None:
    session[BEGAN] = session[SEEN] = int(time.time())


def why_over(session: Kept) -> str:
    """What to tell the person; empty while the session goes on. Who signed in before there were limits begins now."""
    if BEGAN not in session:
        begin(session)
    now = time.time()
    if now - session[BEGAN] > settings.SESSION_COOKIE_AGE:
        return _("You signed in %(hours)d hours ago. Sign in again to go on.") % {
            "hours": settings.SESSION_COOKIE_AGE // 3600
        }
    if now - session[SEEN] > settings.SESSION_IDLE_S + NOTED_EVERY_S:
        return _("You did nothing here for %(minutes)d minutes, so you were signed out. Sign in to go on.") % {
            "minutes": settings.SESSION_IDLE_S // 60
        }
    return ""


def note(session: Kept, key: str | None) -> None:
    """That something is done in it now."""
    now = int(time.time())
    if now - session[SEEN] < NOTED_EVERY_S:
        return
    session[SEEN] = now
    UserSession.objects.filter(session_key=key).update(last_seen_at=timezone.now())


def sessions_of(user: User) -> list[UserSession]:
    """Those in which the person may go on now, the latest first."""
    since = timezone.now() - timedelta(seconds=settings.SESSION_IDLE_S + NOTED_EVERY_S)
    found = UserSession.objects.filter(user=user, last_seen_at__gt=since).order_by("-created_at")
    return [session for session in found if not session.purge()]


def end_session(session: UserSession, *, actor: Actor) -> None:
    """Whoever has it must sign in again with their next click. People end their own, administrators anybody's."""
    end_sessions([session], actor=actor)


@transaction.atomic
def end_sessions(sessions: Iterable[UserSession], *, actor: Actor) -> None:
    for session in sessions:
        if actor.id != str(session.user_id) and not (actor.is_administrator or actor.kind == "system"):
            raise PermissionDenied(_("Everybody ends their own sessions; an administrator those of others too."))
        record("person.session_ended", actor=actor, thing=session.user)
        session.end()


def end_others(user: User, here: str | None, *, actor: Actor) -> int:
    """All of somebody's but the one with the key `here`. Gives how many there were."""
    others = list(UserSession.objects.filter(user=user).exclude(session_key=here))
    end_sessions(others, actor=actor)
    return len(others)


def forget(key: str | None) -> None:
    """Its person has signed out."""
    UserSession.objects.filter(session_key=key).delete()


def sweep() -> int:
    """Take away what nobody can go on with any more. Gives how many there were."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
    kept = Session.objects.values("session_key")
    return UserSession.objects.exclude(session_key__in=kept).delete()[0]


def program_of(session: UserSession) -> str:
    """ "Firefox on Windows": as the browser calls itself, which anybody can make up."""
    said = session.user_agent
    browser = next((name for sign, name in _BROWSERS.items() if sign in said), _("Another program"))
    system = next((name for sign, name in _SYSTEMS.items() if sign in said), "")
    return _("%(browser)s on %(system)s") % {"browser": browser, "system": system} if system else browser
