"""The one-page decision behind the link in a mail. A GET decides nothing, whoever or whatever follows the link."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from departments.access import Actor, visible
from workflows.models import Task
from workflows.pages.page import Request, page
from workflows.services import mail_links
from workflows.services.looking import look_at
from workflows.services.mail_links import DECIDED_BY_MAIL, Link
from workflows.services.refusals import Conflict


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def decide_by_mail(request: Request, token: str) -> HttpResponse:
    """Who holds the link signs in as its person, unless the department lets the link be enough."""
    link = mail_links.read(token)
    if link is None:
        return _not_found(request)
    holder = None if request.user.is_authenticated else mail_links.holder_without_sign_in(link)
    return _page(request, link, holder) if holder is not None else _signed_in(request, link)


@page
def _signed_in(request: Request, link: Link) -> HttpResponse:
    """Somebody else to whom the mail was passed on learns nothing of it."""
    return _page(request, link, request.actor) if request.user.pk == link.person_id else _not_found(request)


def _page(request: Request, link: Link, actor: Actor) -> HttpResponse:
    rows = Task.objects.select_related("run__workflow", "run__version", "department", "step", "claimed_by")
    task = visible(rows, actor).filter(pk=link.task_id).first()
    if task is None:
        return _not_found(request)
    if request.method == "POST":
        return _decided(request, link, task, actor)
    if _is_a_look(request) and not mail_links.is_over(link) and not mail_links.why_not(link, task, actor):
        look_at(task, actor=actor)
    return _shown(request, link, task, actor)


def _decided(request: Request, link: Link, task: Task, actor: Actor) -> HttpResponse:
    given = {name: request.POST.get(name, "") for name in ("decision", "reason", "sha256")}
    try:
        mail_links.decide_by_link(link, task, actor=actor, **given)
    except ValidationError as refused:
        return _shown(request, link, task, actor, 422, refused=" ".join(refused.messages), reason=given["reason"])
    except (Conflict, PermissionDenied) as conflict:
        task.refresh_from_db()
        return _shown(request, link, task, actor, 409, conflict=str(conflict))
    return redirect(request.path)


def _shown(request: Request, link: Link, task: Task, actor: Actor, status: int = 200, **more: Any) -> HttpResponse:
    over = mail_links.why_not(link, task, actor)
    is_expired = not over and mail_links.is_over(link)
    context = {"task": task, "over": over, "is_expired": is_expired, "in_place_of": "", **more}
    if not over and not is_expired and task.kind in DECIDED_BY_MAIL:
        context |= _approval(task, actor)
    return render(request, "workflows/by_mail.html", context, status=410 if is_expired else status)


def _approval(task: Task, actor: Actor) -> dict[str, Any]:
    try:
        shown = mail_links.approval(task, actor)
    except Conflict as unknown:
        return {"may_reject": True, "cannot_approve": str(unknown)}
    return {"may_reject": True, "may_approve": True, "sha256": shown.sha256, "leaving": shown.leaving}


def _is_a_look(request: Request) -> bool:
    """Only the person's own eyes count: no HEAD, nothing fetched ahead, nobody without a session."""
    ahead = request.headers.get("Sec-Purpose", "") + request.headers.get("Purpose", "")
    return request.method == "GET" and request.user.is_authenticated and "prefetch" not in ahead


def _not_found(request: Request) -> HttpResponse:
    return render(request, "workflows/by_mail_unknown.html", status=404)
