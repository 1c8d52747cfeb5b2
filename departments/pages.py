"""The page behind a one-time sign-in link."""

from __future__ import annotations

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from django.conf import settings
from django.contrib.auth import logout
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from departments.links import find_link, is_open, use_link
from departments.models import SignInLink, User


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
    has_password = link.user.has_usable_password()
    then = resolve_url(settings.LOGIN_REDIRECT_URL if has_password else "account_set_password")
    with transaction.atomic():
        if not use_link(link):
            return _answer(request, 410)
        logout(request)  # of whoever was signed in here before
        record_authentication(request, link.user, method="link")
        return perform_login(request, Login(user=link.user, redirect_url=then))


def _answer(request: HttpRequest, status: int, person: User | None = None) -> HttpResponse:
    # The address is the key. Our own Referrer-Policy (same-origin) keeps it from other servers; a stricter one would
    # make browsers send the form with `Origin: null`, which the check against forged forms refuses.
    return render(request, "departments/sign_in_link.html", {"person": person, "status": status}, status=status)
