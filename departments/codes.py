"""Codes of authenticator apps: each opens once, for as long as it would (RFC 6238 §5.2)."""

from __future__ import annotations

import hashlib
from typing import Any, NoReturn

from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa import app_settings
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, BaseAuthenticateForm, ReauthenticateForm
from allauth.mfa.base.internal.flows import check_rate_limit
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from django.core.cache import cache

VALID_FOR_S = app_settings.TOTP_PERIOD * (2 * app_settings.TOTP_TOLERANCE + 1)
"""allauth remembers a used code for one period, and takes those of the periods before and after, too."""


class Once(BaseAuthenticateForm):
    def clean_code(self) -> str:
        if cache.get(_place(self.user, self.cleaned_data["code"])):
            check_rate_limit(self.user)
            self._refuse()
        code: str = super().clean_code()
        # Of two who send it at the same instant one is the first.
        if self.authenticator.type == Authenticator.Type.TOTP and not _remember(self.user, code):
            self._refuse()
        return code

    def _refuse(self) -> NoReturn:
        self._emit_authentication_failed(Authenticator(user=self.user, type=Authenticator.Type.TOTP))
        raise get_adapter().validation_error("incorrect_code")


class Authenticate(Once, AuthenticateForm):
    """At the sign-in."""


class Reauthenticate(Once, ReauthenticateForm):
    """Before something that asks again."""


class Activate(ActivateTOTPForm):
    """When the app is set up; the code that proves it opens nothing afterwards."""

    def clean_code(self) -> str:
        code: str = super().clean_code()
        _remember(self.user, code)
        return code


def _remember(user: Any, code: str) -> bool:
    """Whether nobody else has used it."""
    return cache.add(_place(user, code), True, VALID_FOR_S)


def _place(user: Any, code: str) -> str:
    typed = hashlib.sha256(normalize_user_code(code).encode()).hexdigest()  # it may be anything
    return f"second_factor.used:{user.pk}:{typed}"
