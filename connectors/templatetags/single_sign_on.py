"""The other ways in, for the sign-in page."""

from __future__ import annotations

from urllib.parse import urlencode

from django import template
from django.urls import reverse

from connectors.models import IdentityProvider, Protocol

register = template.Library()


@register.simple_tag
def other_ways_in(then: str = "") -> list[dict[str, str]]:
    """Name and address of each; `then`: where the person wanted to go."""
    asked = f"?{urlencode({'next': then})}" if then else ""
    return [{"name": provider.name, "url": _address(provider) + asked} for provider in IdentityProvider.ready()]


def _address(provider: IdentityProvider) -> str:
    route = "saml_login" if provider.protocol == Protocol.SAML else "openid_connect_login"
    return reverse(route, args=[provider.slug])
