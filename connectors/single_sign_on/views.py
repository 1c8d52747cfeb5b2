"""To an OpenID provider and back, and back from a SAML one."""

from __future__ import annotations

from typing import Any

import jwt
from allauth.core import ratelimit
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from allauth.socialaccount.providers.saml import views as saml
from allauth.socialaccount.providers.saml.utils import get_app_or_404
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from lxml import etree

from connectors.models import IdentityProvider, Protocol
from connectors.single_sign_on import claims, discovery, door
from connectors.single_sign_on.adapter import hosts_of

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""With public keys only: what the client's secret signs could be made by whoever else knows it."""
LEEWAY_S = 60
LONGEST_ANSWER = 200_000
"""Characters of a SAML answer; with hundreds of groups it has some fifty thousand."""


class Strict(OpenIDConnectOAuth2Adapter):
    """Checks more than allauth: the discovery document, what is said, and the signature of every ID token."""

    def __init__(self, request: HttpRequest, provider: IdentityProvider) -> None:
        super().__init__(request, provider.slug)
        self.row = provider

    @cached_property
    def provider(self) -> Any:
        provider = super().get_provider()
        provider.get_oauth2_adapter = lambda _request: self  # else it makes one that checks less
        return provider

    def get_provider(self) -> Any:
        return self.provider

    @cached_property
    def openid_config(self) -> discovery.Document:
        if found := discovery.kept(self.row):
            return found
        try:
            found = discovery.checked(self.row, super().openid_config)
        except OAuth2Error as problem:
            discovery.keep_failure(self.row, str(problem))
            raise
        discovery.keep(self.row, found)
        return found

    def parse_token(self, data: dict[str, Any]) -> SocialToken:
        return SocialToken(token=str(data["access_token"]))  # used once, never kept

    def _fetch_user_info(self, access_token: str) -> dict[str, Any]:
        return _readable(super()._fetch_user_info(access_token))

    def _decode_id_token(self, app: Any, id_token: str) -> dict[str, Any]:
        config = self.openid_config
        with door.Session() as session:
            answer = session.get(config["jwks_uri"])
            answer.raise_for_status()
        try:
            key = _key_of(id_token, jwt.PyJWKSet.from_dict(answer.json()))
            said = jwt.decode(
                id_token, key, ALGORITHMS, audience=app.client_id, issuer=config["issuer"], leeway=LEEWAY_S
            )
        except jwt.PyJWTError as problem:
            raise OAuth2Error(f"Its ID token does not hold: {problem}") from problem
        return _readable(said)


def _readable(said: dict[str, Any]) -> dict[str, Any]:
    try:
        return claims.readable(said)
    except claims.BadClaims as problem:
        raise OAuth2Error(str(problem)) from None


def _key_of(id_token: str, keys: jwt.PyJWKSet) -> jwt.PyJWK:
    """The one that the token names; naming none is allowed where there is one only (OIDC Core §10.1)."""
    name = jwt.get_unverified_header(id_token).get("kid")
    found = [key for key in keys.keys if name in (None, key.key_id)]
    if len(found) != 1:
        raise jwt.InvalidKeyError("no key of the provider fits it")
    return found[0]


def login(request: HttpRequest, provider_id: str) -> HttpResponse:
    return _speak(OAuth2LoginView, request, provider_id)


def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    # Each may make the server ask the provider whether a code is one.
    refused = ratelimit.consume_or_429(request, action="single_sign_on", limit_get=True)
    return refused or _speak(OAuth2CallbackView, request, provider_id)


@csrf_exempt  # it comes from the provider's page; what it says is signed
@require_POST
def take_saml(request: HttpRequest, organization_slug: str) -> HttpResponse:
    """Kept for a moment, as the browser sends no session along from elsewhere. Bounded, for anybody may send it."""
    get_object_or_404(IdentityProvider.ready(), slug=organization_slug, protocol=Protocol.SAML)
    if len(request.POST.get("SAMLResponse", "")) > LONGEST_ANSWER:
        return HttpResponse(status=413)
    return ratelimit.consume_or_429(request, action="login") or saml.acs(request, organization_slug=organization_slug)


def finish_saml(request: HttpRequest, organization_slug: str) -> HttpResponse:
    try:
        return saml.finish_acs(request, organization_slug=organization_slug)
    # What was sent is no XML, XML that does harm, or names somebody by more than can be kept.
    except (etree.LxmlError, ValueError, ImproperlyConfigured) as problem:
        return render_authentication_error(request, get_app_or_404(request, organization_slug), exception=problem)


def _speak(view: Any, request: HttpRequest, slug: str) -> HttpResponse:
    provider = get_object_or_404(IdentityProvider.ready(), slug=slug, protocol=Protocol.OIDC)
    adapter = Strict(request, provider)
    with door.open_to(hosts_of(provider)):
        try:
            adapter.openid_config  # noqa: B018  checked before anybody is sent there
            return view.adapter_view(adapter)(request)
        except (OAuth2Error, KeyError) as problem:  # allauth takes for granted what a provider should have said
            return render_authentication_error(request, adapter.get_provider(), exception=problem)
