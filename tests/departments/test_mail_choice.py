"""Mail about tasks as each person wants it, the daily summary, and notices that administrators send again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from time import sleep
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from audit.models import Entry
from audit.sentences import sentence
from audit.sql import rows
from departments import mail, notices
from departments.access import actor_for_user
from departments.mail_choice import choose_task_mail
from departments.models import Department, Membership, Notice, NoticeStatus, TaskMail, User
from departments.services import remove_member, send_again
from tests.factories import make_department, make_member, make_notice, make_user
from tests.mail_server import MailServer

pytestmark = pytest.mark.django_db

HELD, COLLECTED = NoticeStatus.HELD, NoticeStatus.COLLECTED
SENT, WAITING, FAILED, OFF = NoticeStatus.SENT, NoticeStatus.WAITING, NoticeStatus.FAILED, NoticeStatus.OFF


def ask(person: User, key: str, **given: Any) -> Notice | None:
    """A notice about a task."""
    with transaction.atomic():
        return notices.notify(
            person, **{"key": key, "kind": "task", "subject": f"May {key} go?", "text": "Look at it.", **given}
        )


def choose(person: User, choice: str) -> None:
    choose_task_mail(person, choice, actor=actor_for_user(person))


def morning_comes() -> None:
    Notice.objects.filter(status=HELD).update(next_at=Now() - timedelta(seconds=1))


def states() -> dict[str, str]:
    return dict(Notice.objects.exclude(kind="summary").values_list("key", "status"))


def test_mail_about_tasks_comes_at_once_unless_somebody_wants_it_otherwise(server: MailServer, lea: User) -> None:
    ask(lea, "a")

    assert (lea.mail_about_tasks, notices.send_due()) == (TaskMail.AT_ONCE, 1)


def test_who_wants_none_gets_none_about_tasks_and_still_the_rest(server: MailServer, lea: User) -> None:
    choose(lea, "never")

    about_a_task, other = ask(lea, "a"), ask(lea, "b", kind="account")
    notices.send_due()

    assert about_a_task is None
    assert other is not None
    assert [message["Subject"] for _, message in server.taken] == ["May b go?"]


def test_the_daily_summary_is_one_mail_of_everything_since_the_last_one(
    server: MailServer, lea: User, settings: Settings
) -> None:
    settings.PUBLIC_URL = "https://tandem.example"
    choose(lea, "daily")
    ask(lea, "a", digest_line="Approve the brief: https://tandem.example/tasks/1/")
    ask(lea, "b")

    before = notices.send_due()
    morning_comes()
    sent = notices.send_due()

    [(to, message)] = server.taken
    assert (before, sent, to, message["Subject"]) == (0, 1, [lea.email], "2 tasks for you")
    assert message.get_content().replace("\r\n", "\n") == (
        "Since the last summary you were asked:\n\n"
        "- Approve the brief: https://tandem.example/tasks/1/\n- May b go?\n\n"
        "Everything that waits for you: https://tandem.example/tasks/\n\n"
        "You get this summary at 8 in the morning because you chose it. "
        "Choose anew: https://tandem.example/mail/\n"
    )
    assert states() == {"a": COLLECTED, "b": COLLECTED}


def test_each_person_gets_a_summary_of_their_own_and_nobody_an_empty_one(
    server: MailServer, lea: User, legal: Department
) -> None:
    tom, quiet = make_user("Tom", legal), make_user("Quiet", legal)
    for person in (lea, tom, quiet):
        choose(person, "daily")
    ask(lea, "a")
    ask(tom, "b")

    morning_comes()
    notices.send_due()
    notices.send_due()
    notices.send_due()

    assert sorted((to, message["Subject"]) for [to], message in server.taken) == [
        (lea.email, "1 task for you"),
        (tom.email, "1 task for you"),
    ]


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_in_the_same_morning_write_each_task_into_one_summary(server: MailServer, lea: User) -> None:
    choose(lea, "daily")
    for number in range(20):
        ask(lea, f"task-{number}.")
    morning_comes()
    start = Barrier(3)

    def send() -> None:
        start.wait()
        notices.send_due()

    threads = [Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    notices.send_due()

    lines = [line for _, message in server.taken for line in message.get_content().splitlines() if "task-" in line]
    assert len(server.taken) == 1
    assert sorted(lines) == sorted(f"- May task-{number}. go?" for number in range(20))


@pytest.mark.django_db(transaction=True)
def test_of_two_who_collect_at_the_same_moment_the_second_leaves_it_to_the_first(server: MailServer, lea: User) -> None:
    """The first is held in the middle by a lock on one of its rows, while another task comes in."""
    choose(lea, "daily")
    ask(lea, "a")
    ask(lea, "b")
    morning_comes()
    collected: list[bool] = []

    def collect() -> None:
        collected.append(notices._collect())
        connection.close()

    first, second = Thread(target=collect), Thread(target=collect)
    with transaction.atomic():
        list(Notice.objects.select_for_update().filter(key="b"))
        first.start()
        wait_until_somebody_waits_for_a_lock()
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(comes_in_late, lea).result()
        second.start()
        second.join(5)
        was_left = not second.is_alive()
    for thread in (first, second):
        thread.join(10)
    notices.send_due()
    notices.send_due()

    [(_to, message)] = server.taken
    assert (was_left, collected, message["Subject"]) == (True, [False, True], "3 tasks for you")


def comes_in_late(person: User) -> None:
    ask(person, "c")
    Notice.objects.filter(key="c").update(next_at=Now() - timedelta(seconds=1))
    connection.close()


def wait_until_somebody_waits_for_a_lock() -> None:
    for _ in range(100):
        if rows("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()", []):
            return
        sleep(0.05)
    raise AssertionError("nobody waits")


@pytest.mark.parametrize(
    ("zone", "now", "expected"),
    [
        ("Europe/Berlin", datetime(2026, 7, 1, 5, 59, tzinfo=UTC), datetime(2026, 7, 1, 6, 0, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 7, 1, 6, 0, tzinfo=UTC), datetime(2026, 7, 2, 6, 0, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 24, 20, 0, tzinfo=UTC), datetime(2026, 10, 25, 7, 0, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 1, 5, 2, 0, tzinfo=UTC), datetime(2026, 1, 5, 13, 0, tzinfo=UTC)),
        ("Asia/Kolkata", datetime(2026, 1, 5, 2, 0, tzinfo=UTC), datetime(2026, 1, 5, 2, 30, tzinfo=UTC)),
    ],
    ids=["a minute before", "at eight", "over the end of summer time", "west", "half an hour off"],
)
def test_the_summary_comes_at_eight_by_the_clock_of_the_department(
    zone: str, now: datetime, expected: datetime
) -> None:
    department = make_department(time_zone=zone)

    with time_machine.travel(now, tick=False):
        found = notices.next_summary(make_user(), department)

    assert found == expected
    assert found.astimezone(ZoneInfo(zone)).hour == 8


def test_a_notice_of_no_department_goes_by_the_clock_of_the_persons_first_one() -> None:
    lea = make_user("Lea", make_department("Zurich", time_zone="Europe/Zurich"))
    make_member(lea, make_department("Boston", time_zone="America/New_York"))

    with time_machine.travel(datetime(2026, 1, 5, 2, 0, tzinfo=UTC), tick=False):
        found = notices.next_summary(lea, None)
        alone = notices.next_summary(make_user(), None)

    assert found == datetime(2026, 1, 5, 13, 0, tzinfo=UTC)
    assert alone == datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("choice", "subjects", "state"), [("at_once", ["1 task for you"], COLLECTED), ("never", [], OFF)]
)
def test_a_new_choice_holds_for_what_waits_for_the_summary(
    server: MailServer, lea: User, choice: str, subjects: list[str], state: str
) -> None:
    choose(lea, "daily")
    ask(lea, "a")

    choose(lea, choice)
    notices.send_due()
    notices.send_due()

    assert [message["Subject"] for _, message in server.taken] == subjects
    assert states() == {"a": state}


def test_a_choice_stands_in_the_ledger_and_is_everybodys_own(lea: User) -> None:
    choose(lea, "daily")

    assert sentence(Entry.objects.shown().get(verb="person.mail_chosen")) == "Lea chose mail about tasks: daily"
    with pytest.raises(PermissionDenied):
        choose_task_mail(lea, "never", actor=actor_for_user(make_user(is_superuser=True)))
    with pytest.raises(ValidationError):
        choose(lea, "hourly")
    lea.refresh_from_db()
    assert lea.mail_about_tasks == TaskMail.DAILY


def test_what_was_decided_meanwhile_is_withdrawn_before_it_goes(server: MailServer, lea: User) -> None:
    tom = make_user("Tom")
    choose(tom, "daily")
    decided, other = uuid4(), uuid4()
    ask(lea, "a.lea", about=decided)
    ask(tom, "a.tom", about=decided)
    ask(lea, "b.lea", about=other)

    withdrawn = notices.withdraw([decided, uuid4()])
    morning_comes()
    notices.send_due()

    assert withdrawn == 2
    assert states() == {"a.lea": OFF, "a.tom": OFF, "b.lea": SENT}
    assert notices.withdraw([other]) == 0


def test_what_is_decided_while_it_is_being_sent_is_not_tried_again(server: MailServer, lea: User) -> None:
    about = uuid4()
    ask(lea, "a", about=about)
    claimed = notices._claim()
    assert claimed is not None

    notices.withdraw([about])
    notices._settle(claimed, **notices._after(mail.NotSent("It is away."), claimed.notice))
    sent = notices.send_due()

    assert (sent, states()) == (0, {"a": OFF})


def test_what_is_decided_after_its_sender_was_lost_is_not_sent_by_another(server: MailServer, lea: User) -> None:
    about = uuid4()
    ask(lea, "a", about=about)
    assert notices._claim() is not None

    notices.withdraw([about])
    Notice.objects.update(next_at=Now() - timedelta(seconds=1))
    sent = notices.send_due()

    assert (sent, states(), server.taken) == (0, {"a": OFF}, [])


def test_a_summary_that_did_not_go_is_tried_again_without_what_was_decided(server: MailServer, lea: User) -> None:
    choose(lea, "daily")
    decided = uuid4()
    ask(lea, "a", about=decided)
    ask(lea, "b")
    morning_comes()
    assert notices._collect()
    claimed = notices._claim()
    assert claimed is not None

    notices.withdraw([decided])
    notices._settle(claimed, **notices._after(mail.NotSent("It is away."), claimed.notice))
    Notice.objects.filter(status=WAITING).update(next_at=Now() - timedelta(seconds=1))
    notices.send_due()

    [(_to, message)] = server.taken
    assert message["Subject"] == "1 task for you"


def test_only_those_named_are_spared_or_meant(server: MailServer, lea: User) -> None:
    tom, about = make_user("Tom"), uuid4()
    ask(lea, "a.lea", about=about)
    ask(tom, "a.tom", about=about)

    spared = notices.withdraw([about], but_for=[lea.pk, tom.pk])
    meant = notices.withdraw([about], people=[tom.pk])

    assert (spared, meant, states()) == (0, 1, {"a.lea": WAITING, "a.tom": OFF})


def test_what_is_decided_after_the_summary_was_collected_is_left_out_of_it(server: MailServer, lea: User) -> None:
    choose(lea, "daily")
    decided = uuid4()
    ask(lea, "a", about=decided)
    ask(lea, "b")
    morning_comes()
    assert notices._collect()

    assert notices.withdraw([decided]) == 1
    notices.send_due()

    [(_to, message)] = server.taken
    assert message["Subject"] == "1 task for you"
    assert "May a go?" not in message.get_content()
    assert states() == {"a": OFF, "b": COLLECTED}


def test_a_summary_of_which_nothing_is_left_does_not_go(server: MailServer, lea: User) -> None:
    choose(lea, "daily")
    decided = uuid4()
    ask(lea, "a", about=decided)
    morning_comes()
    assert notices._collect()

    notices.withdraw([decided])
    notices.send_due()

    assert server.taken == []
    assert Notice.objects.get(kind="summary").status == OFF


def test_a_summary_that_waits_for_the_mail_server_takes_up_what_comes_next(server: MailServer, lea: User) -> None:
    choose(lea, "daily")
    for key in ("a", "b"):
        ask(lea, key)
        morning_comes()
        while notices._collect():
            pass

    notices.send_due()

    [(_to, message)] = server.taken
    assert message["Subject"] == "2 tasks for you"


def test_who_leaves_the_department_hears_no_more_of_its_tasks(server: MailServer, lea: User, legal: Department) -> None:
    other, robin = make_department("Other"), actor_for_user(make_user(is_superuser=True))
    make_member(lea, other)
    for department in (legal, other):
        ask(lea, department.slug, department=department)
    own = Membership.objects.filter(user=lea, department=legal)

    for membership in own:
        remove_member(membership, actor=robin)

    assert states() == {legal.slug: OFF, other.slug: WAITING}


def test_the_page_shows_the_choice_and_keeps_a_new_one(server: MailServer, lea: User, client: Client) -> None:
    client.force_login(lea)

    page = client.get(reverse("mail_choice")).content.decode()
    saved = client.post(reverse("mail_choice"), {"choice": "daily"}, follow=True).content.decode()

    assert 'value="at_once" checked' in page
    assert f"It goes to {lea.email}." in page
    assert 'value="daily" checked' in saved
    assert "Your choice has been saved." in saved
    lea.refresh_from_db()
    assert lea.mail_about_tasks == TaskMail.DAILY


@pytest.mark.parametrize("given", [{}, {"choice": "hourly"}, {"choice": ""}])
def test_the_page_refuses_what_is_none_of_the_three(lea: User, client: Client, given: dict[str, str]) -> None:
    client.force_login(lea)

    answer = client.post(reverse("mail_choice"), given)

    assert answer.status_code == 422
    assert "Choose one of the three." in answer.content.decode()


def test_the_page_says_so_where_no_mail_is_sent(lea: User, client: Client, settings: Settings) -> None:
    settings.EMAIL_BACKEND = mail.OFF
    client.force_login(lea)

    assert "This server sends no mail at the moment" in client.get(reverse("mail_choice")).content.decode()


# ── sent again ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def robin() -> User:
    return make_user("Robin", is_superuser=True, is_staff=True)


def again(client: Client, *chosen: Notice) -> str:
    data = {"action": "send_again", "_selected_action": [str(notice.pk) for notice in chosen]}
    return client.post(reverse("admin:departments_notice_changelist"), data, follow=True).content.decode()


@pytest.mark.parametrize("state", [FAILED, OFF, SENT])
def test_an_administrator_has_a_notice_sent_again_and_the_ledger_says_so(
    server: MailServer, lea: User, robin: User, client: Client, state: str
) -> None:
    notice = make_notice(lea, status=state, attempts=5, error="It did not answer.")
    client.force_login(robin)

    page = again(client, notice)
    notices.send_due()

    notice.refresh_from_db()
    assert "1 notice is sent again." in page
    assert (notice.status, notice.attempts, notice.error, server.recipients()) == (SENT, 1, "", [lea.email])
    assert (
        sentence(Entry.objects.shown().get(verb="notice.sent_again")) == "Robin had a notice sent again: test for Lea"
    )


@pytest.mark.parametrize("state", [NoticeStatus.SENDING, WAITING, HELD])
def test_what_is_on_its_way_is_not_sent_again(
    server: MailServer, lea: User, robin: User, client: Client, state: str
) -> None:
    notice = make_notice(lea, status=state, next_at=datetime(2100, 1, 1, tzinfo=UTC))
    client.force_login(robin)

    page = again(client, notice)

    assert "The notice “test for Lea” is on its way, or went in a daily summary." in page
    notice.refresh_from_db()
    assert (notice.status, Entry.objects.shown().filter(verb="notice.sent_again").exists()) == (state, False)


def test_only_an_administrator_sends_again_and_only_with_a_mail_server(
    server: MailServer, lea: User, robin: User, settings: Settings
) -> None:
    notice = make_notice(lea, status=FAILED)

    with pytest.raises(PermissionDenied):
        send_again(notice, actor=actor_for_user(lea))
    settings.EMAIL_BACKEND = mail.OFF
    with pytest.raises(ValidationError, match="no mail server is set up"):
        send_again(notice, actor=actor_for_user(robin))

    notice.refresh_from_db()
    assert notice.status == FAILED


def test_the_admin_shows_whether_mail_went_and_not_what_it_says(lea: User, robin: User, client: Client) -> None:
    notice = make_notice(lea, status=FAILED, error="It did not answer.", text="the deal", subject="the deal")
    client.force_login(robin)

    listed = client.get(reverse("admin:departments_notice_changelist"), {"q": "lea"}).content.decode()
    opened = client.get(reverse("admin:departments_notice_change", args=[notice.pk])).content.decode()

    assert "It did not answer." in listed
    assert "It did not answer." in opened
    assert "the deal" not in listed + opened
