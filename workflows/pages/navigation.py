"""What the frame around every page shows: where one can go, and how many tasks wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject, cached_property
from django.utils.translation import gettext as _

from departments.access import Verb
from workflows.models import ManualMode
from workflows.services import inbox
from workflows.services.budget_questions import questions_for
from workflows.services.deciders import standing_of
from workflows.services.manual_mode import modes_on
from workflows.services.tasks import tasks_for


@dataclass(frozen=True, slots=True)
class Item:
    """One place in the navigation. `count` is shown where there is one."""

    title: str
    url: str
    icon: str
    is_here: bool
    count: str = ""


class Navigation:
    """Computed when a template first asks, so that a fragment or a signed-out page costs no query."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    @cached_property
    def home(self) -> str:
        return _address("home") or "/"

    @cached_property
    def sign_out(self) -> str:
        return _address("account_logout")

    @cached_property
    def mail(self) -> str:
        return _address("mail_choice")

    @cached_property
    def own_sign_in(self) -> str:
        return _address("my_sign_in")

    @property
    def second_factor_is_waived(self) -> bool:
        return not settings.ADMIN_NEEDS_SECOND_FACTOR

    @cached_property
    def absence(self) -> str:
        return _address("absence")

    @cached_property
    def costs(self) -> str:
        return _address("costs") if self.request.actor.departments() else ""  # type: ignore[attr-defined]

    @cached_property
    def department(self) -> str:
        """For managers: in the menu of the account, as the bar is full."""
        manages = self.request.actor.departments(Verb.MANAGE)  # type: ignore[attr-defined]
        return _address("departments") if manages else ""

    @cached_property
    def items(self) -> list[Item]:
        places = [
            ("home", _("Home"), "home-2", ""),
            ("workflows", _("Workflows"), "route", ""),
            ("library", _("Library"), "bookmark", ""),
            *([("connections", _("Connections"), "plug", "")] if self.may_connect else []),
            ("runs", _("Runs"), "player-play", ""),
            ("tasks", _("Tasks"), "inbox", self.open_tasks),
            *([("ledger", _("Ledger"), "shield-check", "")] if self.may_audit else []),
        ]
        return [self._item(*place) for place in places if _address(place[0])]

    @cached_property
    def may_connect(self) -> bool:
        return bool(self.request.actor.departments(Verb.CONNECT))  # type: ignore[attr-defined]

    @cached_property
    def open_tasks(self) -> str:
        """As many as are counted: 99+ beyond."""
        actor = self.request.actor  # type: ignore[attr-defined]
        if not inbox.is_anything_open(actor):
            return ""
        standing = standing_of(actor, self.request.user)  # type: ignore[arg-type]
        return inbox.said(tasks_for(actor, standing), questions_for(actor, standing))

    @cached_property
    def manual_modes(self) -> list[ManualMode]:
        """Where people do what AI steps would do, among the departments of whoever looks."""
        return list(modes_on(self.request.actor))  # type: ignore[attr-defined]

    @cached_property
    def may_audit(self) -> bool:
        actor = self.request.actor  # type: ignore[attr-defined]
        return actor.is_auditor or bool(actor.departments(Verb.AUDIT))

    def _item(self, name: str, title: str, icon: str, count: str) -> Item:
        url = _address(name)
        here = self.request.path == url if name == "home" else self.request.path.startswith(url)
        return Item(title=title, url=url, icon=icon, is_here=here, count=count)


def navigation(request: HttpRequest) -> dict[str, Any]:
    """The context processor. Nothing at all for somebody who is not signed in."""
    if not getattr(request, "user", None) or not request.user.is_authenticated or not hasattr(request, "actor"):
        return {}
    return {"nav": SimpleLazyObject(lambda: Navigation(request))}


def _address(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
