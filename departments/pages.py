"""The page behind a one-time sign-in link."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from departments.links import find_link, is_open, use_link
from departments.models import SignInLink, User
from departments.signals import METHOD


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_link(request: HttpRequest, token: str) -> HttpResponse:
    """GET only asks, because mail scanners and previews open links too; POST signs in, once."""
    link = find_link(token)
    if link is None:
        return _answer(request, 404)
    if not is_open(link):
        return _answer(request, 410)
    if request.method != "POST":
        return _answer(request, 200, link.user)
    return _sign_in(request, link)


def _sign_in(request: HttpRequest, link: SignInLink) -> HttpResponse:
    with transaction.atomic():
        if not use_link(link):
            return _answer(request, 410)
        setattr(request, METHOD, "link")
        login(request, link.user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return redirect(settings.LOGIN_REDIRECT_URL if link.user.has_usable_password() else "account_set_password")


def _answer(request: HttpRequest, status: int, person: User | None = None) -> HttpResponse:
    # The address is the key. Our own Referrer-Policy (same-origin) keeps it from other servers; a stricter one would
    # make browsers send the form with `Origin: null`, which the check against forged forms refuses.
    return render(request, "departments/sign_in_link.html", {"person": person, "status": status}, status=status)
