"""A provider's discovery document, asked for seldom: everybody may press the button, signed in or not."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import urlsplit

from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.core.cache import cache

from connectors.models import IdentityProvider

KEPT_FOR_S = 300
FAILED_FOR_S = 10
ADDRESSES = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
METHODS = "token_endpoint_auth_methods_supported"
Document = dict[str, Any]


def kept(provider: IdentityProvider) -> Document | None:
    """Raises OAuth2Error when it was asked for just now and was not to be had."""
    found: Document | None = cache.get(_place(provider))
    if found and "failed" in found:
        raise OAuth2Error(found["failed"])
    return found


def keep(provider: IdentityProvider, document: Document) -> None:
    cache.set(_place(provider), document, KEPT_FOR_S)


def keep_failure(provider: IdentityProvider, why: str) -> None:
    cache.set(_place(provider), {"failed": why}, FAILED_FOR_S)


def checked(provider: IdentityProvider, found: Document) -> Document:
    """What we use of it. Raises OAuth2Error."""
    if str(found.get("issuer", "")).rstrip("/") != provider.issuer.rstrip("/"):
        raise OAuth2Error("It speaks for another issuer than the one that is set up.")
    for name in ADDRESSES:
        if urlsplit(str(found.get(name))).scheme not in ("https", "http"):
            raise OAuth2Error(f"Its discovery document names no {name}.")
    methods = found.get(METHODS)
    used = {name: found[name] for name in ("issuer", *ADDRESSES)}
    return used | ({METHODS: methods} if isinstance(methods, list) else {})


def _place(provider: IdentityProvider) -> str:
    """Another one as soon as an administrator changes whom we ask, or where we may."""
    about = json.dumps([str(provider.pk), provider.issuer, provider.hosts]).encode()
    return f"single_sign_on.discovery:{hashlib.sha256(about).hexdigest()}"
