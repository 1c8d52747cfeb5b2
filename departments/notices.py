"""Mail to people: written as a row by whoever has something to say, sent later and outside by the scheduler.

READ COMMITTED is enough: each update repeats in its WHERE what it relies on. Times come from the database. Mail is best
effort (trust.md): a sender that dies lets a notice go twice, never get lost.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any, Final

from django.core.mail import EmailMultiAlternatives
from django.db import connection
from django.db.models.functions import Now

from audit import sql
from audit.services import NotInTransaction
from departments import mail
from departments.models import NOTICES_ON_THEIR_WAY, Department, Notice, NoticeStatus, User

log = logging.getLogger(__name__)

LEASE: Final = timedelta(minutes=5)
"""Longer than any mail server may keep one sender: ten answers of ten seconds each."""

PAUSES: Final = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))
BATCH: Final = 50
"""Mails over one connection; many servers hang up after a hundred."""


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
) -> Notice | None:
    """Write a notice inside the transaction that it tells of; it is sent after the commit, if there is one.

    `key` makes a repeat harmless: None when it was used before, or when the person may no longer sign in. `kind` is a
    short word for the list of notices. Without a mail server the notice stands there as not sent. Raises
    NotInTransaction.
    """
    if not connection.in_atomic_block:
        raise NotInTransaction(key)
    if not person.is_active:
        return None

    goes = mail.is_set_up()
    notice = Notice(
        key=key,
        person=person,
        department=department,
        kind=kind,
        subject=_one_line(subject),
        text=text,
        html=html,
        status=NoticeStatus.WAITING if goes else NoticeStatus.OFF,
        error="" if goes else mail.NO_SERVER,
    )
    return notice if sql.changed(_INSERT, [*(getattr(notice, name) for name in _COLUMNS), goes]) else None


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
    with mail.Line() as line:
        for _ in range(limit):
            claimed = _claim()
            if claimed is None:
                break
            problem = _try(claimed.notice, line)
            _settle(claimed, **(_after(problem, claimed.notice) if problem else _SENT))
            sent += problem is None
            if problem and problem.is_of_server:
                break
    return sent


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


def _one_line(subject: str) -> str:
    """A subject that ends no header: line ends and other control characters become blanks."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in subject).split())[:200]


_SENT: Final[dict[str, Any]] = {"status": NoticeStatus.SENT, "next_at": None, "error": "", "sent_at": Now()}

_COLUMNS: Final = (
    *("id", "key", "person_id", "department_id", "kind", "subject", "text", "html", "status", "error"),
    "attempts",
)
_INSERT = f"""
INSERT INTO departments_notice ({", ".join(_COLUMNS)}, next_at)
VALUES ({", ".join(["%s"] * len(_COLUMNS))}, CASE WHEN %s THEN now() END) ON CONFLICT (key) DO NOTHING
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
