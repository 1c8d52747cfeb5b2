"""People, the departments they belong to, and what they may do there."""

from __future__ import annotations

from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import uuid_utils.compat as uuid
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from departments.hours import days_of, spans_of, usual_hours
from departments.public_holidays import public_holidays


class People(BaseUserManager["User"]):
    """Makes people; e-mail addresses are kept in lower case."""

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        return (email or "").strip().lower()

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=self.normalize_email(username))


class TaskMail(models.TextChoices):
    """When a person hears by mail of tasks."""

    AT_ONCE = "at_once", _("At once")
    DAILY = "daily", _("Once a day")
    NEVER = "never", _("Never")


class User(AbstractBaseUser, PermissionsMixin):
    """A person. `is_superuser` makes an administrator of the server, `is_auditor` a reader of the whole ledger."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    email = models.EmailField(_("e-mail address"), max_length=254, unique=True)
    name = models.CharField(_("name"), max_length=120)
    is_active = models.BooleanField(_("may sign in"), default=True)
    is_staff = models.BooleanField(_("may open the admin"), default=False)
    is_auditor = models.BooleanField(
        _("auditor"), default=False, help_text=_("May read the ledger of every department.")
    )
    mail_about_tasks = models.CharField(
        _("mail about tasks"),
        max_length=20,
        choices=TaskMail.choices,
        default=TaskMail.AT_ONCE,
        db_default=TaskMail.AT_ONCE,
    )
    date_joined = models.DateTimeField(_("joined"), db_default=Now(), editable=False)
    erased_at = models.DateTimeField(_("erased"), null=True, blank=True, editable=False)

    objects: ClassVar[People] = People()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_lower_case"),
            models.CheckConstraint(
                condition=models.Q(mail_about_tasks__in=TaskMail.values), name="user_mail_about_tasks"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def ledger_label(self) -> str:
        """The ledger knows people by their ids alone (rule A10)."""
        return ""

    def clean(self) -> None:
        super().clean()
        self.email = type(self).objects.normalize_email(self.email)


def known_time_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValidationError(_("“%(name)s” is no time zone. Write it like Europe/Berlin.") % {"name": name}) from None


def known_holidays(code: str) -> None:
    public_holidays(code)


def list_of_hosts(hosts: object) -> None:
    """The shape only; what a host may look like is known where the doors are (connectors/net)."""
    if not isinstance(hosts, list) or not all(isinstance(host, str) and host.split() == [host] for host in hosts):
        raise ValidationError(_("Write names of hosts, each by itself, like api.example.com."))


class Department(models.Model):
    """Who owns things; the border that nothing crosses."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    name = models.CharField(_("name"), max_length=80, unique=True)
    slug = models.SlugField(_("short name"), max_length=60, unique=True)
    time_zone = models.CharField(_("time zone"), max_length=60, default="Europe/Berlin", validators=[known_time_zone])
    egress_hosts = models.JSONField(
        _("hosts that its workflows may reach"),
        default=list,
        blank=True,
        validators=[list_of_hosts],
        help_text=_(
            'A list, like ["api.example.com", "smtp://mail.example.com", "private:http://10.0.0.5:8080"]; without it '
            "its workflows reach nothing outside. What is no web server has its kind before the name: smtp, imap, "
            "postgresql, mysql or sftp. “private:” lets it lead into your own network."
        ),
    )
    second_person_publishes = models.BooleanField(
        _("a second person must approve what is published"),
        default=False,
        db_default=False,
        help_text=_("Whoever wants to publish a workflow asks; another approver, builder or manager decides."),
    )
    decides_by_mail_without_sign_in = models.BooleanField(
        _("decide from a mail without signing in"),
        default=False,
        db_default=False,
        help_text=_(
            "Whoever has the link in a mail approves or rejects as the person to whom it was sent. Leave it off unless "
            "only they can read their mail."
        ),
    )
    working_hours = models.JSONField(
        _("working hours"),
        default=usual_hours,
        validators=[spans_of],
        error_messages={"blank": _("Nobody works on any day. Fill in the hours of at least one day.")},
        help_text=_('Of each weekday, like {"monday": [["09:00", "12:00"], ["13:00", "17:00"]]}.'),
    )
    holidays_of = models.CharField(
        _("public holidays of"),
        max_length=12,
        blank=True,
        default="",
        db_default="",
        validators=[known_holidays],
        help_text=_("A country like DE, or a part of one like DE-BE. Empty: people work on public holidays."),
    )
    days_off = models.JSONField(
        _("own days off"),
        default=list,
        blank=True,
        validators=[days_of],
        help_text=_('Further days on which nobody works, like ["2026-12-24"].'),
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("department")
        verbose_name_plural = _("departments")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """What a member may do in a department; departments/access.py says what each role allows."""

    VIEWER = "viewer", _("Viewer")
    OPERATOR = "operator", _("Operator")
    BUILDER = "builder", _("Builder")
    APPROVER = "approver", _("Approver")
    MANAGER = "manager", _("Manager")


class Group(models.Model):
    """People of one department who are asked together, and who hold its roles; whoever leaves it leaves its groups."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    department = models.ForeignKey(Department, models.CASCADE, related_name="groups", verbose_name=_("department"))
    name = models.CharField(_("name"), max_length=80)
    slug = models.SlugField(_("short name"), max_length=60)
    members = models.ManyToManyField(User, related_name="member_of", verbose_name=_("members"), blank=True)
    roles: models.JSONField[list[str]] = models.JSONField(
        _("roles of its members"),
        default=list,
        db_default=[],
        blank=True,
        help_text=_("Whoever is in the group holds them in the department for as long as they are in it."),
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("group")
        verbose_name_plural = _("groups")
        ordering = ["department__name", "name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["department", "slug"],
                name="group_slug_once",
                violation_error_message=_("The department has a group of this name already. Choose another name."),
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def role_names(self) -> str:
        return ", ".join(str(Role(role).label) for role in self.roles)


class Membership(models.Model):
    """One role of one person in one department; a person may hold several.

    With `group` it is held by being in that group. The same role may be held directly and by each of several groups.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships", verbose_name=_("person"))
    department = models.ForeignKey(Department, models.CASCADE, related_name="memberships", verbose_name=_("department"))
    role = models.CharField(_("role"), max_length=20, choices=Role.choices)
    group = models.ForeignKey(
        Group, models.CASCADE, related_name="gives", verbose_name=_("by the group"), null=True, editable=False
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        ordering = ["department__name", "user__name", "role", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "department", "role"],
                condition=models.Q(group=None),
                name="membership_once",
                violation_error_message=_("The person holds this role there already."),
            ),
            models.UniqueConstraint(fields=["group", "user", "role"], name="membership_once_by_group"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()}, {self.department}"


class Absence(models.Model):
    """Days on which a person is away, first and last included; departments/absences.py says in which time zone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="absences", verbose_name=_("person"))
    starts = models.DateField(_("first day"))
    ends = models.DateField(_("last day"))
    stand_in = models.ForeignKey(
        User, models.SET_NULL, related_name="stands_in", verbose_name=_("stand-in"), null=True, blank=True
    )
    note = models.CharField(_("note"), max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("absence")
        verbose_name_plural = _("absences")
        ordering = ["starts", "id"]
        indexes = [models.Index(fields=["user", "ends"], name="absence_of_person")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends__gte=models.F("starts")),
                name="absence_ends_after_it_starts",
                violation_error_message=_("The last day comes before the first one."),
            ),
            models.CheckConstraint(
                condition=models.Q(stand_in__isnull=True) | ~models.Q(stand_in=models.F("user")),
                name="absence_stand_in_is_another",
                violation_error_message=_("Nobody stands in for themselves. Choose somebody else."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}, {self.starts} to {self.ends}"


class LegalHold(models.Model):
    """On a person or a department: until it is lifted nobody is erased there, and nothing forgotten (rule A12)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    person = models.ForeignKey(
        User, models.PROTECT, related_name="holds", verbose_name=_("person"), null=True, blank=True
    )
    department = models.ForeignKey(
        Department, models.PROTECT, related_name="holds", verbose_name=_("department"), null=True, blank=True
    )
    reason = models.CharField(_("reason"), max_length=500)
    by_administrator = models.BooleanField(_("by an administrator"), default=False, db_default=False, editable=False)
    set_at = models.DateTimeField(_("set"), db_default=Now(), editable=False)
    lifted_at = models.DateTimeField(_("lifted"), null=True, blank=True, editable=False)
    lifted_because = models.CharField(_("why it was lifted"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("legal hold")
        verbose_name_plural = _("legal holds")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(person__isnull=False, department=None)
                | models.Q(person=None, department__isnull=False),
                name="legal_hold_on_one",
                violation_error_message=_("Name a person or a department, one of the two."),
            ),
            models.UniqueConstraint(
                fields=["person", "department"],
                name="legal_hold_once",
                condition=models.Q(lifted_at=None),
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return str(self.whom)

    @property
    def whom(self) -> User | Department:
        found = self.person or self.department
        assert found is not None
        return found


class ApiToken(models.Model):
    """The account of another program: acts in one department with one role. Of its secret only the hash is kept (S18).

    Renewed, it stays who it is; the secret before works until `previous_until`, so that nobody has to be quick.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    department = models.ForeignKey(Department, models.CASCADE, related_name="tokens", verbose_name=_("department"))
    role = models.CharField(_("role"), max_length=20, choices=Role.choices)
    name = models.CharField(_("name"), max_length=80)
    only: models.JSONField[list[str]] = models.JSONField(
        _("only these verbs"), default=list, db_default=[], blank=True, help_text=_("None: all that the role may.")
    )
    prefix = models.CharField(_("begins with"), max_length=16)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    previous_digest = models.CharField(max_length=64, default="", db_default="", editable=False)
    previous_until = models.DateTimeField(_("the secret before works until"), null=True, blank=True, editable=False)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(_("expires"))
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="api_token_role"),
            models.UniqueConstraint(
                fields=["previous_digest"], condition=~models.Q(previous_digest=""), name="api_token_previous_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def previous_works(self) -> bool:
        return self.previous_until is not None and self.previous_until > timezone.now()


class SignInLink(models.Model):
    """A link that signs one person in, once, before it expires. Only its hash is kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="sign_in_links")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("sign-in link")
        verbose_name_plural = _("sign-in links")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.user} until {self.expires_at:%Y-%m-%d %H:%M}"


class NoticeStatus(models.TextChoices):
    """Where a notice is on its way; departments/notices.py moves it."""

    WAITING = "waiting", _("waits to be sent")
    SENDING = "sending", _("is being sent")
    SENT = "sent", _("sent")
    FAILED = "failed", _("could not be sent")
    OFF = "off", _("not sent")
    HELD = "held", _("waits for the daily summary")
    COLLECTED = "collected", _("in a daily summary")


NOTICES_ON_THEIR_WAY = (NoticeStatus.WAITING, NoticeStatus.SENDING, NoticeStatus.HELD)


NOTICES_OVER = (NoticeStatus.SENT, NoticeStatus.FAILED, NoticeStatus.OFF)
"""What may be sent again."""


class Notice(models.Model):
    """One mail of the server to one person. The row is the truth; the mail follows it, and may come twice (trust.md).

    `next_at` is when somebody may take it up: while it is being sent, until then nobody else may; while it is held,
    the morning of its summary. It is empty once the notice has come to its end.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    key = models.CharField(_("key"), max_length=200, unique=True)
    person = models.ForeignKey(User, models.CASCADE, related_name="notices", verbose_name=_("person"))
    department = models.ForeignKey(
        Department, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("department")
    )
    kind = models.CharField(_("kind"), max_length=40)
    subject = models.CharField(_("subject"), max_length=200)
    text = models.TextField(_("text"))
    html = models.TextField(blank=True)
    digest_line = models.CharField(_("line of the daily summary"), max_length=500, blank=True, db_default="")
    about = models.UUIDField(null=True, blank=True, help_text="the task that it tells of")
    summary = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="lines")
    status = models.CharField(_("status"), max_length=20, choices=NoticeStatus.choices, default=NoticeStatus.WAITING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_at = models.DateTimeField(_("next attempt"), null=True, blank=True)
    error = models.CharField(_("why it was not sent"), max_length=500, blank=True)
    created_at = models.DateTimeField(_("written"), db_default=Now(), editable=False)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(status__in=NoticeStatus.values), name="notice_status"),
            models.CheckConstraint(
                condition=models.Q(status__in=NOTICES_ON_THEIR_WAY, next_at__isnull=False)
                | (~models.Q(status__in=NOTICES_ON_THEIR_WAY) & models.Q(next_at__isnull=True)),
                name="notice_next_at",
            ),
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=models.Q(status__in=NOTICES_ON_THEIR_WAY), name="notice_due"),
            models.Index(fields=["about"], condition=models.Q(about__isnull=False), name="notice_about"),
            models.Index(fields=["id"], condition=models.Q(status="failed"), name="notice_failed"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.person}"

    @property
    def ledger_label(self) -> str:
        return self.kind
