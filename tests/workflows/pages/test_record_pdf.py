"""The record as a PDF: read back with pypdf, and held against the facts."""

from __future__ import annotations

import io
import re
from html import unescape
from typing import Any

import pytest
from django.conf import settings
from pypdf import PdfReader

from audit.models import Entry
from config import front_end
from tests import factories
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from workflows.models import RunStatus
from workflows.pages import record_pdf
from workflows.services.gathering import gather

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def fonts() -> None:
    front_end.build(settings.FRONT_END_DIR)


def read(client: Any, run: Any) -> str:
    answer = client.get(f"/runs/{run.pk}/record.pdf")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages]
    return " ".join("\n".join(pages).split())


def test_it_tells_draft_difference_decision_prompts_and_ledger(scene: Scene, signed_in: Any) -> None:
    run = scenes.a_waiting_run(scene)
    task = run.tasks.get()
    task.draft = "We deeply regret this."
    scenes.decided(task, scene.approver, text="We regret this.")
    seen = {"open_s": 7_380.0, "look_s": 63.0, "seen_sha256": "ab" * 32, "verdict": "lightly"}
    factories.make_decision(task, scene.approver, words=4, words_changed=1, **seen)

    text = read(signed_in(scene.viewer), run)

    for said in (
        "This run has not ended.",
        "We deeply regret this.",
        "3 of 4 words of the draft kept",
        "Astrid Berg: approved",
        "open for 2 h 3 min",
        "Lightly edited: 1 word changed in a draft of 4",
        "ab" * 20,
        "Asked of practice (user) Find in the text: product, audience",
        "Item 4",
        "Nothing of the run is left out",
    ):
        assert said in text
    deed = Entry.objects.shown().get(verb="run.record_taken")
    assert (deed.actor_label, deed.run_id) == ("Viggo Holm", run.pk)


@pytest.mark.parametrize(
    "text",
    ["Привет, мир", "Καλημέρα κόσμε", "İstanbul’da şubeler açık, ığüöç", "Łódź, Příliš žluťoučký kůň", "€ 5 – “so” …"],
)
def test_letters_of_europe_are_shown(scene: Scene, signed_in: Any, text: str) -> None:
    found = read(signed_in(scene.viewer), scenes.a_run(scene, title=text, output={"text": text}))

    assert text in found
    assert "white square" not in found


def test_what_is_read_from_right_to_left_is_turned_and_joined(scene: Scene, signed_in: Any) -> None:
    run = scenes.a_run(scene, output={"text": "مرحبا بالعالم"})

    found = read(signed_in(scene.viewer), run)

    assert "ﻣﺮﺣﺒﺎ ﺑﺎﻟﻌﺎﻟﻢ" in found  # pypdf reads it in the order of writing again
    assert "white square" not in found


def test_a_character_that_cannot_be_shown_stands_as_a_box_and_is_named(scene: Scene, signed_in: Any) -> None:
    run = scenes.a_run(scene, output={"text": "中国 pays \u202e5 EUR"})

    found = read(signed_in(scene.viewer), run)

    assert "□□ pays □5 EUR" in found
    for name in ("U+4E2D CJK UNIFIED IDEOGRAPH-4E2D", "U+202E RIGHT-TO-LEFT OVERRIDE"):
        assert name in found


def test_a_line_of_the_ledger_says_what_its_sentence_leaves_unsaid(scene: Scene, signed_in: Any) -> None:
    run = scenes.a_run(scene)
    told = {
        "actor_kind": "person",
        "actor_label": "Astrid Berg",
        "object_label": "Round-Up",
        "run_id": run.pk,
        "seq": 1,
    }
    entry = Entry.objects.create(verb="task.decided", detail={"decision": "reject", "reason": "Too early"}, **told)
    client = signed_in(scene.viewer)

    page = client.get(f"/runs/{run.pk}/record/").content.decode()

    for text in (page.replace("<br>", " "), read(client, run)):
        assert "Astrid Berg decided “reject” for Round-Up reason: Too early" in text
        assert str(entry.pk) in text.replace(" ", "")


def test_markup_in_what_others_wrote_is_text(scene: Scene, signed_in: Any) -> None:
    bad = '<img src="file:///etc/passwd"/><b>x</b> &amp; <para>'

    found = read(signed_in(scene.viewer), scenes.a_run(scene, title=bad, output={bad: bad}))

    assert found.count(bad) >= 3


def test_what_is_too_long_is_counted_as_left_out(scene: Scene, signed_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_pdf, "MOST_CHARACTERS", 10)
    run = scenes.a_run(scene, RunStatus.SUCCEEDED)
    step = scenes.a_step(run, "facts", "ai.extract")
    scenes.a_try(step, given={"text": "a" * 50}, calls=[])

    found = read(signed_in(scene.viewer), run)

    assert "46 characters of what steps and models were given and gave are left out" in found
    assert "Nothing of the run is left out" not in found


def test_page_and_pdf_tell_the_same_of_each_question(scene: Scene, signed_in: Any) -> None:
    leaving = {
        "by": "Mail",
        "to": ["press@acme.example"],
        "headings": {"Subject": "Our answer"},
        "body": "We regret this.",
        "attachments": [{"name": "a.pdf", "type": "application/pdf", "size": 5, "sha256": "cd" * 32}],
    }
    task = scenes.a_task(scene, draft="We deeply regret this.", leaving=leaving, sends="mail")
    scenes.decided(task, scene.approver, text="We regret this.", reason="Shorter is better.")
    factories.make_decision(task, scene.approver, reason="Shorter is better.", seen_sha256="ab" * 32)
    client = signed_in(scene.viewer)

    asked = gather(task.run).questions.rows[0]
    page = unescape(re.sub(r"<[^>]+>", "", client.get(f"/runs/{task.run.pk}/record/").content.decode()))
    paper = read(client, task.run)

    facts = [asked.question, asked.draft, asked.title, asked.step, *asked.shown, *leaving["to"], "Our answer", "a.pdf"]
    facts += [
        asked.asked[0].whom,
        asked.voices[0].by,
        asked.voices[0].reason,
        *(line for line in asked.text.split("\n")),
    ]
    hashes = [asked.voices[0].seen_sha256, asked.leaving_sha256, "cd" * 32]
    for told in (" ".join(page.split()), paper):
        assert [fact for fact in facts if " ".join(fact.split()) not in told] == []
        assert [each for each in hashes if each not in told.replace(" ", "")] == []
