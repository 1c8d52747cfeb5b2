"""Mail to people: written as a row by whoever has something to say, sent later and outside by the scheduler.

READ COMMITTED is enough: each update repeats in its WHERE what it relies on. Times come from the database. Mail is best
effort (trust.md): a sender that dies lets a notice go twice, never get lost.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from email.utils import parseaddr
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _
from uuid_utils.compat import uuid7

from audit import sql
from audit.services import NotInTransaction
from departments import mail, summaries
from departments.models import NOTICES_ON_THEIR_WAY, Department, Notice, NoticeStatus, TaskMail, User

log = logging.getLogger(__name__)

LEASE: Final = timedelta(minutes=5)
"""Longer than any mail server may keep one sender: ten answers of ten seconds each."""

PAUSES: Final = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))
BATCH: Final = 50
"""Mails over one connection; many servers hang up after a hundred."""

TASK: Final = "task"
"""The kind of notices about which a person has a choice."""

SUMMARY: Final = "summary"
NOT_NEEDED: Final = "Not sent: it was no longer needed."

SUMMARY_AT: Final = time(8)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A notice that is ours to send until `until`, which nobody else holds."""

    notice: Notice
    until: datetime


def notify(
    person: User,
    *,
    key: str,
    kind: str,
    subject: str,
    text: str,
    html: str = "",
    department: Department | None = None,
    digest_line: str = "",
    about: UUID | None = None,
) -> Notice | None:
    """Write a notice inside the transaction that it tells of; it is sent after the commit, if there is one.

    `key` makes a repeat harmless: None when it was used before, when the person may no longer sign in, or wants no mail
    about tasks. `kind` is a short word for the list of notices; those of the kind "task" go as the person has chosen,
    in the daily summary as `digest_line`, without one as their subject. `about` is what `withdraw` finds it by. Without
    a mail server the notice stands there as not sent. Raises NotInTransaction.
    """
    if not connection.in_atomic_block:
        raise NotInTransaction(key)
    wish = person.mail_about_tasks if kind == TASK else TaskMail.AT_ONCE
    if not person.is_active or wish == TaskMail.NEVER:
        return None

    goes = mail.is_set_up()
    held_until = next_summary(person, department) if goes and wish == TaskMail.DAILY else None
    on_its_way = NoticeStatus.HELD if held_until else NoticeStatus.WAITING
    notice = Notice(
        key=key,
        person=person,
        department=department,
        kind=kind,
        subject=_one_line(subject),
        text=text,
        html=html,
        digest_line=_one_line(digest_line, 500),
        about=about,
        status=on_its_way if goes else NoticeStatus.OFF,
        error="" if goes else mail.NO_SERVER,
    )
    values = [*(getattr(notice, name) for name in _COLUMNS), goes, held_until]
    return notice if sql.changed(_INSERT, values) else None


def withdraw(about: Collection[UUID], *, people: Collection[UUID] | None = None, but_for: Collection[UUID] = ()) -> int:
    """What tells of these and has not gone yet need not go any more, nor its line in a summary. How many that were.

    Only for `people` where they are given, and never for those in `but_for`. Part of the caller's transaction. One that
    is just being sent may go all the same; when it does not, it is not tried again.
    """
    rows = Notice.objects.filter(about__in=about).exclude(person__in=but_for)
    if people is not None:
        rows = rows.filter(person__in=people)
    return _withdraw(rows)


def withdraw_from(person: User, department: Department) -> int:
    """The same for a person who has left a department, whose tasks are no longer theirs."""
    return _withdraw(Notice.objects.filter(person=person, department=department, kind=TASK))


def _withdraw(rows: QuerySet[Notice]) -> int:
    if not rows.filter(status__in=_TO_WITHDRAW).exists():  # as always where no mail server is set up
        return 0
    unsent = rows.filter(status__in=[NoticeStatus.WAITING, NoticeStatus.HELD]).update(**_NOT_NEEDED)
    rows.filter(status=NoticeStatus.SENDING).update(error=NOT_NEEDED)
    to_come = (NoticeStatus.WAITING, NoticeStatus.SENDING)
    summaries_to_come = Notice.objects.filter(kind=SUMMARY, status__in=to_come)
    return unsent + rows.filter(status=NoticeStatus.COLLECTED, summary__in=summaries_to_come).update(**_NOT_NEEDED)


def next_summary(person: User, department: Department | None) -> datetime:
    """The next eight o'clock of that department, else of the person's first one."""
    at_home = department or Department.objects.filter(memberships__user=person).order_by("name").first()
    zone = ZoneInfo(at_home.time_zone if at_home else settings.TIME_ZONE)
    # By this machine's clock: an hour of the day is a habit of people, and nothing is lost or doubled by a wrong one.
    now = timezone.now().astimezone(zone)
    morning = datetime.combine(now.date(), SUMMARY_AT, zone)
    return morning if now < morning else datetime.combine(now.date() + timedelta(days=1), SUMMARY_AT, zone)


def send_due(limit: int = BATCH) -> int:
    """Send what is due, one after the other, at most `limit`; how many went. Never raises.

    Any number of processes may do this at once: each notice is sent by one of them. A mail that does not go is tried
    again after a while; where the server itself is away, the others are left for the next time.
    """
    try:
        return _send_due(limit) if mail.is_set_up() else _put_aside()
    except Exception:
        log.exception("notices.wait: the notices that are due are left for the next time")
        return 0
    finally:
        sql.release()


def next_attempt(attempts: int) -> timedelta | None:
    """How long to wait after the failure of this attempt (1 is the first), or None to give up."""
    return PAUSES[attempts - 1] if attempts <= len(PAUSES) else None


def _send_due(limit: int) -> int:
    sent = 0
    while _collect():
        pass
    with mail.Line() as line:
        for _turn in range(limit):
            claimed = _claim()
            if claimed is None:
                break
            if claimed.notice.error == NOT_NEEDED or not _has_something_to_say(claimed.notice):
                _settle(claimed, **_NOT_NEEDED)
                continue
            problem = _try(claimed.notice, line)
            _settle(claimed, **(_after(problem, claimed.notice) if problem else _SENT))
            sent += problem is None
            if problem and problem.is_of_server:
                break
    return sent


def _collect() -> bool:
    """Make one mail of what is held for one person until now. Whether there was somebody.

    The person is locked: who collects for them at the same moment leaves it to the first. A summary that still waits,
    because the mail server is away, takes up what has come since.
    """
    with transaction.atomic():
        whose = sql.row(_WHOSE, [])
        found = sql.rows(_COLLECT, whose) if whose else []
        if whose is None or not found:
            return False
        waits = Notice.objects.select_for_update(skip_locked=True)
        summary = waits.filter(person=whose[0], kind=SUMMARY, status=NoticeStatus.WAITING).first() or _begin(*whose)
        Notice.objects.filter(pk__in=[id for (id,) in found]).update(summary=summary)
    return True


def _begin(person_id: UUID) -> Notice | None:
    """A summary, not filled yet: None for somebody who may no longer sign in."""
    person = User.objects.get(pk=person_id)
    return notify(person, key=f"{SUMMARY}.{uuid7()}", kind=SUMMARY, subject=str(_("Tasks for you")), text="")


def _has_something_to_say(notice: Notice) -> bool:
    """A summary is filled as it goes, without what has been decided since it was collected; an empty one never goes."""
    if notice.kind != SUMMARY or (notice.text and not notice.lines.exists()):
        return True
    lines = notice.lines.filter(status=NoticeStatus.COLLECTED).order_by("id").values_list("digest_line", "subject")
    said = [line or subject for line, subject in lines]
    if said:
        notice.subject, notice.text = summaries.summary_of(said)
        notice.save(update_fields=["subject", "text"])
    return bool(said)


def _claim() -> Claimed | None:
    found = sql.row(_CLAIM, [LEASE.total_seconds()])
    if found is None:
        return None
    id, until = found
    return Claimed(Notice.objects.select_related("person").get(pk=id), until)


def _try(notice: Notice, line: mail.Line) -> mail.NotSent | None:
    """One attempt, outside any transaction and without a database connection; what went wrong, if something did."""
    if not notice.person.is_active:
        return mail.NotSent(f"Not sent: {notice.person} may no longer sign in.", is_final=True)
    if notice.attempts > len(PAUSES) + 1:
        return mail.NotSent("Not sent: the process that was to send it was lost each time.", is_final=True)

    sql.release()
    try:
        line.send(_message(notice))
    except mail.NotSent as problem:
        log.warning("notice.not_sent %s: %s", notice.pk, problem)
        return problem
    except Exception as defect:
        log.exception("notice.defect %s", notice.pk)
        return mail.NotSent(f"Not sent: an error in Tandem ({type(defect).__name__}). The log says more.")
    return None


def _message(notice: Notice) -> EmailMultiAlternatives:
    message = EmailMultiAlternatives(subject=notice.subject, body=notice.text, to=[notice.person.email])
    domain = parseaddr(message.from_email)[1].rpartition("@")[2]
    # RFC 3834 §5: no answering machine may answer this.
    message.extra_headers = {"Message-ID": f"<{notice.pk}@{domain}>", "Auto-Submitted": "auto-generated"}
    if notice.html:
        message.attach_alternative(notice.html, "text/html")
    return message


def _after(problem: mail.NotSent, notice: Notice) -> dict[str, Any]:
    """What the row says after a failed attempt."""
    pause = None if problem.is_final else next_attempt(notice.attempts)
    return {
        "status": NoticeStatus.WAITING if pause else NoticeStatus.FAILED,
        "next_at": Now() + pause if pause else None,
        "error": str(problem)[:500],
    }


def _settle(claimed: Claimed, **change: Any) -> None:
    held = Notice.objects.filter(pk=claimed.notice.pk, status=NoticeStatus.SENDING, next_at=claimed.until)
    if change["status"] == NoticeStatus.WAITING and held.filter(error=NOT_NEEDED).update(**_NOT_NEEDED):
        return
    if not held.update(**change):
        log.warning(
            "notice.lost %s: sending it took longer than its lease, somebody else sends it too", claimed.notice.pk
        )


def _put_aside() -> int:
    """What waited when the mail server was taken out of the settings."""
    Notice.objects.filter(status__in=NOTICES_ON_THEIR_WAY, next_at__lte=Now()).update(
        status=NoticeStatus.OFF, next_at=None, error=mail.NO_SERVER
    )
    return 0


def _one_line(text: str, longest: int = 200) -> str:
    """A subject that ends no header: line ends and other control characters become blanks."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:longest]


_NOT_NEEDED: Final[dict[str, Any]] = {"status": NoticeStatus.OFF, "next_at": None, "error": NOT_NEEDED}
_TO_WITHDRAW: Final = (NoticeStatus.WAITING, NoticeStatus.HELD, NoticeStatus.SENDING, NoticeStatus.COLLECTED)
_SENT: Final[dict[str, Any]] = {"status": NoticeStatus.SENT, "next_at": None, "error": "", "sent_at": Now()}

_COLUMNS: Final = (
    *("id", "key", "person_id", "department_id", "kind", "subject", "text", "html"),
    *("digest_line", "about", "status", "error", "attempts"),
)
_INSERT = f"""
INSERT INTO departments_notice ({", ".join(_COLUMNS)}, next_at)
VALUES ({", ".join(["%s"] * len(_COLUMNS))}, CASE WHEN %s THEN coalesce(%s, now()) END) ON CONFLICT (key) DO NOTHING
"""

_CLAIM = """
UPDATE departments_notice
SET status = 'sending', attempts = attempts + 1, next_at = clock_timestamp() + make_interval(secs => %s)
WHERE id = (
    SELECT id FROM departments_notice
    WHERE status IN ('waiting', 'sending') AND next_at <= (SELECT clock_timestamp())
    ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, next_at
"""

_WHOSE = """
SELECT id FROM departments_user WHERE id = (
    SELECT person_id FROM departments_notice WHERE status = 'held' AND next_at <= (SELECT clock_timestamp())
    ORDER BY next_at LIMIT 1
) FOR NO KEY UPDATE SKIP LOCKED
"""

_COLLECT = """
UPDATE departments_notice SET status = 'collected', next_at = NULL
WHERE status = 'held' AND next_at <= (SELECT clock_timestamp()) AND person_id = %s RETURNING id
"""
