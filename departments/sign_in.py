"""Ways in: nobody signs up by themselves, an administrator invites."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class ClosedSignUp(DefaultAccountAdapter):
    """Sign-in with e-mail and password; accounts are made by administrators."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
