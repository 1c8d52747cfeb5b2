"""Who comes in: the account of somebody whom an identity provider names, and the roles that their groups give."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from allauth.socialaccount.models import SocialAccount
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from audit import wall
from audit.services import record
from connectors.models import GivenRole, IdentityProvider
from departments.access import NOBODY, Actor
from departments.models import Department, Membership, User
from departments.services import add_member, create_user, remove_member


class Refused(Exception):
    """Why somebody does not come in, in a sentence for them."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the provider says of somebody. `uid`: its own name for them, which never changes."""

    uid: str
    email: str
    email_is_verified: bool
    name: str
    groups: frozenset[str]


def actor_of(provider: IdentityProvider) -> Actor:
    """The server itself does it, at the word of the provider."""
    return Actor(kind="system", id=str(provider.pk), label=provider.name)


def arrive(provider: IdentityProvider, told: Told) -> SocialAccount:
    """Which account here is this identity's, made and linked where it is new. Raises Refused."""
    # Nobody is signed in yet: what groups mean in each department is read by the server itself.
    with wall.beyond():
        try:
            return _arrive(provider, told)
        except IntegrityError:  # another tab was faster, and what it made is found now
            return _arrive(provider, told)


def refuse(provider: IdentityProvider, reason: str) -> None:
    """Into the ledger; what the person typed or is called there is not kept."""
    with transaction.atomic():
        record("person.single_sign_on_refused", actor=NOBODY, thing=provider, reason=reason)


def set_roles(provider: IdentityProvider, user: User, groups: Collection[str]) -> None:
    """Gives what the groups mean and takes what they no longer mean; roles that people gave stay."""
    actor = actor_of(provider)
    rules = provider.group_roles.filter(group__in=groups).select_related("department")
    wanted: dict[tuple[UUID, str], Department] = {(rule.department_id, rule.role): rule.department for rule in rules}
    held = {(each.department_id, each.role) for each in Membership.objects.filter(user=user, group=None)}

    for given in provider.given_roles.filter(membership__user=user).select_related("membership__department"):
        if (given.membership.department_id, given.membership.role) not in wanted:
            remove_member(given.membership, actor=actor)
    for (pk, role), department in wanted.items():
        if (pk, role) not in held and user.is_active:
            membership = add_member(department, user, role, actor=actor)
            GivenRole.objects.create(provider=provider, membership=membership)


@transaction.atomic
def _arrive(provider: IdentityProvider, told: Told) -> SocialAccount:
    """All or nothing: an account without its link would lock its person out."""
    account = SocialAccount.objects.filter(provider=provider.slug, uid=told.uid).first()
    account = account or SocialAccount(provider=provider.slug, uid=told.uid, user=_match(provider, told))
    # Of two sign-ins at once the second finds the roles of the first, and whoever was deactivated meanwhile stays so.
    account.user = User.objects.select_for_update().get(pk=account.user_id)
    set_roles(provider, account.user, told.groups)
    account.save()
    return account


def _match(provider: IdentityProvider, told: Told) -> User:
    user = User.objects.filter(email=User.objects.normalize_email(told.email)).first() if told.email else None
    if user is None and not provider.makes_accounts:
        raise Refused(_("You have no account here. An administrator of this server makes one for you."))
    if not told.email:
        raise Refused(_("%(provider)s does not say your e-mail address.") % {"provider": provider})
    # Of new accounts too: else somebody takes another's address first, and later shares the account with them.
    if not (told.email_is_verified or provider.vouches_for_addresses):
        why = _("%(provider)s does not call your e-mail address verified, and nobody vouches that it is yours.")
        raise Refused(why % {"provider": provider})
    if user is None:
        return _make(provider, told)
    record("person.identity_linked", actor=actor_of(provider), thing=user)
    return user


def _make(provider: IdentityProvider, told: Told) -> User:
    try:
        return create_user(told.email, told.name[:120] or told.email, actor=actor_of(provider))
    except ValidationError as problem:
        raise Refused(" ".join(problem.messages)) from None
