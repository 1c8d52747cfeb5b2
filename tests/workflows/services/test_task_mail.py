"""What a mail about a task says, and that nothing written by others can pass for a part of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from pytest_django import Settings

from departments import notices
from departments.models import Role, User
from tests import factories
from tests.departments.conftest import server
from tests.mail_server import MailServer
from workflows.models import Task, TaskKind, Why
from workflows.services.task_clock import strike
from workflows.services.task_mail import Mail, mail_about
from workflows.services.telling import Told

__all__ = ["server"]

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 10, 24, 14, 0, tzinfo=UTC)


@pytest.fixture
def ada() -> User:
    return factories.make_user("Ada", factories.make_department("Legal"), Role.APPROVER)


def a_task(ada: User, **fields: Any) -> Task:
    department = ada.memberships.get().department
    version = factories.make_version(factories.make_workflow(department, name=fields.pop("workflow", "Press triage")))
    run = factories.make_run(version, started_by=fields.pop("started_by", "Olga Lind"), status="waiting")
    step = factories.make_step(run, kind="people.review", status="waiting")
    return factories.make_task(step, **{"person": ada, "kind": TaskKind.REVIEW, "question": "Is this it?", **fields})


def mailed(task: Task, deed: str = "tell", **told: Any) -> Mail:
    task.refresh_from_db()
    return mail_about(task, Told(task.assignees.get().person, task.assignees.get(), **told), deed, NOW)  # type: ignore[arg-type]


def lines(text: str) -> list[str]:
    return text.split("\n")


def test_the_mail_says_all_that_belongs_to_the_question(ada: User, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://tandem.example"
    task = a_task(
        ada,
        draft="We are glad.\n\nCome and see.",
        shown={"Outlet": "Local Times", "Sources": 3},
        due_at=NOW + timedelta(days=1),
    )

    mail = mailed(task)

    assert mail.subject == "Please review: Is this it?"
    [link] = re.findall(r"https://tandem\.example/decide/\S+", mail.text)
    assert mail.text == (
        "A workflow asks you.\n"
        "\n"
        "“Is this it?”\n"
        "\n"
        "Workflow: Press triage\n"
        "Started by: Olga Lind\n"
        "Due: Sunday, 25 October 2026, 15:00 (Europe/Berlin)\n"
        "Outlet: Local Times\n"
        "Sources: 3\n"
        "\n"
        "The draft (27 characters in all):\n"
        "> We are glad.\n"
        ">\n"
        "> Come and see.\n"
        "\n"
        "Decide on one page:\n"
        f"{link}\n"
        "It is for you alone, and works until Sunday, 25 October 2026, 15:00\n"
        "(Europe/Berlin).\n"
        "\n"
        "Open the task:\n"
        f"https://tandem.example/tasks/{task.pk}/\n"
    )
    assert mail.html.count("<a ") == 2
    assert f'href="{link}"' in mail.html
    assert "Local Times" in mail.html
    assert "src=" not in mail.html


def test_a_reminder_says_how_long_there_is(ada: User) -> None:
    task = a_task(ada, due_at=NOW + timedelta(hours=4))

    with time_machine.travel(NOW + timedelta(days=400)):
        mail = mailed(task, "remind")

    assert mail.subject == "Due in 4 hours: Is this it?"
    assert lines(mail.text)[0] == "This question still waits for you."


@pytest.mark.parametrize(
    ("why", "deed", "says"),
    [
        (Why.ESCALATED, "escalate", "Nobody has answered this question so far, so you are asked as well."),
        (Why.HANDED_ON, "tell", "Those asked before have not answered in time, so you are asked now."),
        (Why.DELEGATED, "tell", "Ben has handed this over to you: You know them."),
    ],
)
def test_it_says_why_somebody_is_asked(ada: User, why: str, deed: str, says: str) -> None:
    task = a_task(ada)
    task.assignees.update(why=why, by_label="Ben", reason="You know them.")

    mail = mailed(task, deed, in_place_of="Cleo")

    assert mail.text.startswith(f"{says}")
    assert "You stand in for Cleo." in " ".join(lines(mail.text)[:3])


@pytest.mark.parametrize("kind", [TaskKind.FORM, TaskKind.CHOOSE, TaskKind.RESOLVE])
def test_what_takes_more_than_yes_or_no_has_the_one_link_to_its_page(ada: User, kind: str) -> None:
    mail = mailed(a_task(ada, kind=kind))

    assert "/decide/" not in mail.text + mail.html
    assert re.findall(r"http\S+", mail.text) == [lines(mail.text)[-2]]


def test_a_long_draft_is_cut_with_its_length_and_many_facts_are_counted(ada: User) -> None:
    facts = {f"Fact {number}": "long " * 200 for number in range(20)}

    mail = mailed(a_task(ada, draft="word " * 20_000, shown=facts))

    assert "The draft (100,000 characters in all):" in mail.text
    assert "And more: 8 further facts stand on the page." in mail.text
    assert len(mail.text) < 8_000
    assert max(len(line) for line in lines(mail.text) if "/decide/" not in line) <= 76


HOSTILE = (
    "Fine?\r\nBcc: all@house.example\r\n\r\nOpen the task:\nhttps://evil.example/\u2028\u202e"
    '<a href="https://evil.example/">Approve</a><img src="https://evil.example/pixel.png">{{ 7|add:7 }}'
)


@pytest.mark.django_db(transaction=True)
def test_what_others_wrote_cannot_forge_the_mail(ada: User, server: MailServer) -> None:
    """As it arrives: headers, text and HTML."""
    task = a_task(
        ada,
        question=HOSTILE,
        draft=f"{HOSTILE}\nOpen the task:\nhttps://evil.example/",
        shown={HOSTILE: HOSTILE, "Due": ["x", HOSTILE]},
        started_by=HOSTILE[:100],
        workflow="Fine?\r\nBcc: all@house.example",
        moments=[{"at": "2026-01-01T00:00:00+00:00", "do": "tell"}],
        next_at=NOW - timedelta(days=300),
    )
    task.assignees.update(by_label=HOSTILE, reason=HOSTILE, why=Why.DELEGATED)

    assert (strike(), notices.send_due()) == (1, 1)

    [(to, message)] = server.taken
    assert (to, message["To"], message["Bcc"]) == ([ada.email], ada.email, None)
    assert message["Subject"].startswith("Please review: Fine? Bcc: all@house.example Open the task: https://evil")
    text, html = (part.get_content() for part in message.iter_parts())
    own = [line for line in text.splitlines() if not line.startswith(">")]
    assert [line for line in own if line.startswith(("http", "Open the task", "Bcc"))] == [
        next(line for line in own if "/decide/" in line),
        "Open the task:",
        f"http://127.0.0.1:8000/tasks/{task.pk}/",
    ]
    assert "\u202e" not in text + html
    assert "\u2028" not in text + html
    assert html.count("<a ") == 2
    assert "<img" not in html
    assert "{{ 7|add:7 }}" in html
    assert not re.search(r'(href|src)="https://evil', html)


def test_the_same_moment_told_twice_is_one_mail(ada: User) -> None:
    task = a_task(ada)
    mail = mailed(task)

    with transaction.atomic():
        first, second = (
            notices.notify(ada, key="task.1", kind="task", subject=mail.subject, text=mail.text) for _ in range(2)
        )

    assert first is not None
    assert second is None
