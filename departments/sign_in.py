"""Ways in: nobody signs up by themselves, an administrator invites."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as current
from django.conf import settings
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.shortcuts import resolve_url

from departments import mail

log = logging.getLogger(__name__)

# Mail leaves after the answer: waiting for the mail server would tell which addresses have an account, and an
# unreachable one would fail the page for those addresses only.
post = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mail")


class ClosedSignUp(DefaultAccountAdapter):
    """Sign-in with e-mail and password; accounts are made by administrators."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return resolve_url(settings.LOGIN_REDIRECT_URL)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        message = self.render_mail(template_prefix, email, {"request": current.request, "email": email, **context})
        post.submit(_send, message)


def _send(message: EmailMessage) -> None:
    if not mail.is_set_up():
        log.error("mail.off A link for a new password was asked for. %s", mail.NO_SERVER)
        return
    try:
        with mail.Line() as line:
            line.send(message)
    except mail.NotSent as problem:
        log.error("mail.not_sent A link for a new password could not be sent. %s", problem)
