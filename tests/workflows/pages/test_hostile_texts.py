"""Hostile texts in every field, seen by every role: they show as text, and nothing else of them appears (case H03)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.db import transaction
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from selectolax.lexbor import LexborHTMLParser

from tests.hostile_texts import TEXTS
from tests.workflows.pages.hostile import Hostile, Pen, a_hostile_department
from workflows.models import Workflow
from workflows.services import mail_links
from workflows.services.telling import Told

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(600)]

ROUNDS = [["manager", "viewer"], ["operator", "approver", "builder"]]
"""Who looks. In each round every field holds another text than in the one before."""
MARK = re.compile(r"h03x\d{3}")
SAYS = frozenset(["value", "title", "placeholder", "alt", "label", "aria-label", "content"])
"""Attributes in which a text is nothing but shown; beside them data-*, which our scripts read as data."""
OURS = re.compile(r"(/|\?|https?://testserver/)[^/\\]")
"""How an address begins that stays on this server."""
_OURS: list[frozenset[Any]] = []
"""Looked at once."""
PLAIN = [f"Plain words {number} h03x000" for number in range(97)] + [
    "# Markdown\n\n- **that** [leads](https://example.org)\n\n> `out`\n\n```\ncode\n```\n\n1. *one*\n\n---\n",
    "|a|b|\n|-|-|\n|1|2|\n",
    "{{ inputs.nothing }} and {{ an open",
    "ND\u0410",
]
"""Harmless, and yet all that the pages make something of."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A page as a browser understands it. `shapes` are its elements, alone and with each of their attributes."""

    address: str
    shapes: frozenset[tuple[str, str]]
    text: str
    wrong: tuple[str, ...]


def understood(address: str, html: str) -> Seen:
    root = LexborHTMLParser(html).root
    assert root is not None
    shapes, texts, wrong = set(), [], []
    for node in root.traverse(include_text=True):
        if node.tag == "-text":
            texts.append(node.text_content or "")
            wrong += _in_code(node)
        elif node.tag == "-comment":
            wrong += MARK.findall(node.html or "")
        elif not node.tag.startswith("-"):
            shapes |= {(node.tag, ""), *((node.tag, name) for name in node.attributes)}
            texts += [
                value or "" for name, value in node.attributes.items() if name in SAYS or name.startswith("data-")
            ]
            wrong += _in_attributes(node)
    return Seen(address, frozenset(shapes), plainly(" ".join(texts)), tuple(wrong))


def _in_code(text: Any) -> Iterator[str]:
    around = text.parent
    if around.tag in ("script", "style") and around.attributes.get("type") != "application/json":
        yield from MARK.findall(text.text_content or "")


def _in_attributes(node: Any) -> Iterator[str]:
    for name, value in node.attributes.items():
        if name.startswith("on") or MARK.search(name):
            yield f"<{node.tag} {name}={value}>"
        elif value and MARK.search(value) and not _only_says(name, value):
            yield f"<{node.tag} {name}={value[:200]}>"


def _only_says(name: str, value: str) -> bool:
    return name in SAYS or name.startswith("data-") or (name in ("href", "action") and bool(OURS.match(value)))


def plainly(text: str) -> str:
    """Without what no parser keeps apart: blanks and control characters."""
    for letter in set(text):
        if unicodedata.category(letter)[0] in "ZC" or letter == "\ufffd":
            text = text.replace(letter, "")
    return text


# ── the pages ────────────────────────────────────────────────────────────────────────────────────────────────────────


def pages_of(hostile: Hostile) -> list[str]:
    """Every page and fragment that shows to anybody what somebody wrote."""
    workflow, run = hostile.scene.workflow, hostile.run
    names = "home workflows runs tasks library manual absence mail_choice departments ledger templates prompt_new"
    searched = [(name, TEXTS[number]) for name in ("workflows", "runs", "library") for number in (0, 34, 73)]
    compared = [f"{of(workflow, 'compare')}?from=1&to={to}" for to in ("draft", "2")]
    return [
        *(reverse(name) for name in [*names.split(), "connections"]),
        reverse("connection", args=[hostile.connection.pk]),
        reverse("services"),
        *(reverse("service", args=[made.pk]) for made in hostile.scene.department.manifests.all()),
        *(reverse("trigger", args=[workflow.pk, made.pk]) for made in workflow.triggers.all()),
        *(f"{reverse(name)}?{urlencode({'q': text})}" for name, text in searched),
        *(of(workflow, name) for name in ("workflow", "versions", "export")),
        *compared,
        *(of(run, name) for name in ("run", "run_steps", "record")),
        *(of(run, "run_step", step.pk) for step in run.steps.all()),
        *(of(task, "task") for task in hostile.tasks),
        *(of(saved, "saved") for saved in hostile.saved),
        *(of(saved, "saved_version", number) for saved in hostile.saved for number in (1, 2)),
        of(hostile.mode, "manual_mode"),
        reverse("department", args=[hostile.scene.department.slug]),
        *(reverse("absence_of", args=[person.pk]) for person in hostile.people.values()),
    ]


def pages_of_builders(hostile: Hostile) -> list[str]:
    workflow = hostile.scene.workflow
    steps = [step["id"] for step in workflow.draft["steps"]]
    of_workflow = "build build_menu build_history build_start build_result build_result_data build_test publish"
    of_step = "build_data build_form step_keep step_prompt_keep step_prompt"
    return [
        reverse("new_workflow"),
        reverse("connection_new"),
        *(f"{reverse('connection_new')}?connector={made.name}" for made in workflow.department.manifests.all()),
        *(of(workflow, name) for name in of_workflow.split()),
        *(of(workflow, "build_step", step) for step in steps),
        *(of(workflow, name, steps[-1]) for name in of_step.split()),
        *(of(workflow, "build_sample", step) for step in steps[:2]),
    ]


def of(thing: Model, name: str, *more: Any) -> str:
    return reverse(name, args=[thing.pk, *more])


def admin_pages_of(hostile: Hostile) -> list[str]:
    models = {type(row) for row in hostile.rows} | {Workflow}
    lists = [reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist") for model in models]
    of_rows = [
        reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{page}", args=[row.pk])
        for row in hostile.rows
        for page in ("change", "history", "delete")
        if type(row) in admin.site._registry
    ]
    return [reverse("admin:index"), *lists, *of_rows]


def seen_by(user: Any, addresses: list[str]) -> Iterator[Seen]:
    """The pages that this person may see; none of them breaks."""
    client = Client()
    client.force_login(user)
    for address in addresses:
        answer = client.get(address, HTTP_HX_REQUEST="true" if "/build/" in address else "")
        assert answer.status_code < 500, address
        if "html" in answer.get("Content-Type", "") and answer.status_code not in (301, 302):
            yield understood(address, answer.content.decode())


def everything_seen(hostile: Hostile, roles: Sequence[str]) -> list[Seen]:
    pages = pages_of(hostile)
    found = [seen for role in roles for seen in seen_by(hostile.people[role], pages)]
    found += seen_by(hostile.people["builder"], pages_of_builders(hostile))
    found += seen_by(hostile.administrator, [reverse("home"), *admin_pages_of(hostile)])
    return [*found, *by_mail(hostile)]


def by_mail(hostile: Hostile) -> Iterator[Seen]:
    task = hostile.tasks[0]
    approver = hostile.people["approver"]
    told = Told(approver, task.assignees.first())
    link = mail_links.link_for(task, told, task.due_at)
    yield from seen_by(approver, [reverse("decide_by_mail", args=[link])])


@pytest.fixture
def ours(db: None) -> frozenset[Any]:
    """Every element of all pages while the texts are plain words, with the names of its attributes."""
    if not _OURS:
        with transaction.atomic():
            seen = everything_seen(a_hostile_department(Pen(PLAIN)), ["manager", "approver", "viewer"])
            transaction.set_rollback(True)
        _OURS.append(frozenset(shape for page in seen for shape in page.shapes))
    return _OURS[0]


@pytest.mark.parametrize("number", range(len(ROUNDS)))
def test_hostile_texts_are_shown_as_text_and_nothing_of_theirs_appears(number: int, ours: frozenset[Any]) -> None:
    pen = Pen(TEXTS[number * 104 :] + TEXTS[: number * 104])
    found = everything_seen(a_hostile_department(pen), ROUNDS[number])

    assert {seen.address: seen.wrong for seen in found if seen.wrong} == {}
    strange = {(seen.address, shape) for seen in found for shape in seen.shapes if shape not in ours}
    assert strange == set()
    missing = [text for text in dict.fromkeys(pen.written) if not is_shown(text, found)]
    assert missing == [], missing


def is_shown(text: str, found: list[Seen]) -> bool:
    """A long text may be cut."""
    wanted = plainly(text)[:60]
    return any(wanted in seen.text for seen in found)
