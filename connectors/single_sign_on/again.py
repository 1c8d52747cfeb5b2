"""Who has neither password nor second factor here shows who they are where they signed in (docs/signing-in.md)."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlencode

from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from connectors.models import IdentityProvider, Protocol
from departments import second_factor

ASK = {"auth_params": "prompt=login"}
"""OIDC Core §3.1.2.1: the provider asks again, even whoever is still signed in there."""


@never_cache
@login_required
@require_safe
def sign_in_again(request: HttpRequest) -> HttpResponse:
    then = get_next_redirect_url(request) or reverse("my_sign_in")
    if second_factor.is_fresh(request):
        return redirect(then)
    provider = _provider_of(request.user)
    if provider is None:
        return _refuse(request, _("The system by which you came in is switched off. Ask for a one-time sign-in link."))
    if _has_just_come(request):  # sending them there once more would go round in circles
        why = _("%(provider)s let you through without asking who you are. Sign out there and here, then sign in again.")
        return _refuse(request, why % {"provider": provider})
    name = "saml_login" if provider.protocol == Protocol.SAML else "openid_connect_login"
    return redirect(f"{reverse(name, args=[provider.slug])}?{urlencode({'next': then, **ASK})}")


def _provider_of(user: Any) -> IdentityProvider | None:
    """The one by which they came last."""
    ready = {each.slug: each for each in IdentityProvider.ready()}
    came = SocialAccount.objects.filter(user=user, provider__in=ready).order_by("-last_login").first()
    return ready[came.provider] if came else None


def _has_just_come(request: HttpRequest) -> bool:
    user: Any = request.user
    done = get_authentication_records(request, user)
    return any(time.time() - each["at"] <= second_factor.FRESH_FOR_S for each in done)


def _refuse(request: HttpRequest, why: str) -> HttpResponse:
    return render(request, "socialaccount/again.html", {"why": why}, status=403)
