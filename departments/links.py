"""One-time sign-in links: the way in for a new person, and for one who is locked out."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.services import record
from departments.access import Actor, require_administrator
from departments.models import SignInLink, User

LIFETIME = timedelta(days=1)


def create_sign_in_link(
    user: User, *, actor: Actor, lifetime: timedelta = LIFETIME, forget_password: bool = False
) -> str:
    """The token of a fresh link; links made earlier for the same person end.

    With `forget_password` the old password works no more and the page behind the link asks for a new one. Only an
    administrator makes links, because a link is as good as the person. Raises ValidationError for a deactivated person.
    """
    require_administrator(actor)
    if not user.is_active:
        raise ValidationError(_("%(name)s is deactivated and may not sign in.") % {"name": user})
    token = secrets.token_urlsafe(32)

    with transaction.atomic():
        user.sign_in_links.filter(used_at=None, expires_at__gt=Now()).update(expires_at=Now())
        SignInLink.objects.create(user=user, digest=digest_of(token), expires_at=timezone.now() + lifetime)
        if forget_password:
            user.set_unusable_password()
            user.save(update_fields=["password"])
        record("sign_in_link.created", actor=actor, thing=user, forget_password=forget_password)
    return token


def address_of(token: str) -> str:
    """The whole address to hand to the person."""
    return settings.PUBLIC_URL + reverse("sign_in_link", args=[token])


def find_link(token: str) -> SignInLink | None:
    """The link of this token, used or not. Found by its hash, so that the time taken tells nothing about the token."""
    return SignInLink.objects.select_related("user").filter(digest=digest_of(token)).first()


def is_open(link: SignInLink) -> bool:
    return link.used_at is None and link.expires_at > timezone.now() and link.user.is_active


def use_link(link: SignInLink) -> bool:
    """Takes the one use of the link; False when somebody was faster or it has ended. Call inside a transaction."""
    # No join in this filter: Django would put it into a subquery, which PostgreSQL does not look at again after waiting
    # for whoever was faster, and two would win.
    return SignInLink.objects.filter(pk=link.pk, used_at=None, expires_at__gt=Now()).update(used_at=Now()) == 1


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
