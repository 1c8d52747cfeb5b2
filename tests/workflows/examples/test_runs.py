"""Every example through services, engine and steps to its end; only the AI at the other end of the wire is scripted."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from docx import Document

from connectors.models import SchemaSupport
from departments.access import SYSTEM
from departments.models import Department
from tests import factories
from tests.scripted_provider import MODEL, Reply, ScriptedProvider, blocks_in, fitting, gives, scripted_provider
from tests.workflows.runtime.harness import carried, silent_broker
from workflows.models import Run, StoredFile, Task, Workflow
from workflows.runtime import files
from workflows.services.examples import seed_examples, start_sample
from workflows.services.tasks import decide_task

__all__ = ["scripted_provider"]

pytestmark = pytest.mark.django_db(transaction=True)

FACTS = {
    "product": "Round-Up",
    "audience": "savers",
    "offer": "5 euros",
    "deadline": "30 April 2026",
    "parties": "Acme Bank AB and Fernhill",
    "term_years": 7,
    "governing_law": "England and Wales",
    "intellectual_property": "rights are transferred",
    "non_solicitation_months": 24,
    "return_days": 60,
}


@pytest.fixture
def provider(scripted_provider: ScriptedProvider) -> Iterator[ScriptedProvider]:
    """The usual model, answering as a sensible one would, and the examples in their departments."""
    served = factories.make_provider(base_url=scripted_provider.base_url)
    factories.make_model(served, name=MODEL, is_default=True, schema_support=SchemaSupport.FULL)
    scripted_provider.reply = sensible
    for name in ("Marketing", "Legal", "Communications"):
        Department.objects.create(name=name, slug=name.lower())
    seed_examples()
    return scripted_provider


def sensible(asked: dict[str, Any]) -> Reply:
    """What a good model says to the questions of the examples."""
    form = asked["response_format"]["json_schema"]["schema"]["properties"]
    said = asked["messages"][0]["content"]
    text = " ".join(blocks_in(asked).values())
    if "label" in form:
        return gives({"label": label_for(text, form["label"]["enum"]), "confidence": 90, "reason": "its own words"})
    if "urgency" in form:
        return gives(
            {"topic": "court" if "sues" in text else "product", "urgency": "high" if "sues" in text else "low"}
        )
    if set(form) <= set(FACTS):
        return gives({name: FACTS[name] for name in form})
    if "quotes" in form:
        return gives({"answer": "It does not say.", "quotes": [], "found": False})
    if "for this channel" in said:
        return gives({"text": "A guaranteed gain." if "channel: Ad." in said else "Save with every coffee."})
    return (
        gives({"summary": "A former adviser sues the bank, and everything else is calm."})
        if "summary" in form
        else fitting(asked)
    )


def label_for(text: str, labels: list[str]) -> str:
    wanted = {
        "negative": "sues" in text,
        "neutral": "negative" in labels,
        "escalate": "become the property of Fernhill" in text,
        "fallback": "sixty days" in text,
        "accept": "escalate" in labels,
    }
    return next((label for label, holds in wanted.items() if holds), "fine")


def started(slug: str) -> Run:
    with silent_broker():
        return start_sample(Workflow.objects.select_related("department", "live").get(template=slug))


def ended(slug: str) -> Run:
    run = carried(started(slug))
    assert (run.status, run.error) == ("succeeded", None)
    return run


def decided(slug: str, **decision: Any) -> tuple[Run, Task]:
    """The run with its one task decided, and that task."""
    run = carried(started(slug))
    assert run.status == "waiting"
    task = Task.objects.get(run=run)
    with silent_broker():
        decide_task(task, actor=SYSTEM, **decision)
    return carried(run), task


def paragraphs(run: Run, name: str) -> list[str]:
    stored = StoredFile.objects.get(pk=run.output[name]["file"])
    return [paragraph.text for paragraph in Document(io.BytesIO(files.read(stored))).paragraphs]


def test_the_campaign_pack_counts_the_text_with_the_forbidden_word(provider: ScriptedProvider) -> None:
    run = ended("campaign-copy")

    assert run.output["risky"] == 1
    assert "Forbidden words found: guaranteed" in paragraphs(run, "file")
    assert provider.calls == 9


def test_the_nda_memo_escalates_the_clause_that_takes_our_rights(provider: ScriptedProvider) -> None:
    run = ended("nda-triage")

    assert run.output["recommendation"] == "Escalate to a lawyer"
    assert [(row["topic"], row["label"], row["place"]) for row in run.output["deviations"]] == [
        ("Return of information", "fallback", "paragraph 8"),
        ("Intellectual property", "escalate", "paragraph 9"),
    ]
    assert "Intellectual property: escalate" in paragraphs(run, "memo")
    assert provider.calls == 9


def test_a_topic_that_no_clause_names_is_asked_of_the_whole_agreement(provider: ScriptedProvider) -> None:
    run = ended("nda-triage")

    asked = [question for question in provider.requests if "quotes" in str(question.get("response_format"))]
    rows = run.steps.get(path="comparison").output["results"]
    assert len(asked) == 1
    assert "13. Final provisions." in " ".join(blocks_in(asked[0]).values())
    assert rows[-1]["clause"] == "The agreement does not speak about this: Data breach."


def test_the_press_digest_counts_and_names_what_is_urgent(provider: ScriptedProvider) -> None:
    run = ended("press-digest")

    assert run.output["counts"] == {"articles": 6, "negative": 1, "urgent": 1}
    assert any(text.startswith("Former adviser sues Acme Bank over dismissal") for text in paragraphs(run, "file"))
    assert provider.calls == 13


def test_an_article_that_the_ai_cannot_judge_is_named_and_the_others_go_on(provider: ScriptedProvider) -> None:
    provider.reply = lambda asked: gives("no form at all") if "Corvus Pay" in str(asked) else sensible(asked)

    run = ended("press-digest")

    assert run.output["counts"]["articles"] == 5
    assert "Could not be judged, please read them yourself: 1." in paragraphs(run, "file")


def test_the_pack_that_the_brand_owner_edited_is_the_one_in_the_document(provider: ScriptedProvider) -> None:
    run, task = decided("campaign-copy-reviewed", decision="approve", text="# Campaign pack\n\nBetter words.")

    assert task.draft.startswith("# Campaign pack: Round-Up")
    assert (run.output["edited"], run.output["reviewed_by"]) == (True, SYSTEM.label)
    assert "Better words." in paragraphs(run, "file")


@pytest.mark.parametrize(
    ("decision", "reason", "word"), [("approve", "", "approved"), ("reject", "We know them.", "rejected")]
)
def test_the_memo_records_what_the_lawyer_decided(
    provider: ScriptedProvider, decision: str, reason: str, word: str
) -> None:
    run, task = decided("nda-triage-approved", decision=decision, reason=reason)

    assert task.question == "Do you follow this recommendation: Escalate to a lawyer?"
    assert (run.output["decision"], run.output["decided_by"]) == (word, SYSTEM.label)
    assert f"Decision: {word} by {SYSTEM.label}. {reason}".strip() in [text.strip() for text in paragraphs(run, "memo")]


def test_the_digest_goes_out_as_the_press_officer_approved_it(provider: ScriptedProvider) -> None:
    run, task = decided("press-digest-reviewed", decision="approve")

    assert task.shown == {"Articles": 6, "Negative": 1, "To answer today": 1}
    assert run.output["digest"] == task.draft
    assert run.output["reviewed_by"] == SYSTEM.label
