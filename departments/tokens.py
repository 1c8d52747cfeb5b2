"""API tokens: another program acts in one department with one role (rule S18).

A token is the program's account: renewing its secret changes neither who it is in the ledger nor what it may.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

import orjson
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.request import Request

from audit import sql, wall
from audit.services import record
from departments import allowances
from departments.access import Actor, Verb, actor_for_token, require_manager
from departments.allowances import Allowance, Limit
from departments.matrix import ALLOWS
from departments.models import ApiToken, Department, Role, User

LONGEST = timedelta(days=365)
MARK = "tdm_"  # lets secret scanners and people recognise a token of ours
PREFIX_LENGTH = len(MARK) + 8
NAME_LENGTH = 80
LONGEST_OVERLAP = timedelta(days=7)
FRESH = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """What `request.user` is for a program: signed in, but nobody's account."""

    token: ApiToken
    is_authenticated: bool = True
    is_active: bool = True
    is_anonymous: bool = False

    @property
    def pk(self) -> str:
        return str(self.token.pk)

    def __str__(self) -> str:
        return self.token.name


def create_token(
    department: Department,
    *,
    role: Role | str,
    name: str,
    actor: Actor,
    lifetime: timedelta = LONGEST,
    only: Collection[str] = (),
) -> tuple[ApiToken, str]:
    """A new token and its secret, which exists nowhere else: 256 random bits as `tdm_` and 43 URL-safe characters.

    `only`: of what the role may, these verbs alone. Raises ValidationError for an unknown role, an empty name, a verb
    that the role has not, or a lifetime outside 0 to 365 days.
    """
    require_manager(actor, department)
    _check(role, name, lifetime)
    _check_verbs(role, only)
    secret = _new_secret()

    with transaction.atomic():
        token = ApiToken.objects.create(
            department=department,
            role=role,
            name=name.strip(),
            only=[verb.value for verb in Verb if verb in only],
            prefix=secret[:PREFIX_LENGTH],
            digest=digest_of(secret),
            created_by=User.objects.filter(pk=actor.id).first() if actor.kind == "person" else None,
            expires_at=timezone.now() + lifetime,
        )
        narrowed = {"only": token.only} if token.only else {}
        record("token.created", actor=actor, department=department.slug, thing=token, role=str(role), **narrowed)
    return token, secret


def renew_token(
    token: ApiToken, *, actor: Actor, lifetime: timedelta = LONGEST, overlap: timedelta = timedelta(days=1)
) -> str:
    """A new secret for the same program. The one before works for `overlap` (up to 7 days), as it would have.

    Raises ValidationError for a revoked token, and for times outside their bounds.
    """
    require_manager(actor, token.department)
    _check_lifetime(lifetime)
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise ValidationError({"overlap": _("The secret before works for at most 7 days more.")})
    secret = _new_secret()
    with transaction.atomic():
        known = ApiToken.objects.select_for_update().get(pk=token.pk)
        if known.revoked_at is not None:
            raise ValidationError(_("“%(name)s” has ended. Make a new token.") % {"name": token.name})
        now = timezone.now()
        known.previous_digest, known.previous_until = known.digest, min(now + overlap, known.expires_at)
        known.digest, known.prefix, known.expires_at = digest_of(secret), secret[:PREFIX_LENGTH], now + lifetime
        known.save(update_fields=["previous_digest", "previous_until", "digest", "prefix", "expires_at"])
        record("token.renewed", actor=actor, department=token.department.slug, thing=token)
    token.refresh_from_db()
    return secret


def revoke_token(token: ApiToken, *, actor: Actor) -> None:
    """Ends the token at once; revoking a revoked one changes nothing."""
    require_manager(actor, token.department)

    with transaction.atomic():
        if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=Now()):
            record("token.revoked", actor=actor, department=token.department.slug, thing=token)
    token.refresh_from_db(fields=["revoked_at"])


def token_for(secret: str) -> ApiToken | None:
    """The usable token with this secret. Found by its hash, so that the time taken tells nothing about the secret."""
    found = used(secret)
    return found[0] if found else None


def used(secret: str) -> tuple[ApiToken, Allowance] | None:
    """The same, and one use of it is counted in the same statement."""
    limit = Limit.of_minute("token", settings.API_PER_MINUTE)
    with wall.undecided():
        digest = digest_of(secret)
        found = sql.row(_USABLE, [digest, digest, *allowances.values(limit)])
    if found is None:
        return None
    *row, _who, free_at, now = found
    token = ApiToken.from_db("default", _TOKEN, row[: len(_TOKEN)])
    token.only = orjson.loads(token.only)  # as text, past Django's own reading
    token.department = Department.from_db("default", _DEPARTMENT, row[len(_TOKEN) :])
    return token, allowances.after(f"token:{token.pk}", limit, free_at, now)


def _new_secret() -> str:
    return MARK + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """SHA-256 as hex. Enough for 256 random bits; a slow hash protects only what people can guess."""
    return hashlib.sha256(secret.encode()).hexdigest()


class TooOften(APIException):
    """`wait` is in seconds."""

    status_code = 429

    def __init__(self, allowance: Allowance, said: str) -> None:
        super().__init__(said)
        self.wait = allowance.wait_s


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer TOKEN`. A token in the address or in the body is never looked at."""

    def authenticate(self, request: Request) -> tuple[TokenHolder, ApiToken] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None

        found = used(words[1].decode("latin-1")) if len(words) == 2 else None
        if found is None:
            _count_failure(request)
            raise AuthenticationFailed(_("This token is unknown, expired or revoked. Ask a manager for a new one."))

        token, allowance = found
        request._request.allowance = allowance
        if allowance.is_refused:
            raise TooOften(allowance, _("This token has asked too often. Wait as long as Retry-After says."))
        wall.stand_behind([token.department_id])
        _note_use(token)
        request._request.actor = actor_for_token(token)
        return TokenHolder(token), token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def _count_failure(request: Request) -> None:
    """Whoever guesses is slowed down; a right token from the same address is not."""
    limit = Limit.of_minute("failures", settings.API_FAILURES_PER_MINUTE)
    allowance = allowances.take(allowances.of_address(request.META.get("REMOTE_ADDR", "")), limit)
    if allowance.is_refused:
        raise TooOften(allowance, _("Too many wrong tokens came from this address. Wait, then try again."))


def _note_use(token: ApiToken) -> None:
    """At most one write a minute, however busy the token is."""
    before = timezone.now() - FRESH
    if token.last_used_at is None or token.last_used_at < before:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=before)
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=Now())


def _check(role: Role | str, name: str, lifetime: timedelta) -> None:
    if role not in Role.values:
        problem = _("There is no role “%(role)s”. Take one of: %(roles)s.")
        raise ValidationError({"role": problem % {"role": role, "roles": ", ".join(Role.values)}})
    if not 1 <= len(name.strip()) <= NAME_LENGTH:
        problem = _("A token needs a name of 1 to %(most)d characters that says which program uses it.")
        raise ValidationError({"name": problem % {"most": NAME_LENGTH}})
    _check_lifetime(lifetime)


def _check_lifetime(lifetime: timedelta) -> None:
    if not timedelta(0) < lifetime <= LONGEST:
        raise ValidationError({"lifetime": _("A token lives at least a moment and at most 365 days.")})


def _check_verbs(role: Role | str, only: Collection[str]) -> None:
    held = [verb.value for verb in Verb if verb in ALLOWS[role]]
    if strange := sorted(set(only) - set(held)):
        problem = _("The role %(role)s may not “%(verb)s”. It may: %(held)s.")
        raise ValidationError({"only": problem % {"role": role, "verb": strange[0], "held": ", ".join(held)}})


_TOKEN = sql.columns(
    ApiToken,
    *(
        "id",
        "department_id",
        "role",
        "name",
        "only",
        "prefix",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    ),
)
_DEPARTMENT = sql.columns(Department, "id", "name", "slug", "time_zone")
_USABLE = f"""
WITH usable AS (
    SELECT {sql.selected("token", _TOKEN)}, {sql.selected("department", _DEPARTMENT)}, token.id::text AS who
    FROM departments_apitoken AS token JOIN departments_department AS department ON department.id = token.department_id
    WHERE token.revoked_at IS NULL AND (
        token.digest = %s AND token.expires_at > clock_timestamp()
        OR token.previous_digest = %s AND token.previous_digest <> '' AND token.previous_until > clock_timestamp()
    )
), taken AS ({allowances.taking("'token:' || who", "FROM usable")})
SELECT usable.*, (SELECT free_at FROM taken), clock_timestamp() FROM usable
"""
