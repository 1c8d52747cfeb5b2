"""What allauth asks about identity providers, and what it tells when one sends somebody."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from django.db.models import Q
from django.http import HttpRequest
from django.shortcuts import render

from connectors import vault
from connectors.models import IdentityProvider, Protocol
from connectors.single_sign_on import arriving, door, saml
from connectors.single_sign_on.arriving import Refused, Told
from connectors.single_sign_on.claims import is_plain, plain

log = logging.getLogger(__name__)
_ANSWERS = ("userinfo", "id_token")
_NAMES = (
    *("name", "displayName", "urn:oid:2.16.840.1.113730.3.1.241", "cn", "urn:oid:2.5.4.3"),
    "http://schemas.microsoft.com/identity/claims/displayname",
)


class Adapter(DefaultSocialAccountAdapter):
    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> list[SocialApp]:
        found = IdentityProvider.ready()
        if provider:
            found = found.filter(Q(protocol=provider) | Q(slug=provider))
        if client_id:
            found = found.filter(slug=client_id)
        return [app_of(each) for each in found.select_related("secret")]

    def get_requests_session(self) -> door.Session:
        return door.Session()

    def on_authentication_error(self, request: HttpRequest, provider: Any, **told: Any) -> None:
        """The page only says that it did not work; who looks after the server reads here why."""
        more = told.get("extra_context") or {}
        why = told.get("exception") or more.get("saml_last_error_reason") or told.get("error")
        log.warning("single_sign_on.failed %s: %.300s", provider.name, why)

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: Any) -> Any:
        """Takes along what was said: allauth keeps it with a known account before it asks who may come in."""
        sociallogin.said, sociallogin.account.extra_data = sociallogin.account.extra_data, {}
        return super().populate_user(request, sociallogin, data)

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        sociallogin.state["process"] = "login"  # an address may ask for others, which we have no pages for
        provider = IdentityProvider.ready().get(slug=sociallogin.account.provider)
        try:
            sociallogin.account = arriving.arrive(provider, _told(provider, sociallogin))
        except Refused as refusal:
            arriving.refuse(provider, str(refusal))
            page = render(request, "socialaccount/refused.html", {"provider": provider, "why": refusal}, status=403)
            raise ImmediateHttpResponse(page) from None
        sociallogin.user = sociallogin.account.user
        sociallogin.asked_at = _asked_at(sociallogin.said)


def app_of(provider: IdentityProvider) -> SocialApp:
    """As allauth knows it: made for one request, in no table."""
    app = SocialApp(
        provider=provider.protocol, provider_id=provider.slug, name=provider.name, client_id=provider.client_id
    )
    if provider.protocol == Protocol.SAML:
        app.client_id = provider.slug
        app.settings = saml.settings_of(provider.metadata)
        return app
    app.secret = vault.opened(provider.secret)["secret"] if provider.secret else ""
    app.settings = {"server_url": provider.issuer, "oauth_pkce_enabled": True}
    return app


def hosts_of(provider: IdentityProvider) -> tuple[str, ...]:
    """Where it may answer from: where its issuer stands, and what the administrator has named."""
    issuer = urlsplit(provider.issuer)
    own = issuer.netloc if issuer.scheme == "https" else f"{issuer.scheme}://{issuer.netloc}"
    return (own, *map(str, provider.hosts))


def _told(provider: IdentityProvider, sociallogin: SocialLogin) -> Told:
    said: Mapping[str, Any] = sociallogin.said
    told: list[Mapping[str, Any]] = [each for name in _ANSWERS if isinstance(each := said.get(name), dict)] or [said]
    if len({str(each.get("sub")) for each in told}) > 1:
        raise Refused("The two answers of the provider are about different people.")  # OIDC Core §5.3.2
    email, email_is_verified = _address(sociallogin, told)
    return Told(
        uid=sociallogin.account.uid,
        email=email,
        email_is_verified=email_is_verified,
        name=next((_first(each[name]) for each in told for name in _NAMES if each.get(name)), ""),
        groups=frozenset(group for each in told for group in _all(each.get(provider.groups_in))),
    )


def _address(sociallogin: SocialLogin, told: Iterable[Mapping[str, Any]]) -> tuple[str, bool]:
    """And whether it is verified. Some say it in the ID token alone, where allauth does not look for it."""
    for address in sociallogin.email_addresses:
        return address.email, address.verified is True
    for each in told:
        if isinstance(each.get("email"), str):
            return each["email"], each.get("email_verified") is True
    return "", False


def _asked_at(said: Mapping[str, Any]) -> float | None:
    """When the provider last asked the person who they are, where it says that (OIDC Core §2, `auth_time`)."""
    claims = said.get("id_token")
    told = claims.get("auth_time") if isinstance(claims, dict) else None
    return told if isinstance(told, int | float) else None


def _first(value: Any) -> str:
    return plain(str(value[0]) if isinstance(value, list) else str(value))


def _all(value: Any) -> list[str]:
    """Some write one group as a text, not as a list of one."""
    values = value if isinstance(value, list) else [value] if value else []
    return [str(each) for each in values if is_plain(each)]
