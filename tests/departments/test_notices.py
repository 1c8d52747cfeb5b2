"""Mail to people over real SMTP: written in the transaction, sent once, tried again, never in the way of anything."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from pytest_django import Settings

from audit.services import NotInTransaction
from config.processes import Process
from departments import mail, notices
from departments.models import Notice, NoticeStatus, User
from tests.factories import make_department, make_user
from tests.mail_server import MailServer
from workflows.runtime.scheduler import Scheduler

pytestmark = pytest.mark.django_db

SENT, WAITING, FAILED, OFF = NoticeStatus.SENT, NoticeStatus.WAITING, NoticeStatus.FAILED, NoticeStatus.OFF


@pytest.fixture
def lea() -> User:
    return make_user("Lea", email="lea@house.example")


def write(person: User, key: str = "k", **given: Any) -> Notice | None:
    with transaction.atomic():
        return notices.notify(
            person, **{"key": key, "kind": "test", "subject": "Hello", "text": "Something happened.", **given}
        )


def let_time_pass(**change: Any) -> None:
    """As if the pause of every notice that waits, or the lease of one that is being sent, were over."""
    Notice.objects.filter(next_at__isnull=False).update(next_at=Now() - timedelta(seconds=1), **change)


def states() -> dict[str, str]:
    return dict(Notice.objects.values_list("key", "status"))


def test_a_notice_arrives_as_it_was_written_with_the_headers_of_a_machine(server: MailServer, lea: User) -> None:
    notice = write(lea, subject="Freigabe für „Müller“", text="Grüße\n\nЖдём вас.", html="<p>Grüße</p>")

    sent = notices.send_due()

    [(to, message)] = server.taken
    assert (sent, to, message["To"]) == (1, ["lea@house.example"], "lea@house.example")
    assert (message["From"], message["Subject"]) == ("Tandem <tandem@house.example>", "Freigabe für „Müller“")
    assert message["Message-ID"] == f"<{notice.pk}@house.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime is not None
    plain, html = message.iter_parts()
    assert (plain.get_content_type(), plain.get_content()) == ("text/plain", "Grüße\r\n\r\nЖдём вас.")
    assert (html.get_content_type(), html.get_content()) == ("text/html", "<p>Grüße</p>")
    notice.refresh_from_db()
    assert (notice.status, notice.attempts, notice.next_at, notice.error) == (SENT, 1, None, "")
    assert notice.sent_at is not None


def test_a_notice_of_text_alone_is_plain_mail(server: MailServer, lea: User) -> None:
    write(lea)

    notices.send_due()

    assert server.taken[0][1].get_content_type() == "text/plain"


def test_a_second_notice_with_the_same_key_is_none(server: MailServer, lea: User) -> None:
    first, second = write(lea, "task.1"), write(lea, "task.1", subject="Again")

    notices.send_due()

    assert first is not None
    assert second is None
    assert len(server.taken) == Notice.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_was_never_written_and_outside_a_transaction_nothing_can_be(lea: User) -> None:
    with transaction.atomic():
        notices.notify(lea, key="k", kind="test", subject="Hello", text="x", department=make_department())
        transaction.set_rollback(True)

    assert not Notice.objects.exists()
    with pytest.raises(NotInTransaction):
        notices.notify(lea, key="k", kind="test", subject="Hello", text="x")


@pytest.mark.parametrize(
    "subject",
    ["Hi\r\nBcc: all@evil.example", "Hi\nBcc: all@evil.example", "Hi\x85Bcc: all@evil.example", "Hi\x00 Bcc:"],
)
def test_a_subject_cannot_become_a_header(server: MailServer, lea: User, subject: str) -> None:
    write(lea, subject=subject)

    notices.send_due()

    [(to, message)] = server.taken
    assert to == ["lea@house.example"]
    assert message["Bcc"] is None
    assert message["Subject"].startswith("Hi Bcc:")


def test_somebody_who_may_no_longer_sign_in_gets_no_mail(server: MailServer, lea: User) -> None:
    write(lea, "before")
    User.objects.update(is_active=False)
    lea.refresh_from_db()

    after = write(lea, "after")
    notices.send_due()

    assert after is None
    assert server.taken == []
    assert Notice.objects.get().error == "Not sent: Lea may no longer sign in."


def test_without_a_mail_server_notices_stand_there_as_not_sent(settings: Settings, lea: User) -> None:
    settings.EMAIL_BACKEND = mail.OFF

    write(lea)

    notice = Notice.objects.get()
    assert (notices.send_due(), notice.status, notice.error) == (0, OFF, mail.NO_SERVER)


def test_what_waits_when_mail_is_switched_off_does_not_wait_for_ever(
    server: MailServer, settings: Settings, lea: User
) -> None:
    write(lea)

    settings.EMAIL_BACKEND = mail.OFF
    notices.send_due()

    notice = Notice.objects.get()
    assert (notice.status, notice.next_at, notice.error) == (OFF, None, mail.NO_SERVER)


def test_a_server_that_is_away_gets_the_mail_when_it_is_back(server: MailServer, lea: User) -> None:
    write(lea)
    server.stop()

    away = notices.send_due()
    notice = Notice.objects.get()
    at_once = notices.send_due()
    server.start()
    let_time_pass()
    back = notices.send_due()

    assert (away, at_once, back) == (0, 0, 1)
    assert (notice.status, notice.attempts) == (WAITING, 1)
    assert f"127.0.0.1:{server.port} cannot be reached: Connection refused. Look at SMTP_URL" in notice.error
    assert states() == {"k": SENT}


def test_while_the_server_is_away_one_notice_tries_and_the_others_keep_their_attempts(
    server: MailServer, lea: User
) -> None:
    for number in range(3):
        write(lea, f"{number}")
    server.stop()

    notices.send_due()

    assert sorted(Notice.objects.values_list("attempts", flat=True)) == [0, 0, 1]
    server.start()


def test_a_server_that_asks_for_patience_gets_it(server: MailServer, lea: User) -> None:
    server.answers[lea.email] = ["451 4.7.1 Greylisted, come again"]
    write(lea)

    notices.send_due()
    notice = Notice.objects.get()
    let_time_pass()
    notices.send_due()

    assert (notice.status, notice.attempts) == (WAITING, 1)
    assert notice.error.endswith("refuses mail to lea@house.example: 451 4.7.1 Greylisted, come again.")
    assert (states(), server.recipients()) == ({"k": SENT}, [lea.email])


def test_a_recipient_that_is_refused_for_good_is_not_asked_again_and_the_others_go(
    server: MailServer, lea: User
) -> None:
    gone = make_user("Gone", email="gone@house.example")
    server.answers[gone.email] = ["550 5.1.1 No such user"] * 9
    write(gone, "gone")
    write(lea, "lea")

    sent = notices.send_due()
    let_time_pass()
    notices.send_due()

    assert (sent, states()) == (1, {"gone": FAILED, "lea": SENT})
    assert Notice.objects.get(key="gone").attempts == 1
    assert Notice.objects.get(key="gone").error.endswith("refuses mail to gone@house.example: 550 5.1.1 No such user.")


@pytest.mark.parametrize(
    ("attempts", "pause"),
    [(1, "0:01:00"), (2, "0:05:00"), (3, "0:30:00"), (4, "2:00:00"), (5, "None"), (6, "None")],
)
def test_the_pauses_grow_and_end(attempts: int, pause: str) -> None:
    assert str(notices.next_attempt(attempts)) == pause


def test_the_fifth_failure_is_the_last_and_the_row_says_why(server: MailServer, lea: User) -> None:
    server.answers[lea.email] = ["451 Not now"] * 9
    write(lea)

    waits = []
    for _ in range(6):
        notices.send_due()
        waits += Notice.objects.filter(next_at__isnull=False).values_list("next_at", flat=True)
        let_time_pass()

    notice = Notice.objects.get()
    assert (len(waits), notice.status, notice.attempts) == (4, FAILED, 5)
    assert "451 Not now." in notice.error


def test_a_recipient_whose_server_dawdles_costs_its_time_and_the_others_go(
    server: MailServer, settings: Settings, lea: User
) -> None:
    settings.EMAIL_TIMEOUT = 0.4
    slow = make_user("Slow", email="slow@house.example")
    server.slow[slow.email] = 5
    write(slow, "slow")
    write(lea, "lea")

    began = time.monotonic()
    sent = notices.send_due()

    assert time.monotonic() - began < 4.5
    assert (sent, states()) == (1, {"slow": WAITING, "lea": SENT})
    assert Notice.objects.get(key="slow").error.endswith("did not answer within 0.4 s.")


def test_an_error_of_our_own_never_gets_out_and_keeps_no_other_notice(
    server: MailServer, lea: User, caplog: pytest.LogCaptureFixture
) -> None:
    broken = make_user("Broken", email="broken@house.example")
    User.objects.filter(pk=broken.pk).update(email="bro\nken@house.example")
    write(User.objects.get(pk=broken.pk), "broken")
    write(lea, "lea")

    sent = notices.send_due()

    assert (sent, states()) == (1, {"broken": FAILED, "lea": SENT})
    assert "cannot be written" in Notice.objects.get(key="broken").error


def test_a_notice_whose_sender_was_lost_five_times_is_given_up(server: MailServer, lea: User) -> None:
    write(lea)
    let_time_pass(status=NoticeStatus.SENDING, attempts=5)

    notices.send_due()

    assert (states(), server.taken) == ({"k": FAILED}, [])
    assert "was lost each time" in Notice.objects.get().error


def test_who_took_longer_than_the_lease_does_not_settle_what_another_one_sends(server: MailServer, lea: User) -> None:
    write(lea)
    slept = notices._claim()
    let_time_pass()
    other = notices._claim()

    notices._settle(slept, status=FAILED, next_at=None)

    notice = Notice.objects.get()
    assert (notice.status, notice.next_at, notice.attempts) == (NoticeStatus.SENDING, other.until, 2)


@pytest.mark.django_db(transaction=True)
def test_two_senders_at_once_send_each_notice_once(server: MailServer, lea: User) -> None:
    for number in range(20):
        write(lea, f"{number}", subject=f"{number}")
    start, counts = Barrier(3), []

    def send() -> None:
        start.wait()
        counts.append(notices.send_due())

    threads = [Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sum(counts) == 20
    assert sorted(int(message["Subject"]) for _, message in server.taken) == list(range(20))


@pytest.mark.django_db(transaction=True)
def test_a_mail_server_that_hangs_does_not_hold_the_scheduler_up(server: MailServer, lea: User) -> None:
    server.holds = True
    write(lea)
    scheduler = Scheduler()
    ticks = []
    tick = scheduler.tick
    scheduler.tick = lambda: ticks.append(server.held.is_set()) or tick()  # type: ignore[method-assign]

    def run() -> None:
        scheduler.run()
        connection.close()

    thread = Thread(target=run)
    thread.start()
    assert server.held.wait(10)
    time.sleep(2.5)
    scheduler.stop.set()
    server.stop()
    thread.join(15)

    assert ticks.count(True) >= 2
    scheduler.mail.join(10)
    server.start()


@pytest.mark.django_db(transaction=True)
def test_a_scheduler_killed_in_the_middle_of_a_mail_loses_nothing(
    server: MailServer, lea: User, start_scheduler: Callable[[], Process]
) -> None:
    server.holds = True
    write(lea)
    first = start_scheduler()
    assert server.held.wait(60)

    first.kill()
    in_its_hands = Notice.objects.get()
    server.holds = False
    start_scheduler()
    time.sleep(4)
    before_the_lease_is_over = list(server.taken)
    let_time_pass()
    wait_for_sent()

    assert (in_its_hands.status, in_its_hands.attempts) == (NoticeStatus.SENDING, 1)
    assert timedelta(minutes=4) < in_its_hands.next_at - in_its_hands.created_at < timedelta(minutes=6)
    assert before_the_lease_is_over == []
    assert server.recipients() == [lea.email]
    assert Notice.objects.get().attempts == 2


def wait_for_sent() -> None:
    deadline = time.monotonic() + 60
    while states() != {"k": SENT}:
        assert time.monotonic() < deadline, states()
        time.sleep(0.1)
