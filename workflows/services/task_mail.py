"""What a mail about a task says: the question and what belongs to it, in plain words, as text and as HTML.

Everything that a run or a person has written stands in it as one line without control characters, and the draft behind
a mark on each of its lines: no text of theirs can pass for a part of the mail.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timesince import timeuntil
from django.utils.translation import gettext as _

from connectors.sdk.shown import readable
from workflows.models import Task, TaskKind, Why
from workflows.services.mail_links import DECIDED_BY_MAIL, expiry, link_for
from workflows.services.telling import Told

MOST_FACTS = 12
LONGEST_FACT = 300
LONGEST_DRAFT = 1_200
LONGEST_LINE = 200
WIDTH = 76


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail, ready for the notice; `line` stands for it in the daily summary."""

    subject: str
    text: str
    html: str
    line: str


def mail_about(task: Task, told: Told, deed: str, now: datetime) -> Mail:
    """`deed` is what the clock does: tell, remind or escalate."""
    said: dict[str, Any] = {
        "lead": _lead(task, told, deed),
        "question": one_line(task.question),
        "rows": list(_rows(task)),
        "draft": shortened(task.current),
        "draft_length": len(task.current),
        "open": settings.PUBLIC_URL + reverse("task", args=[task.pk]),
    }
    if task.kind in DECIDED_BY_MAIL:
        expires = expiry(task, now)
        said["decide"] = settings.PUBLIC_URL + reverse("decide_by_mail", args=[link_for(task, told, expires)])
        said["until"] = _("It is for you alone, and works until %(time)s.") % {"time": moment_of(task, expires)}
    subject = f"{_opening(task, deed, now)}: {said['question']}"
    html = render_to_string("workflows/mail/task.html", said)
    return Mail(subject, _text(said), html, _line(task, deed, said["open"]))


def one_line(text: object) -> str:
    """Line ends, marks that turn the writing direction and other signs that nobody sees become blanks."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in str(text)).split())


def shortened(text: str, most: int = LONGEST_DRAFT) -> str:
    """Lines stay lines; whatever else is no printable sign goes. Cut at a word."""
    lines = [one_line(line) for line in text[: 2 * most].splitlines()]
    whole = "\n".join(lines).strip()
    if len(whole) <= most and len(text) <= 2 * most:
        return whole
    return f"{whole[:most].rsplit(' ', 1)[0].rstrip()} …"


def moment_of(task: Task, at: datetime) -> str:
    """In the time zone of the department, which is named: people in several zones read it."""
    zone = task.department.time_zone
    return f"{date_format(at.astimezone(ZoneInfo(zone)), 'l, j F Y, H:i')} ({zone})"


def _opening(task: Task, deed: str, now: datetime) -> str:
    if deed == "remind" and task.due_at is not None:
        return _("Due in %(time)s") % {"time": timeuntil(task.due_at, now).replace("\xa0", " ")}
    if deed == "escalate":
        return _("Nobody has answered yet")
    return {
        TaskKind.APPROVE: _("Please decide"),
        TaskKind.REVIEW: _("Please review"),
        TaskKind.FORM: _("Please fill in"),
        TaskKind.CHOOSE: _("Please choose"),
        TaskKind.RESOLVE: _("Please carry on"),
    }[TaskKind(task.kind)]


def _line(task: Task, deed: str, address: str) -> str:
    """By the next morning “due in two hours” is not true any more, so the moment itself is named."""
    said = shortened(one_line(task.question), LONGEST_LINE)
    if task.due_at is not None:
        said += " · " + _("due %(time)s") % {"time": moment_of(task, task.due_at)}
    opening = _("Reminder") + ": " if deed == "remind" else ""
    return f"{opening}{said} · {shortened(one_line(task.run.workflow.name), 80)}: {address}"


def _lead(task: Task, told: Told, deed: str) -> str:
    """Why this person gets this mail."""
    asked = told.asked
    sentences = {
        Why.ASKED: _("A workflow asks you."),
        Why.DELEGATED: _("%(by)s has handed this over to you: %(reason)s"),
        Why.ESCALATED: _("Nobody has answered this question so far, so you are asked as well."),
        Why.HANDED_ON: _("Those asked before have not answered in time, so you are asked now."),
    }
    why = sentences[Why(asked.why)] % {"by": one_line(asked.by_label), "reason": one_line(asked.reason)}
    if deed == "remind":
        why = _("This question still waits for you.")
    if told.in_place_of:
        why += " " + _("You stand in for %(name)s.") % {"name": one_line(told.in_place_of)}
    return why


def _rows(task: Task) -> Iterator[tuple[str, str]]:
    """Label and value, each one line."""
    yield _("Workflow"), one_line(task.run.workflow.name)
    yield _("Started by"), one_line(task.run.started_by or "Tandem")
    if task.due_at is not None:
        yield _("Due"), moment_of(task, task.due_at)
    facts = list(task.shown.items())
    for name, value in facts[:MOST_FACTS]:
        yield one_line(name), shortened(one_line(readable(value)), LONGEST_FACT)
    if len(facts) > MOST_FACTS:
        yield _("And more"), _("%(count)d further facts stand on the page.") % {"count": len(facts) - MOST_FACTS}


def _text(said: Mapping[str, Any]) -> str:
    parts = [_folded(said["lead"]), _folded(f"“{said['question']}”")]
    parts.append("\n".join(_folded(f"{name}: {value}", "    ") for name, value in said["rows"]))
    if said["draft"]:
        title = _("The draft (%(count)s characters in all):") % {"count": f"{said['draft_length']:,}"}
        quoted = [line for written in said["draft"].split("\n") for line in _quoted(written)]
        parts.append("\n".join([title, *quoted]))
    if "decide" in said:
        parts.append(_("Decide on one page:") + f"\n{said['decide']}\n" + _folded(said["until"]))
    parts.append(_("Open the task:") + f"\n{said['open']}")
    return "\n\n".join(parts) + "\n"


def _folded(text: str, indent: str = "") -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False)


def _quoted(line: str) -> list[str]:
    return [f"> {part}" for part in textwrap.wrap(line, WIDTH - 2, break_on_hyphens=False)] or [">"]
