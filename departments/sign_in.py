"""Ways in: nobody signs up by themselves, an administrator invites."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import ResetPasswordForm
from allauth.account.utils import user_pk_to_url_str
from allauth.core import context as current
from allauth.core.exceptions import ReauthenticationRequired
from allauth.core.internal.ratelimit import parse_rates
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.functional import lazy
from django.utils.translation import gettext as _

from departments import mail, second_factor
from departments.models import User

log = logging.getLogger(__name__)

NEW_PASSWORD = "account/email/password_reset_key"

# Mail leaves after the answer: waiting for the mail server would tell which addresses have an account, and an
# unreachable one would fail the page for those addresses only.
post = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mail")


class ClosedSignUp(DefaultAccountAdapter):
    """Sign-in with e-mail and password; accounts are made by administrators."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "too_many_login_attempts": lazy(lambda: too_many_tries(), str)(),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_reauthentication_required(self, *, app: str) -> bool:
        """Whoever has just signed in is not asked again at once."""
        if second_factor.is_fresh(current.request):
            return False
        raise ReauthenticationRequired  # allauth looks once more, and asks nothing of people who have no password

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Who has a second factor is asked for it: who only knows the password must not remove or add one."""
        if not user.is_authenticated:
            return []
        methods = super().get_reauthentication_methods(user)
        if second_factor.has_one(user):
            methods = [each for each in methods if each["id"] != "reauthenticate"]
        return methods or [_way_of_whoever_has_none(user)]

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return resolve_url(settings.LOGIN_REDIRECT_URL)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        post.submit(_send, self._rendered(template_prefix, email, context))

    def write_to_nobody(self, email: str) -> None:
        """All that is done for an address with an account, but that nothing is sent: the time tells nothing either."""
        nobody = User(email=email)
        key = f"{user_pk_to_url_str(nobody)}-{default_token_generator.make_token(nobody)}"
        context = {"user": nobody, "password_reset_url": self.get_reset_password_from_key_url(key)}
        self._rendered(NEW_PASSWORD, email, context)
        post.submit(int)

    def _rendered(self, template_prefix: str, email: str, context: dict[str, Any]) -> EmailMessage:
        message: EmailMessage = self.render_mail(
            template_prefix, email, {"request": current.request, "email": email, **context}
        )
        return message


class NewPassword(ResetPasswordForm):
    """Named in ACCOUNT_FORMS."""

    def save(self, request: HttpRequest, **given: Any) -> str:
        if not self.users:
            ClosedSignUp(request).write_to_nobody(self.cleaned_data["email"])
        email: str = super().save(request, **given)
        return email


def _way_of_whoever_has_none(user: Any) -> dict[str, Any]:
    """Without password and factor they came from an identity provider, or by a link to choose a password first."""
    name = "sign_in_again" if SocialAccount.objects.filter(user=user).exists() else "account_set_password"
    return {"id": name, "description": "", "url": reverse(name)}


def too_many_tries() -> str:
    """The same for everybody: whether the address has an account is not said."""
    minutes = max(rate.duration for rate in parse_rates(settings.ACCOUNT_RATE_LIMITS["login_failed"])) // 60
    return _(
        "Too many failed tries: for now nothing more is checked. Try again in %(minutes)d minutes. Who does not know "
        "the password asks for a new one, or asks an administrator of this server for a sign-in link."
    ) % {"minutes": minutes}


def _send(message: EmailMessage) -> None:
    if not mail.is_set_up():
        log.error("mail.off A link for a new password was asked for. %s", mail.NO_SERVER)
        return
    try:
        with mail.Line() as line:
            line.send(message)
    except mail.NotSent as problem:
        log.error("mail.not_sent A link for a new password could not be sent. %s", problem)
